"""Gridded SST analyses (OISST, ERSST) as observations at ocean cells, some of the cells withheld for verification."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pipeline import times
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.spaces import Grid


def from_analysis(
    sst: xr.DataArray, ocean: Grid, error: float, withheld: float = 0.1, seed: int = 0, stride: int = 1
) -> Observations:
    """One observation of `sst` per chosen cell of an ocean grid and time.

    Args:
        sst: analysed fields [degC] on the ocean's grid, dimensions (time, lat, lon); NaN where the analysis has none
            (regrid it with `fill="none"`, so that no cell reports what its neighbour measured).
        ocean: the model's ocean grid.
        error: standard deviation given to every observation [degC].
        withheld: share of the cells kept for verification, the same cells at all times.
        seed: fixes which cells.
        stride: every how many cells are used, along both axes.

    Raises:
        PipelineError: another grid, a bad share or stride, or no cell left.
    """
    if not ocean.matches(sst["lat"].values, sst["lon"].values):
        raise PipelineError(
            f"SST analysis on a grid of {sst.sizes['lat']}x{sst.sizes['lon']}, not the ocean's; regrid it"
        )
    if not (0.0 <= withheld < 1.0 and stride >= 1):
        raise PipelineError(f"SST observations: withheld {withheld} must be in [0, 1), stride {stride} at least 1")
    chosen = np.zeros(ocean.shape, dtype=bool)
    chosen[stride // 2 :: stride, stride // 2 :: stride] = True
    row, column = np.nonzero(chosen & ocean.mask)
    if len(row) == 0:
        raise PipelineError(f"SST observations: a stride of {stride} leaves no sea cell of {ocean.shape}")
    kept_back = np.random.default_rng(seed).permutation(len(row)) < round(withheld * len(row))
    seconds = np.atleast_1d(times.to_seconds(sst["time"].values))
    parts = []
    for step, second in enumerate(seconds):  # one field at a time, however long the record
        value = sst.isel(time=step).transpose("lat", "lon").values[row, column].astype(np.float64)
        known = np.isfinite(value)
        count = int(known.sum())
        parts.append(
            Observations(
                time=np.full(count, second),
                variable=np.full(count, "sst"),
                lat=ocean.lat[row[known]],
                lon=ocean.lon[column[known]],
                value=value[known],
                error=np.full(count, error),
                withheld=kept_back[known],
            )
        )
    return Observations.concatenate(parts)
