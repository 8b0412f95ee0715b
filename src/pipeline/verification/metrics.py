"""Scores of fields on the sphere.

The area-weighted root mean square error is WRMSE = sqrt(mean[w (x - x_t)^2]), w = N cos(lat) / sum cos(lat)
(Fan et al., HLOBA); with the weights of `Grid.weights`, which sum to 1 over the sea, that is sqrt(sum[w (x - x_t)^2]).
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats
from scores.continuous import rmse as scores_rmse

from pipeline.errors import PipelineError
from pipeline.spaces import Grid


def rmse(forecast: xr.DataArray, truth: xr.DataArray, grid: Grid) -> xr.DataArray:
    """Area-weighted RMSE over latitude and longitude, masked points left out.

    Args:
        forecast, truth: (..., lat, lon), same units.
        grid: whose `weights` are used.

    Returns:
        RMSE (...), in the variable's units.
    """
    forecast, truth = on_grid(forecast, grid), on_grid(truth, grid)
    weights = xr.DataArray(grid.weights, dims=("lat", "lon"), coords={"lat": truth["lat"], "lon": truth["lon"]})
    return scores_rmse(forecast.where(grid.mask), truth.where(grid.mask), reduce_dims=["lat", "lon"], weights=weights)


def on_grid(field: xr.DataArray, grid: Grid) -> xr.DataArray:
    """The field with the grid's own coordinates.

    A model and a regridding compute the same latitudes in different ways; xarray joins coordinates by equality and
    would silently drop the rows whose last digits differ.

    Raises:
        PipelineError: the field lies on another grid.
    """
    for name, expected in (("lat", grid.lat), ("lon", grid.lon)):
        found = field[name].values
        if found.shape != expected.shape or not np.allclose(found, expected, rtol=0.0, atol=1e-3):
            raise PipelineError(
                f"{field.name or 'field'}: {len(found)} {name} from {found[0]:.3f} to {found[-1]:.3f}; the grid of the "
                f"scores has {len(expected)} from {expected[0]:.3f} to {expected[-1]:.3f}"
            )
    return field.assign_coords(lat=grid.lat, lon=grid.lon)


def bias(forecast: xr.DataArray, truth: xr.DataArray, grid: Grid) -> xr.DataArray:
    """Area-weighted mean of forecast - truth."""
    return weighted_mean(on_grid(forecast, grid) - on_grid(truth, grid), grid)


def weighted_mean(field: xr.DataArray, grid: Grid) -> xr.DataArray:
    """Area mean over the unmasked points."""
    field = on_grid(field, grid)
    weights = xr.DataArray(grid.weights, dims=("lat", "lon"), coords={"lat": field["lat"], "lon": field["lon"]})
    return (field.where(grid.mask, 0.0) * weights).sum(("lat", "lon"))


def pattern_correlation(a: xr.DataArray, b: xr.DataArray, grid: Grid) -> float:
    """Area-weighted correlation of two maps."""
    a, b = on_grid(a, grid), on_grid(b, grid)
    da, db = a - weighted_mean(a, grid), b - weighted_mean(b, grid)
    covariance = weighted_mean(da * db, grid)
    return float(covariance / np.sqrt(weighted_mean(da**2, grid) * weighted_mean(db**2, grid)))


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, block: int | None = None, seed: int = 0
) -> tuple[float, float]:
    """Confidence interval of a mean by the moving-block bootstrap, which respects the errors' memory.

    Args:
        values: series (n,).
        block: length of the blocks, in samples; without it a twelfth of the series, but 8 at least: the memory of
            errors is that of the episodes in which a method loses the truth, which a long series has more of.
    """
    n = len(values)
    block = min(block or max(8, n // 12), n)
    starts = np.random.default_rng(seed).integers(0, n - block + 1, size=(1000, int(np.ceil(n / block))))
    samples = values[(starts[..., None] + np.arange(block)).reshape(1000, -1)[:, :n]].mean(axis=1)
    tail = 0.5 * (1 - level)
    low, high = np.quantile(samples, [tail, 1 - tail])
    return float(low), float(high)


def student_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of the mean of few independent values (n,), n >= 2, such as those of seeds: Student's t."""
    half = stats.t.ppf(0.5 + 0.5 * level, len(values) - 1) * stats.sem(values)
    return float(np.mean(values) - half), float(np.mean(values) + half)
