"""An ensemble makes ensemble.nc, the anomalies that the Fortran filter takes spread and regression from.

The three-dimensional fields are those of the model's snapshots (`tool_write_state`), with a leading dimension `member`:
u v t (member, level, lat, lon), ps (member, lat, lon), temp salt uo vo (member, depth, jo, io), ssh (member, jo, io).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.netcdf import read

FIELDS: dict[str, tuple[str, ...]] = {
    **{name: ("level", "lat", "lon") for name in ("u", "v", "t")},
    "ps": ("lat", "lon"),
    **{name: ("depth", "jo", "io") for name in ("temp", "salt", "uo", "vo")},
    "ssh": ("jo", "io"),
}
"""Fields of a snapshot and their dimensions."""

OCEAN = ("temp", "salt", "uo", "vo", "ssh")
"""Fields that do not exist on land and below the sea floor."""


class Ensemble(Protocol):
    """Anomalies from a model's own history."""

    def anomalies(self, states: Sequence[Path]) -> xr.Dataset:
        """The content of ensemble.nc from snapshot files, or directories of them, named by their model clock [s]."""


def snapshots(states: Sequence[str | Path]) -> list[Path]:
    """Snapshot files in order of time.

    Raises:
        PipelineError: there are none, a name is not a time, or two have the same time.
    """
    files = [f for p in map(Path, states) for f in (sorted(p.glob("*.nc")) if p.is_dir() else [p])]
    if not files:
        raise PipelineError(f"ensemble: no snapshots in {', '.join(map(str, states)) or 'an empty list'}")
    named = {}
    for file in files:
        if not file.stem.lstrip("-").isdigit():
            raise PipelineError(f"{file}: snapshots are named <seconds since 2000-01-01>.nc")
        if int(file.stem) in named:
            raise PipelineError(f"{file}: the same time as {named[int(file.stem)]}; give each snapshot once")
        named[int(file.stem)] = file
    return [named[seconds] for seconds in sorted(named)]


def read_states(files: Sequence[Path]) -> Iterator[dict[str, np.ndarray]]:
    """Fields of one snapshot after the other, float64; where the ocean does not exist they are NaN or any constant.

    Raises:
        PipelineError: a field is missing, has another shape than in the first file, or is not finite.
    """
    first: dict[str, np.ndarray] = {}
    for file in files:
        dataset = read(file, *FIELDS)
        fields = {}
        for name, dims in FIELDS.items():
            field = dataset[name]
            field = field.squeeze([d for d in field.dims if field.sizes[d] == 1 and d not in dims])
            if set(field.dims) != set(dims):
                found = ", ".join(map(str, dataset[name].dims))
                raise PipelineError(f"{file}: {name} has dimensions ({found}); ({', '.join(dims)}) were expected")
            fields[name] = field.transpose(*dims).values.astype(np.float64)
        first = first or fields
        for name, values in fields.items():
            _check(file, name, values, first[name])
        yield fields


def _check(file: Path, name: str, values: np.ndarray, first: np.ndarray) -> None:
    if values.shape != first.shape:
        raise PipelineError(f"{file}: {name} has shape {values.shape}, the first snapshot {first.shape}")
    bad = ~np.isfinite(values)
    land = bad if name in OCEAN else np.zeros_like(bad)
    if bad.all() or not np.array_equal(land, ~np.isfinite(first)) or (bad & ~land).any():
        raise PipelineError(f"{file}: {bad.sum()} of {bad.size} values of {name} are not finite; the model failed")


def write_ensemble(path: str | Path, anomalies: xr.Dataset, attributes: Mapping[str, str | int] | None = None) -> None:
    """Write ensemble.nc as float64 without fill values, whole or not at all."""
    dataset = anomalies.assign_attrs(**(attributes or {}))
    encoding = {name: {"_FillValue": None, "dtype": "f8"} for name in FIELDS}
    with atomic(path) as partial:
        dataset.to_netcdf(partial, engine="netcdf4", encoding=encoding)
