"""GRIB files as lazy datasets, by cfgrib and ecCodes."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from pipeline.errors import PipelineError


def open_grib(files: Sequence[str]) -> xr.Dataset:
    """All variables of GRIB files in one lazy dataset, joined in time; no index is written beside the files.

    ERA5's single levels stand at different heights (2 m, 10 m); these scalar coordinates are dropped to join them.

    Raises:
        PipelineError: truncated, not GRIB, or fields that do not form one grid of times, levels and members.
    """
    parts = [_open_one(file) for file in files]
    return parts[0] if len(parts) == 1 else xr.concat(parts, dim="time", join="exact")


def _open_one(file: str) -> xr.Dataset:
    import cfgrib
    import gribapi

    unreadable = (EOFError, OSError, ValueError, KeyError, cfgrib.DatasetBuildError, gribapi.errors.GribInternalError)
    try:
        cubes = cfgrib.open_datasets(file, backend_kwargs={"indexpath": "", "errors": "raise"}, chunks={"time": 1})
    except unreadable as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PipelineError(f"{file}: truncated or not GRIB ({reason}); get it again") from error
    if not cubes:
        raise PipelineError(f"{file}: no GRIB message in it; get it again")
    heights = ("heightAboveGround", "surface", "depthBelowSea", "meanSea", "step")
    try:
        return xr.merge([cube.drop_vars(heights, errors="ignore") for cube in cubes], compat="override", join="exact")
    except ValueError as error:
        raise PipelineError(f"{file}: fields on several grids or times ({error}); split the file") from error
