"""Errors of assimilation cycles: against the truth of a twin, or against observations that were withheld."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import xarray as xr

from pipeline import times
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Space
from pipeline.verification import metrics

COLUMNS = ["method", "seed", "time", "stage", "variable", "rmse", "bias"]


def errors_against_truth(run: xr.Dataset, truth: xr.Dataset, component: str, space: Space) -> pd.DataFrame:
    """RMSE and bias of a component's variables at each time and stage.

    Args:
        run: (stage, time, lat, lon); only the times that the truth has count.
        truth: the twin's truth, stage `analysis`.
    """
    grid = space[component].grid
    reference = truth.sel(stage="analysis", drop=True)
    estimate = run.sel(time=np.intersect1d(run["time"], reference["time"]))
    reference = reference.sel(time=estimate["time"])
    rows = []
    for variable in space[component].variables:
        rmse = metrics.rmse(estimate[variable], reference[variable], grid)
        bias = metrics.bias(estimate[variable], reference[variable], grid)
        frame = xr.Dataset({"rmse": rmse, "bias": bias}).to_dataframe()[["rmse", "bias"]].reset_index()
        rows.append(frame.assign(variable=variable))
    return pd.concat(rows, ignore_index=True)


def errors_against_observations(run: dict[str, xr.Dataset], observations: Observations, space: Space) -> pd.DataFrame:
    """RMSE and bias of the state interpolated to the withheld observations, at each time that has some."""
    rows = []
    for stage, time, state in _states(run, space):
        present = observations.select(time=time)
        for variable in np.unique(present.variable):
            there = present.select(variable=str(variable))
            departure = Interpolation(space, there)(state).numpy() - there.value
            rows.append(
                {
                    "stage": stage,
                    "time": times.to_datetime(time),
                    "variable": str(variable),
                    "rmse": float(np.sqrt(np.mean(departure**2))),
                    "bias": float(np.mean(departure)),
                }
            )
    return pd.DataFrame(rows)


def _states(run: dict[str, xr.Dataset], space: Space) -> Iterator[tuple[str, int, torch.Tensor]]:
    first = next(iter(run.values()))
    for stage in first["stage"].values:
        for time in first["time"].values:
            fields = {name: ds.sel(stage=stage, time=time) for name, ds in run.items()}
            yield str(stage), int(times.to_seconds(time)), space.from_xarray(fields, torch.float64)


def mean_increments(run: xr.Dataset) -> xr.Dataset:
    """Time mean of analysis - background over the times at which something was assimilated."""
    increment = run.sel(stage="analysis", drop=True) - run.sel(stage="background", drop=True)
    return increment.mean("time", keep_attrs=True)
