"""Observations: what was measured where, when and how well; `operators` say what a state would have measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import VOCABULARY
from pipeline.times import UNITS

PLAUSIBLE = {
    "ps": (3e4, 1.1e5),
    "ta": (150.0, 350.0),
    "ua": (-150.0, 150.0),
    "va": (-150.0, 150.0),
    "sst": (-5.0, 45.0),
    "ssu": (-10.0, 10.0),
    "ssv": (-10.0, 10.0),
    "ssh": (-15.0, 15.0),
}
"""Values that can occur at all, in the units of the vocabulary; an error may be a third of the range at most."""


@dataclass(frozen=True, eq=False)
class Observations:
    """Point observations, one row each; arrays of shape (p,).

    Attributes:
        time: model clock [s since 2000-01-01].
        variable: name in the vocabulary, e.g. `ps`, `sst`.
        lat, lon: degrees; longitudes given in [-180, 360] are stored in [0, 360).
        value: in the vocabulary's units.
        error: standard deviation, same units.
        withheld: True where kept for verification.

    Raises:
        PipelineError: lengths differ, or a row is unusable; `clean` drops such rows instead, and counts them.
    """

    time: np.ndarray
    variable: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    value: np.ndarray
    error: np.ndarray
    withheld: np.ndarray

    def __post_init__(self) -> None:
        columns = _columns({f.name: getattr(self, f.name) for f in fields(self)})
        for name, array in columns.items():
            object.__setattr__(self, name, array)
        for reason, bad in _defects(columns).items():
            if bad.any():
                k = int(bad.argmax())
                row = f"{self.variable[k]} {self.value[k]:g} +- {self.error[k]:g} at {self.lat[k]:g}, {self.lon[k]:g}"
                raise PipelineError(
                    f"observations: {reason} in {bad.sum()} of {len(self)} rows, first in row {k} ({row}); "
                    "mend the source or drop such rows with Observations.clean"
                )

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def clean(cls, **columns: np.ndarray) -> tuple[Observations, dict[str, int]]:
        """Observations without unusable rows, and how many were dropped for each reason (the first that applies)."""
        columns = _columns(columns)
        keep = np.ones(len(columns["value"]), dtype=bool)
        dropped = {}
        for reason, bad in _defects(columns).items():
            if (bad & keep).any():
                dropped[reason] = int((bad & keep).sum())
            keep &= ~bad
        return cls(**{name: array[keep] for name, array in columns.items()}), dropped

    @classmethod
    def empty(cls) -> Observations:
        """No observations."""
        return cls(*([] for _ in fields(cls)))

    @classmethod
    def concatenate(cls, parts: Iterable[Observations]) -> Observations:
        """All rows of several sets, in order."""
        parts = [*parts] or [cls.empty()]
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def where(self, keep: np.ndarray) -> Observations:
        """Rows chosen by flags or indices."""
        return Observations(*(getattr(self, f.name)[keep] for f in fields(self)))

    def select(
        self,
        start: int | None = None,
        end: int | None = None,
        variable: str | None = None,
        withheld: bool | None = None,
    ) -> Observations:
        """Rows with start <= time < end [s], of one variable, withheld or not; None does not choose."""
        keep = np.ones(len(self), dtype=bool)
        if start is not None:
            keep &= self.time >= start
        if end is not None:
            keep &= self.time < end
        if variable is not None:
            keep &= self.variable == variable
        if withheld is not None:
            keep &= self.withheld == withheld
        return self.where(keep)

    def to_netcdf(self, path: str | PathLike, **attributes: str) -> None:
        """Write observations.nc, whole or not at all; `attributes` say where the observations came from."""
        data = {f.name: ("observation", getattr(self, f.name)) for f in fields(self)}
        ds = xr.Dataset(data, attrs={"Conventions": "CF-1.10", **attributes})
        ds["time"].attrs["units"] = UNITS
        ds["lat"].attrs["units"], ds["lon"].attrs["units"] = "degrees_north", "degrees_east"
        ds["error"].attrs["long_name"] = "standard deviation of the observation error"
        ds["withheld"] = ds["withheld"].astype(np.int8).assign_attrs(long_name="1: kept for verification")
        ds["variable"] = ds["variable"].astype(object)
        with atomic(path) as temporary:
            ds.to_netcdf(temporary, encoding={n: {"_FillValue": None} for n in ds if n != "variable"})

    @classmethod
    def from_netcdf(cls, path: str | PathLike) -> Observations:
        """Read observations.nc.

        Raises:
            PipelineError: no such file, not readable, a column missing, or unusable rows.
        """
        if not Path(path).is_file():
            raise PipelineError(f"{path}: no such file of observations")
        try:
            with xr.open_dataset(path, decode_times=False) as ds:
                missing = [f.name for f in fields(cls) if f.name not in ds]
                if missing:
                    raise PipelineError(f"{path}: no variable {missing[0]!r}; observations need {_names(cls)}")
                columns = {f.name: ds[f.name].values for f in fields(cls)}
        except (OSError, ValueError, RuntimeError) as error:
            raise PipelineError(f"{path}: not a readable NetCDF file ({error})") from error
        return cls(**columns)


_TYPES = {"time": np.int64, "variable": np.str_, "withheld": np.bool_}


def _columns(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of the types that rows have, longitudes in [0, 360)."""
    missing = {f.name for f in fields(Observations)} ^ set(given)
    if missing:
        raise PipelineError(
            f"observations: columns {', '.join(sorted(missing))} missing or unknown; {_names(Observations)}"
        )
    columns = {name: np.atleast_1d(np.asarray(a, dtype=_TYPES.get(name, np.float64))) for name, a in given.items()}
    lengths = {name: len(array) for name, array in columns.items()}
    if len(set(lengths.values())) > 1:
        raise PipelineError(f"observations: columns differ in length: {lengths}")
    lon = columns["lon"]
    in_reach = (lon >= -180.0) & (lon <= 360.0)
    columns["lon"] = np.where(in_reach, np.mod(lon, 360.0), lon)
    return columns


def _defects(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows that cannot be used, by reason."""
    names = columns["variable"]
    known = [name for name in np.unique(names) if name in VOCABULARY]
    limits = np.array([PLAUSIBLE.get(name, (-np.inf, np.inf)) for name in names.tolist()]).reshape(-1, 2)
    lat, lon, value, error = (columns[name] for name in ("lat", "lon", "value", "error"))
    with np.errstate(invalid="ignore"):
        return {
            f"unknown variable (choose from {', '.join(VOCABULARY)})": ~np.isin(names, known),
            "missing value": ~np.isfinite(value),
            "coordinates off the globe": ~((np.abs(lat) <= 90.0) & (lon >= 0.0) & (lon < 360.0)),
            "error that is not positive": ~(np.isfinite(error) & (error > 0.0)),
            "absurd error": error > (limits[:, 1] - limits[:, 0]) / 3.0,
            "absurd value": (value < limits[:, 0]) | (value > limits[:, 1]),
        }


def _names(cls: type) -> str:
    return ", ".join(f.name for f in fields(cls))
