"""Scores against their formulas."""

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.spaces import Grid
from pipeline.verification import metrics


@pytest.fixture
def grid():
    bounds = np.linspace(-90, 90, 13)
    mask = np.ones((12, 24), dtype=bool)
    mask[4:6, 3:9] = False
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(24) * 15.0, bounds, mask)


def field(grid, values):
    return xr.DataArray(values, dims=("time", "lat", "lon"), coords={"lat": grid.lat, "lon": grid.lon})


def test_rmse_is_the_area_weighted_one_over_the_sea(grid):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, *grid.shape))
    a[:, ~grid.mask] = np.nan
    square = np.where(grid.mask, (a - b) ** 2, 0.0)
    expected = np.sqrt((square * grid.weights).sum(axis=(1, 2)))
    np.testing.assert_allclose(metrics.rmse(field(grid, a), field(grid, b), grid), expected, rtol=1e-12)


def test_a_constant_error_is_its_own_rmse_and_bias(grid):
    zero = field(grid, np.zeros((2, *grid.shape)))
    np.testing.assert_allclose(metrics.rmse(zero + 3.0, zero, grid), 3.0, rtol=1e-12)
    np.testing.assert_allclose(metrics.bias(zero - 3.0, zero, grid), -3.0, rtol=1e-12)


def test_correlation_ignores_offset_and_scale(grid):
    a = field(grid, np.random.default_rng(1).standard_normal((1, *grid.shape)))[0]
    assert metrics.pattern_correlation(a, 2.0 * a + 5.0, grid) == pytest.approx(1.0, abs=1e-12)
    assert metrics.pattern_correlation(a, -a, grid) == pytest.approx(-1.0, abs=1e-12)


def test_last_digits_of_a_latitude_drop_no_row(grid):
    rng = np.random.default_rng(3)
    a, b = (field(grid, values) for values in rng.standard_normal((2, 1, *grid.shape)))
    other = b.assign_coords(lat=b["lat"] * (1 + 4e-16) + 1e-13)
    np.testing.assert_array_equal(metrics.rmse(a, other, grid), metrics.rmse(a, b, grid))
    assert metrics.pattern_correlation(a[0], other[0], grid) == metrics.pattern_correlation(a[0], b[0], grid)


def test_a_field_of_another_grid_is_refused(grid):
    zero = field(grid, np.zeros((1, *grid.shape)))
    with pytest.raises(PipelineError, match=r"11 lat from .* has 12 from"):
        metrics.rmse(zero.isel(lat=slice(1, None)), zero, grid)
    with pytest.raises(PipelineError, match=r"24 lon from 5\.000"):
        metrics.bias(zero.assign_coords(lon=grid.lon + 5.0), zero, grid)


def test_the_interval_covers_the_mean_of_correlated_errors():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(60):
        noise = rng.standard_normal(400)
        series = np.convolve(noise, np.ones(4) / 4, mode="same") + 1.0
        low, high = metrics.bootstrap_interval(series, block=16, seed=seed)
        hits += low <= 1.0 <= high
    assert hits >= 50


def test_blocks_of_a_long_series_are_as_long_as_its_episodes():
    """Episodes of 40 samples among 600: blocks of 8 take each for five independent ones, those of 50 do not."""
    rng = np.random.default_rng(3)
    short = long = 0
    for seed in range(60):
        series = np.repeat(rng.standard_normal(15), 40)
        low, high = metrics.bootstrap_interval(series, block=8, seed=seed)
        short += low <= 0.0 <= high
        low, high = metrics.bootstrap_interval(series, seed=seed)
        long += low <= 0.0 <= high
    assert short < 45
    assert long >= 48
    few = series[:90]
    assert metrics.bootstrap_interval(few) == metrics.bootstrap_interval(few, block=8)


def test_the_interval_of_a_few_seeds_is_students():
    """Four values of mean 3 and variance 10/3: t of 0.975 and 3 degrees of freedom is 3.18245 (tables)."""
    low, high = metrics.student_interval(np.array([1.0, 2.0, 4.0, 5.0]))
    assert 0.5 * (low + high) == pytest.approx(3.0)
    assert 0.5 * (high - low) == pytest.approx(3.182446 * np.sqrt(10.0 / 3.0 / 4.0), rel=1e-6)
