"""Quality control: reports far from a field are rejected, several reports in one cell are averaged."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.spaces import Component

SURFACE_FACTOR, ALOFT_FACTOR = 4.0, 1.0


def mean_absolute_change(field: xr.DataArray, hours: int = 48) -> xr.DataArray:
    """Time mean of |f(t + hours) - f(t)|, dimensions (lat, lon), lazily where `field` is.

    Raises:
        PipelineError: times are irregular, or too few to span the interval.
    """
    steps = np.diff(field["time"].values).astype("timedelta64[s]").astype(np.int64)
    if len(steps) == 0 or (steps != steps[0]).any() or (hours * 3600) % steps[0]:
        raise PipelineError(
            f"{field.name}: the change over {hours} h needs regular times that {hours} h is a multiple of"
        )
    lag = hours * 3600 // int(steps[0])
    if lag >= field.sizes["time"]:
        raise PipelineError(f"{field.name}: {field.sizes['time']} times are too few for changes over {hours} h")
    return np.abs(field - field.shift(time=lag)).mean("time")


def gross_error_check(
    value: np.ndarray, field: np.ndarray, change: np.ndarray, factor: float = SURFACE_FACTOR
) -> np.ndarray:
    """True where |value - field| <= factor * change is met.

    Args:
        value: observed values, shape (p,).
        field: H of a field that is trusted (background or reanalysis), shape (p,).
        change: H of its mean absolute 48-h change, shape (p,).
        factor: 4 at the surface, 1 aloft (Fan et al., quality control of HLOBA).
    """
    return np.abs(value - field) <= factor * change


def superobservations(observations: Observations, component: Component) -> Observations:
    """One observation per variable, time, cell and use (withheld or not): the mean of its reports.

    The error of a mean of k reports with independent errors e is sqrt(sum e^2) / k; positions are averaged as well, the
    longitude relative to the cell's centre. Observations of other components' variables pass unchanged.
    """
    grid = component.grid
    mine = np.isin(observations.variable, component.variables)
    own = observations.where(mine)
    if len(own) == 0:
        return observations
    row = np.clip(np.searchsorted(grid.lat_bounds, own.lat, side="right") - 1, 0, len(grid.lat) - 1)
    column = np.abs((own.lon[:, None] - grid.lon + 180.0) % 360.0 - 180.0).argmin(axis=1)
    name = np.unique(own.variable, return_inverse=True)[1]
    keys = np.stack([own.time, name, row, column, own.withheld], axis=1)
    _, first, cell, count = np.unique(keys, axis=0, return_index=True, return_inverse=True, return_counts=True)
    cell = cell.ravel()

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, weights=values) / count

    centre = grid.lon[column]
    averaged = Observations(
        time=own.time[first],
        variable=own.variable[first],
        lat=mean(own.lat),
        lon=np.mod(centre[first] + mean((own.lon - centre + 180.0) % 360.0 - 180.0), 360.0),
        value=mean(own.value),
        error=np.sqrt(np.bincount(cell, weights=own.error**2)) / count,
        withheld=own.withheld[first],
    )
    return Observations.concatenate([averaged, observations.where(~mine)])
