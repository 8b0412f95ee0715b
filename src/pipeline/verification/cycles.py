"""Errors of assimilation cycles: against the truth of a twin, or against observations that were withheld."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from pipeline import times
from pipeline.files import atomic
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Space
from pipeline.trajectory import open_trajectory
from pipeline.verification import metrics

Chains = dict[str, dict[int, Sequence[str]]]
"""Segments of each seed of each method: method -> seed -> trajectory files in order of time."""


def errors_against_truth(runs: Chains, truths: dict[int, Sequence[str]], space: Space) -> pd.DataFrame:
    """RMSE and bias of every variable at each time and stage.

    Returns:
        Columns `method, seed, component, stage, time, variable, rmse, bias`, in the variables' units.
    """
    rows = []
    for method, seeds in runs.items():
        for seed, paths in seeds.items():
            for path, truth in zip(paths, truths[seed], strict=True):
                frame = _segment_errors(path, truth, space)
                rows.append(frame.assign(method=method, seed=seed))
    return pd.concat(rows, ignore_index=True)


def _segment_errors(path: str, truth_path: str, space: Space) -> pd.DataFrame:
    """Errors of one segment, whose fields are in memory while they are scored."""
    frames = []
    for name in space.names:
        run = open_trajectory([path], name).load()
        truth = open_trajectory([truth_path], name).sel(stage="analysis", drop=True).load()
        frames.append(_field_errors(run.sel(time=truth["time"]), truth, name, space).assign(component=name))
    return pd.concat(frames)


def _field_errors(run: xr.Dataset, truth: xr.Dataset, component: str, space: Space) -> pd.DataFrame:
    grid, frames = space[component].grid, []
    for variable in space[component].variables:
        scores = {
            "rmse": metrics.rmse(run[variable], truth[variable], grid),
            "bias": metrics.bias(run[variable], truth[variable], grid),
        }
        frames.append(xr.Dataset(scores).to_dataframe().reset_index().assign(variable=variable))
    return pd.concat(frames)[["stage", "time", "variable", "rmse", "bias"]]


def errors_against_observations(runs: Chains, withheld: dict[int, Observations], space: Space) -> pd.DataFrame:
    """RMSE and bias of the states interpolated to the withheld observations, at each time that has some.

    Returns:
        The columns of `errors_against_truth`.
    """
    rows = []
    for method, seeds in runs.items():
        for seed, paths in seeds.items():
            fields = {name: open_trajectory(paths, name).load() for name in space.names}
            for stage, second, state in _states(fields, space):
                place = {"method": method, "seed": seed, "stage": stage, "time": times.to_datetime(second)}
                rows += [place | row for row in _departures(state, withheld[seed].select(second, second + 1), space)]
    return pd.DataFrame(rows)


def _states(fields: dict[str, xr.Dataset], space: Space) -> Iterator[tuple[str, int, torch.Tensor]]:
    first = next(iter(fields.values()))
    for stage in first["stage"].values:
        for time in first["time"].values:
            now = {name: ds.sel(stage=stage, time=time) for name, ds in fields.items()}
            yield str(stage), int(times.to_seconds(time)), space.from_xarray(now, torch.float64)


def _departures(state: torch.Tensor, present: Observations, space: Space) -> Iterator[dict]:
    for variable in np.unique(present.variable):
        operator = Interpolation(space, present.select(variable=str(variable)))
        departure = operator(state).numpy() - operator.observations.value
        component = next(c.name for c in space.components if variable in c.variables)
        scores = {"rmse": float(np.sqrt(np.mean(departure**2))), "bias": float(np.mean(departure))}
        yield {"component": component, "variable": str(variable)} | scores


def write_increments(path: Path, runs: Chains, space: Space) -> None:
    """Time mean of analysis - background of each method, over all its seeds; a group per component."""
    with atomic(path) as partial:
        for mode, name in zip("wa", space.names, strict=False):
            means = []
            for seeds in runs.values():
                members = [_mean_increment(open_trajectory(paths, name)) for paths in seeds.values()]
                means.append(xr.concat(members, dim="seed").mean("seed"))
            joined = xr.concat(means, dim=pd.Index(list(runs), name="method"))
            joined.to_netcdf(partial, mode=mode, group=name)


def _mean_increment(run: xr.Dataset) -> xr.Dataset:
    return (run.sel(stage="analysis", drop=True) - run.sel(stage="background", drop=True)).mean("time")


def tendencies(runs: Chains) -> dict[str, pd.DataFrame]:
    """Per method, RMS surface pressure tendency before each window's end and in the first step after it [Pa/s]."""
    frames = {}
    for method, seeds in runs.items():
        parts = []
        for paths in seeds.values():
            series = open_trajectory(paths, "diagnostics").load()
            first, last = series["ps_tendency_first"].values, series["ps_tendency_last"].values
            parts.append(pd.DataFrame({"tendency_before": last[:-1], "tendency_after": first[1:]}))
        frames[method] = pd.concat(parts)
    return frames
