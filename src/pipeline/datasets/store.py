"""The stores that training reads: atmosphere.zarr and ocean.zarr, (time, lat, lon), float32, chunked along time.

Written a few time steps at a time, so that memory holds one block however long the record is, into a name that nobody
reads; the store takes its own name when it is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline import times
from pipeline.datasets.regridding import regrid
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import VOCABULARY, Grid

CHUNK = 32  # time steps: a few MB per variable at 1 degree, what one read of shuffled training takes


def write_zarr(
    dataset: xr.Dataset,
    path: str | PathLike,
    mask: np.ndarray | None = None,
    chunk: int = CHUNK,
    steps: int | None = None,
    attributes: dict[str, str | int] | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write variables (time, lat, lon) to a consolidated zarr store, whole or not at all.

    Args:
        dataset: in the vocabulary, with ascending times; lazy datasets are computed block by block.
        path: the store, replaced if it exists.
        mask: where values must exist, shape (lat, lon); elsewhere NaN is written.
        chunk: time steps per chunk.
        steps: time steps computed at once, a multiple of `chunk` (default: one chunk).
        attributes: where the data came from.
        progress: called after every block with the share done.

    Raises:
        PipelineError: dimensions or times are not right, or a value is missing where `mask` says there is one.
    """
    steps = chunk * max(1, round((steps or chunk) / chunk))
    _check_layout(dataset, path)
    count = dataset.sizes["time"]
    with atomic(path) as temporary:
        for first in range(0, count, steps):
            block = _block(dataset.isel(time=slice(first, first + steps)), mask, path)
            block.attrs = {**dataset.attrs, **(attributes or {}), "Conventions": "CF-1.10"}
            if first == 0:
                block.to_zarr(temporary, mode="w", zarr_format=2, consolidated=True, encoding=_encoding(block, chunk))
            else:
                block.to_zarr(temporary, append_dim="time", zarr_format=2, consolidated=True)
            if progress:
                progress(min(first + steps, count) / count)


def regrid_to_zarr(
    dataset: xr.Dataset,
    grid: Grid,
    path: str | PathLike,
    fill: str = "nearest",
    chunk: int = CHUNK,
    attributes: dict[str, str | int] | None = None,
) -> None:
    """Any source's fields as conservative means on a model's grid, in the store's layout; memory holds one chunk.

    With `fill="none"` cells that the source does not cover stay NaN; else every unmasked cell must get a value.
    """
    regridded = regrid(dataset.chunk(time=1), grid, fill=fill)
    write_zarr(regridded, path, None if fill == "none" else grid.mask, chunk, attributes=attributes)


def open_zarr(path: str | PathLike) -> xr.Dataset:
    """A store, lazily.

    Raises:
        PipelineError: no such store, or not one of this layout.
    """
    if not Path(path).is_dir():
        raise PipelineError(f"{path}: no such store; run the rule that makes it")
    try:
        dataset = xr.open_zarr(path, consolidated=True)
    except (OSError, KeyError, ValueError) as error:
        raise PipelineError(f"{path}: not a readable zarr store ({error}); remove it and run again") from error
    _check_layout(dataset, path)
    return dataset


def _check_layout(dataset: xr.Dataset, path: str | PathLike) -> None:
    if not len(dataset.data_vars):
        raise PipelineError(f"{path}: no variables to store")
    for name, field in dataset.items():
        if set(field.dims) != {"time", "lat", "lon"}:
            raise PipelineError(f"{path}: {name} has dimensions {field.dims}; a store takes (time, lat, lon)")
    seconds = times.to_seconds(np.atleast_1d(dataset["time"].values))
    if len(seconds) == 0 or (np.diff(seconds) <= 0).any():
        raise PipelineError(f"{path}: {len(seconds)} times that must be at least one and ascend without repetition")


def _block(lazy: xr.Dataset, mask: np.ndarray | None, path: str | PathLike) -> xr.Dataset:
    """A few time steps in memory, float32, checked."""
    block = lazy.transpose("time", "lat", "lon").astype(np.float32).compute().drop_encoding()
    block = block.drop_vars([name for name in block.coords if name not in ("time", "lat", "lon")])
    block["time"] = block["time"].astype("datetime64[s]")
    for name in block:
        wanted = np.ones(block[name].shape[1:], dtype=bool) if mask is None else mask
        bad = ~np.isfinite(block[name].values) & wanted
        if mask is not None and bad.any():
            step = int(bad.any(axis=(1, 2)).argmax())
            date = str(block["time"].values[step])[:16]
            raise PipelineError(
                f"{path}: {name} misses {bad[step].sum()} of {wanted.sum()} points on {date}; mend the source"
            )
        block[name] = block[name].where(wanted)
        known = VOCABULARY.get(str(name))
        block[name].attrs = {"units": known.units, "long_name": known.long_name} if known else block[name].attrs
    return block


def _encoding(block: xr.Dataset, chunk: int) -> dict[str, dict]:
    shape = (chunk, block.sizes["lat"], block.sizes["lon"])
    time = {"units": times.UNITS, "dtype": "int64", "calendar": "proleptic_gregorian", "chunks": (4096,)}
    return {str(name): {"chunks": shape, "dtype": "float32"} for name in block} | {"time": time}
