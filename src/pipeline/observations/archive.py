"""Archive analyses of sea surface temperature as observations of the cycles; only the source differs from a twin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.datasets import ersst, oisst
from pipeline.datasets.regridding import regrid
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.sst_analysis import from_analysis
from pipeline.spaces import Grid


def observe_archive(
    source: str,
    files: Sequence[str | Path],
    ocean: Grid,
    begin: np.datetime64,
    days: int,
    interval_hours: int,
    error: float,
    withheld: float,
    seed: int,
) -> Observations:
    """SST observations at every sea cell that the archive covers, every `interval_hours` after `begin`.

    Args:
        source: `ersst` (monthly, interpolated in time) or `oisst` (daily).
        files: of the archive.
        ocean: the model's ocean grid, to which fields are averaged conservatively.
        error: standard deviation [degC].
        withheld: share of the cells kept for verification.

    Raises:
        PipelineError: files missing or damaged, or a day that they do not cover.
    """
    step = np.timedelta64(interval_hours, "h")
    time = begin + step * np.arange(1, days * 24 // interval_hours + 1)
    fields = _monthly(files, time) if source == "ersst" else _daily(files, time)
    sst = regrid(fields[["sst"]], ocean, fill="none")["sst"]
    return from_analysis(sst, ocean, error, withheld, seed)


def _monthly(files: Sequence[str | Path], time: np.ndarray) -> xr.Dataset:
    if len(files) != 1:
        raise PipelineError(f"real_observations.files: ersst is one file, {len(files)} given")
    return ersst.at(ersst.open(str(files[0])), time)


def _daily(files: Sequence[str | Path], time: np.ndarray) -> xr.Dataset:
    days = xr.concat([oisst.open(str(file)) for file in files], dim="time").sortby("time")
    try:
        return days.sel(time=time, method="nearest", tolerance=np.timedelta64(12, "h")).assign_coords(time=time)
    except KeyError:
        have = f"{len(files)} files from {days['time'].values[0]} to {days['time'].values[-1]}"
        raise PipelineError(f"real_observations.files: not every day from {time[0]} to {time[-1]}; {have}") from None
