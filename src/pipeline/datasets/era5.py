"""ECMWF ERA5 (Hersbach et al. 2020, doi:10.1002/qj.3803) from NetCDF of the Climate Data Store, GRIB, or cloud zarr.

Single levels: t2m, u10, v10 stand for the lowest model level (`ta`, `ua`, `va`), sp is `ps`. Pressure levels: u, v, t
on the dimension `level` [hPa], and geopotential height `zg` [m], the geopotential over 9.80665 m/s2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pipeline.datasets._grib import open_grib
from pipeline.datasets._reading import canonical, check_missing, find_files, open_files, select, to_celsius
from pipeline.errors import PipelineError

SURFACE_NAMES = {
    "sp": "ps",
    "surface_pressure": "ps",
    "t2m": "ta",
    "2t": "ta",
    "2m_temperature": "ta",
    "u10": "ua",
    "10u": "ua",
    "10m_u_component_of_wind": "ua",
    "v10": "va",
    "10v": "va",
    "10m_v_component_of_wind": "va",
    "sst": "sst",
    "sea_surface_temperature": "sst",
}
LEVEL_NAMES = {
    "t": "ta",
    "temperature": "ta",
    "u": "ua",
    "u_component_of_wind": "ua",
    "v": "va",
    "v_component_of_wind": "va",
    "z": "zg",
    "geopotential": "zg",
}
LEVELS = ("level", "pressure_level", "isobaricInhPa")
GRAVITY = 9.80665  # m/s2, the constant of the geopotential metre
ADVICE = "ask the Climate Data Store for it (docs/data.md shows the request) or give the path of a cloud zarr store"


@dataclass(frozen=True)
class ERA5:
    """Reanalysis fields.

    Attributes:
        path: NetCDF or GRIB file(s), a folder or a glob; or a zarr store, e.g. ARCO-ERA5.
        variables: names in the vocabulary; all there are by default.
        levels: pressure levels [hPa]; None reads single levels.
        member: one ensemble member; None keeps a dimension `member` where there is one.
        start, end: first and last date.
    """

    path: str
    variables: tuple[str, ...] | None = None
    levels: tuple[float, ...] | None = None
    member: int | None = None
    start: str | None = None
    end: str | None = None

    def open(self) -> xr.Dataset:
        """Fields ([member,] time, [level,] lat, lon), lazily, one time step per chunk.

        Raises:
            PipelineError: missing or truncated file, no such variable, level or member, period not covered.
        """
        raw = merge_expver(self._raw())
        raw = raw.rename({"number": "member"}) if "number" in raw.dims else raw.drop_vars("number", errors="ignore")
        raw = valid_at(raw)
        names = SURFACE_NAMES if self.levels is None else LEVEL_NAMES
        raw = raw.rename({old: "level" for old in LEVELS[1:] if old in raw.variables})
        dataset = canonical(raw, names, self.variables, self.path, self._hint(raw))
        dataset = self._chosen(dataset)
        if "sst" in dataset:
            dataset["sst"] = to_celsius(dataset["sst"], self.path)
        if "zg" in dataset:
            dataset["zg"] = (dataset["zg"] / GRAVITY).assign_attrs(units="m", long_name="geopotential height")
        for name, field in dataset.items():
            check_missing(field, self.path, 0.5 if name == "sst" else 0.0)
        return select(dataset, self.path, self.variables, self.start, self.end)

    def _raw(self) -> xr.Dataset:
        if ".zarr" in str(self.path):
            return open_cloud(str(self.path))
        files = find_files(self.path, ADVICE)
        if any(f.endswith((".grib", ".grb", ".grib2", ".grb2")) for f in files):
            return open_grib([f for f in files if not f.endswith(".idx")])
        return open_files(files)

    def _hint(self, raw: xr.Dataset) -> str:
        if self.levels is None and "level" in raw.dims:
            return "; name the pressure levels to read (`levels`)"
        return "; leave `levels` out for single levels" if self.levels is not None and "level" not in raw.dims else ""

    def _chosen(self, dataset: xr.Dataset) -> xr.Dataset:
        """Levels and members asked for; a single one leaves no dimension."""
        if self.levels is not None and "level" in dataset.coords:
            dataset = dataset if "level" in dataset.dims else dataset.expand_dims("level")
            dataset = self._one_or_more(dataset, "level", self.levels)
        if self.member is not None:
            if "member" not in dataset.dims:
                raise PipelineError(f"{self.path}: no ensemble members; leave `member` out")
            dataset = self._one_or_more(dataset, "member", (self.member,))
        return dataset

    def _one_or_more(self, dataset: xr.Dataset, name: str, wanted: tuple[float, ...]) -> xr.Dataset:
        have = dataset[name].values
        absent = [w for w in wanted if w not in have]
        if absent:
            raise PipelineError(f"{self.path}: no {name} {absent[0]:g}; it has {', '.join(f'{h:g}' for h in have)}")
        chosen = dataset.sel({name: list(wanted)})
        return chosen.squeeze(name, drop=True) if len(wanted) == 1 else chosen


def open(path: str, **options: object) -> xr.Dataset:
    """`ERA5(path, ...).open()`."""
    return ERA5(path, **options).open()


def valid_at(raw: xr.Dataset) -> xr.Dataset:
    """The time a field is valid at as `time`; for forecasts in GRIB `time` is when they were made."""
    if "valid_time" not in raw.coords:
        return raw
    if raw["valid_time"].dims == ("time",):
        return raw.assign_coords(time=raw["valid_time"].values).drop_vars("valid_time")
    return raw.drop_vars("time", errors="ignore")


def merge_expver(raw: xr.Dataset) -> xr.Dataset:
    """ERA5 (expver 1) with the preliminary ERA5T (expver 5) where ERA5 is not out yet."""
    if "expver" not in raw.dims:
        return raw.drop_vars("expver", errors="ignore")
    final, *preliminary = (raw.isel(expver=k, drop=True) for k in np.argsort(raw["expver"].values.astype(str)))
    for part in preliminary:
        final = final.fillna(part)
    return final


def open_cloud(url: str) -> xr.Dataset:
    """A zarr store on disk or, where fsspec knows the protocol, in a cloud archive.

    Raises:
        PipelineError: no such store, or it cannot be reached.
    """
    try:
        return xr.open_zarr(url, chunks={"time": 1})
    except (OSError, KeyError, ValueError, ImportError) as error:
        raise PipelineError(f"{url}: not a zarr store that can be opened ({error}); {ADVICE}") from error
