"""Errors aloft and at depth against their formula, on snapshots as the model writes them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipeline.ensembles.base import FIELDS
from pipeline.errors import PipelineError
from pipeline.figures import profiles as figures
from pipeline.spaces import Component, Grid, Space
from pipeline.verification.profiles import UNITS, errors_by_level

DAY = 86400
SIZES = {"level": 2, "lat": 4, "lon": 6, "depth": 3, "jo": 5, "io": 7}
FLOOR = (slice(2, None), 1, 2)
"""Below this cell's sea floor."""


def grid(ny: int, nx: int, mask: np.ndarray | None = None) -> Grid:
    bounds = np.linspace(-80.0, 80.0, ny + 1)
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(nx) * 360.0 / nx, bounds, mask)


@pytest.fixture
def space():
    mask = np.ones((5, 7), dtype=bool)
    mask[0] = False
    return Space(
        (Component("atmosphere", grid(4, 6), ("ps",)), Component("ocean", grid(5, 7, mask), ("sst",))),
    )


def write(folder, seconds: int, rng: np.random.Generator, error: float = 0.0) -> dict:
    fields = {name: rng.standard_normal([SIZES[d] for d in dims]) + 10.0 + error for name, dims in FIELDS.items()}
    for name in ("temp", "salt", "uo", "vo"):
        fields[name][:, 0] = 0.0
        fields[name][FLOOR] = 0.0
    fields["ssh"][0] = 0.0
    axes = {"level": [0.25, 0.75], "depth": [5.0, 50.0, 500.0]}
    folder.mkdir(parents=True, exist_ok=True)
    data = {name: (FIELDS[name], values) for name, values in fields.items()}
    xr.Dataset(data, axes).to_netcdf(folder / f"{seconds}.nc")
    return fields


def test_errors_are_weighted_by_area_and_water(space, tmp_path):
    ours = write(tmp_path / "scda" / "states", DAY, np.random.default_rng(0))
    truth = write(tmp_path / "truth" / "states", DAY, np.random.default_rng(1))
    table = errors_by_level(
        {"scda": {3: [str(tmp_path / "scda" / "states")]}}, {3: [str(tmp_path / "truth" / "states")]}, space
    )
    assert len(table) == 3 * 2 + 4 * 3
    assert set(table["method"]) == {"scda"}
    assert set(table["seed"]) == {3}
    assert set(table["variable"]) == set(UNITS) == {"u", "v", "t", "temp", "salt", "uo", "vo"}

    air = space["atmosphere"].grid.weights
    found = table.query("variable == 'u' and level == 0.75")["rmse"].item()
    assert found == pytest.approx(np.sqrt((air * (ours["u"][1] - truth["u"][1]) ** 2).sum() / air.sum()))
    sea = space["ocean"].grid.weights.copy()
    sea[1, 2] = 0.0
    found = table.query("variable == 'temp' and level == 500.0")["rmse"].item()
    assert found == pytest.approx(np.sqrt((sea * (ours["temp"][2] - truth["temp"][2]) ** 2).sum() / sea.sum()))


def test_a_constant_error_is_its_own_rmse_at_every_level(space, tmp_path):
    for seconds in (DAY, 2 * DAY):
        write(tmp_path / "ctl", seconds, np.random.default_rng(seconds), error=2.0)
        write(tmp_path / "truth", seconds, np.random.default_rng(seconds))
    table = errors_by_level({"ctl": {1: [str(tmp_path / "ctl")]}}, {1: [str(tmp_path / "truth")]}, space)
    np.testing.assert_allclose(table["rmse"], 2.0, rtol=1e-12)
    assert list(table["time"].unique()) == [pd.Timestamp("2000-01-02"), pd.Timestamp("2000-01-03")]
    figure = figures.draw(table, np.datetime64("2000-01-02"))
    drawn = [line for axes in figure.axes for line in axes.get_lines()]
    assert len(drawn) == 4
    assert all(np.allclose(line.get_xdata(), 2.0) for line in drawn)
    assert pd.api.types.is_datetime64_any_dtype(table["time"])


def test_each_seed_has_its_own_truth_and_water_at_zero_degrees_counts(space, tmp_path):
    """Errors of 1 and 3 against the truths of seeds 1 and 2, which differ; a row of ours at 0 degC is water."""
    for seed, error in ((1, 1.0), (2, 3.0)):
        write(tmp_path / "truth" / str(seed), DAY, np.random.default_rng(seed))
        write(tmp_path / "ctl" / str(seed), DAY, np.random.default_rng(seed), error)
    cold = xr.load_dataset(tmp_path / "ctl" / "1" / f"{DAY}.nc")
    truth = xr.load_dataset(tmp_path / "truth" / "1" / f"{DAY}.nc")
    cold["temp"][0, 1:] = truth["temp"][0, 1:]
    cold["temp"][0, 3] = 0.0
    cold.to_netcdf(tmp_path / "ctl" / "1" / f"{DAY}.nc")
    runs, truths = ({seed: [str(tmp_path / name / str(seed))] for seed in (1, 2)} for name in ("ctl", "truth"))
    table = errors_by_level({"ctl": runs}, truths, space)
    np.testing.assert_allclose(table.query("seed == 2")["rmse"], 3.0, rtol=1e-12)
    weights = space["ocean"].grid.weights[3]
    found = table.query("seed == 1 and variable == 'temp' and level == 5.0")["rmse"].item()
    assert found == pytest.approx(np.sqrt((weights * truth["temp"].values[0, 3] ** 2).sum()))


def test_other_times_than_the_truths_are_refused(space, tmp_path):
    write(tmp_path / "ctl", DAY, np.random.default_rng(0))
    write(tmp_path / "truth", 2 * DAY, np.random.default_rng(0))
    with pytest.raises(PipelineError, match="ctl, seed 1"):
        errors_by_level({"ctl": {1: [str(tmp_path / "ctl")]}}, {1: [str(tmp_path / "truth")]}, space)
