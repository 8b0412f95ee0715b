"""Errors aloft and at depth against their formula, on snapshots as the model writes them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipeline.ensembles.base import FIELDS
from pipeline.errors import PipelineError
from pipeline.figures import profiles as figures
from pipeline.spaces import Component, Grid, Space
from pipeline.verification.profiles import errors_by_level

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
    figure = figures.draw(table, np.datetime64("2000-01-02"))
    drawn = [line for axes in figure.axes for line in axes.get_lines()]
    assert len(drawn) == 4
    assert all(np.allclose(line.get_xdata(), 2.0) for line in drawn)
    assert pd.api.types.is_datetime64_any_dtype(table["time"])


def test_other_times_than_the_truths_are_refused(space, tmp_path):
    write(tmp_path / "ctl", DAY, np.random.default_rng(0))
    write(tmp_path / "truth", 2 * DAY, np.random.default_rng(0))
    with pytest.raises(PipelineError, match="ctl, seed 1"):
        errors_by_level({"ctl": {1: [str(tmp_path / "ctl")]}}, {1: [str(tmp_path / "truth")]}, space)
