"""Waves along the equator: those that are put there are found, and nothing else is."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipeline.figures import waves as figures
from pipeline.spaces import Component, Grid, Space
from pipeline.verification.summary import wave_rows
from pipeline.verification.waves import amplitudes, equatorial_waves

NLAT, NLON = 18, 36
TIMES = pd.date_range("2010-09-01", periods=6, freq="6h")


@pytest.fixture
def space():
    bounds = np.linspace(-90.0, 90.0, NLAT + 1)
    lat, lon = 0.5 * (bounds[1:] + bounds[:-1]), np.arange(NLON) * 360.0 / NLON
    return Space((Component("atmosphere", Grid(lat, lon, bounds), ("ps",)),))


def fields(grid, values):
    return xr.DataArray(values, {"time": TIMES, "lat": grid.lat, "lon": grid.lon}, ("time", "lat", "lon"), name="ps")


def wave(grid, wavenumber, amplitude):
    """Travelling east, a quarter of a turn of phase from one time to the next."""
    phase = wavenumber * np.deg2rad(grid.lon) - 0.5 * np.pi * np.arange(len(TIMES))[:, None]
    return np.broadcast_to((amplitude * np.cos(phase))[:, None], (len(TIMES), NLAT, NLON)).copy()


def test_each_wave_has_its_amplitude_wherever_it_has_travelled(space):
    grid = space["atmosphere"].grid
    error = fields(grid, 40.0 + wave(grid, 2, 300.0) + wave(grid, 5, 70.0))
    found = amplitudes(error, grid).pivot_table("amplitude", "time", "wavenumber")
    expected = np.tile([0.0, 300.0, 0.0, 0.0, 70.0, 0.0], (len(TIMES), 1))
    np.testing.assert_allclose(found.values, expected, atol=1e-9)


def test_only_the_belt_counts_and_by_area(space):
    grid = space["atmosphere"].grid
    profile = np.where(np.abs(grid.lat) <= 15.0, 1.0 + np.abs(grid.lat), 1000.0)
    found = amplitudes(fields(grid, wave(grid, 3, 1.0) * profile[:, None]), grid).query("wavenumber == 3")
    inside = np.abs(grid.lat) <= 15.0
    area = np.cos(np.deg2rad(grid.lat[inside]))
    np.testing.assert_allclose(found["amplitude"], (area * profile[inside]).sum() / area.sum())


def test_a_coarse_grid_has_fewer_wavenumbers(space):
    grid = space["atmosphere"].grid
    coarse = Grid(grid.lat, np.arange(8) * 45.0, grid.lat_bounds)
    found = amplitudes(fields(coarse, np.zeros((len(TIMES), NLAT, 8))), coarse)
    assert sorted(found["wavenumber"].unique()) == [1, 2, 3]


def write(path, ps):
    stages = xr.concat([ps + 1000.0, ps], pd.Index(["background", "analysis"], name="stage"))
    stages.to_dataset(name="ps").to_netcdf(path, group="atmosphere")
    return [str(path)]


def test_analyses_of_each_seed_are_set_against_their_own_truth(space, tmp_path):
    grid, rng = space["atmosphere"].grid, np.random.default_rng(0)
    truth = {seed: 1e5 + 500.0 * rng.standard_normal((len(TIMES), NLAT, NLON)) for seed in (1, 2)}
    runs = {
        method: {
            seed: write(tmp_path / f"{method}{seed}.nc", fields(grid, truth[seed] + wave(grid, 2, seed * amplitude)))
            for seed in truth
        }
        for method, amplitude in (("wcda", 100.0), ("scda", 30.0))
    }
    truths = {seed: write(tmp_path / f"truth{seed}.nc", fields(grid, values)) for seed, values in truth.items()}
    table = equatorial_waves(runs, truths, space)
    second = table[table["wavenumber"] == 2].groupby(["method", "seed"])["amplitude"].mean()
    assert second[("wcda", 2)] == pytest.approx(200.0, rel=1e-6)
    assert second[("scda", 1)] == pytest.approx(30.0, rel=1e-6)

    rows = {row["name"]: row["ours"] for row in wave_rows(table, np.datetime64(TIMES[2]))}
    assert rows["equatorial_waves_ps_wcda"] == pytest.approx(np.sqrt((100.0**2 + 200.0**2) / 4.0), rel=1e-6)
    assert rows["equatorial_waves_ps_scda"] == pytest.approx(0.3 * rows["equatorial_waves_ps_wcda"], rel=1e-6)

    figure = figures.draw(table, np.datetime64(TIMES[2]))
    drawn = figure.axes[1].get_lines()
    assert [line.get_label() for line in drawn] == ["WCDA", "SCDA"]
    np.testing.assert_allclose(drawn[0].get_ydata(), 1.5, rtol=1e-6)
    assert all(axes.get_ylim()[0] == 0.0 and axes.get_ylim()[1] > 1.5 for axes in figure.axes)
