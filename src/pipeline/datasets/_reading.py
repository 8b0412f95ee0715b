"""What all readers share: opening files lazily, one vocabulary, ascending coordinates, clear errors."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.errors import PipelineError

COORDINATES = {"latitude": "lat", "longitude": "lon", "nav_lat": "lat", "nav_lon": "lon", "valid_time": "time"}


def find_files(path: str, advice: str) -> list[str]:
    """Files of a path, a glob or a folder, sorted by name.

    Raises:
        PipelineError: none; `advice` says where to get them.
    """
    pattern = str(Path(path) / "*") if Path(path).is_dir() else str(path)
    found = sorted(f for f in glob.glob(pattern) if Path(f).is_file())
    if not found:
        raise PipelineError(f"{path}: no such file; {advice}")
    return found


def open_files(files: Sequence[str], prepare: Callable[[xr.Dataset], xr.Dataset] = lambda ds: ds) -> xr.Dataset:
    """NetCDF files as one lazy dataset, joined in time; whole fields, one time step per chunk.

    Raises:
        PipelineError: a file is truncated or not NetCDF, or the files do not share one grid.
    """
    parts = []
    for file in files:
        try:
            parts.append(prepare(xr.open_dataset(file, chunks={})))
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise PipelineError(f"{file}: truncated or not NetCDF ({reason}); get it again") from error
    if len(parts) == 1:
        return parts[0]
    try:
        return xr.concat(parts, dim="time", join="exact", coords="minimal", compat="override", data_vars="minimal")
    except ValueError as error:
        raise PipelineError(f"{files[0]} ... {files[-1]}: not on one grid ({error}); read them one by one") from error


def canonical(
    dataset: xr.Dataset, names: Mapping[str, str], wanted: Sequence[str] | None, where: str, missing_at: str = ""
) -> xr.Dataset:
    """Fields renamed into the vocabulary, latitudes ascending, longitudes ascending in [0, 360), time a dimension.

    Args:
        names: source's name -> name in the vocabulary; the first that is present counts.
        wanted: names in the vocabulary; None takes all there are.
        where: the file, for messages.
        missing_at: more for the message about a missing variable.

    Raises:
        PipelineError: no such variable, or coordinates that are missing, not monotonic or repeated.
    """
    found: dict[str, str] = {}
    for source, name in names.items():
        if source in dataset and name not in found.values():
            found[source] = name
    absent = [name for name in wanted or () if name not in found.values()]
    if absent or not found:
        have = ", ".join(map(str, dataset.data_vars)) or "none"
        raise PipelineError(
            f"{where}: no variable for {', '.join(absent) or 'the vocabulary'}; it has {have}{missing_at}"
        )
    chosen = [source for source, name in found.items() if wanted is None or name in wanted]
    fields = dataset[chosen].rename({source: found[source] for source in chosen})
    fields = fields.rename(
        {old: new for old, new in COORDINATES.items() if old in fields.variables and new not in fields}
    )
    if not {"lat", "lon"} <= set(fields.dims):
        raise PipelineError(
            f"{where}: no coordinates latitude and longitude; it has {', '.join(map(str, fields.dims))}"
        )
    if "time" not in fields.dims and "time" in fields.coords:
        fields = fields.expand_dims("time")
    return _ascending(fields, where)


def _ascending(fields: xr.Dataset, where: str) -> xr.Dataset:
    """Order the axes; a coordinate may descend or wrap once, but not jump about."""
    fields = fields.assign_coords(lat=fields["lat"].astype(np.float64), lon=fields["lon"].astype(np.float64))
    for name in ("lat", "lon"):
        steps = np.diff(fields[name].values)
        if name == "lon" and (steps < 0).sum() == 1:  # ... 359, 0, 1 ... wraps once
            steps = np.where(steps < 0, steps + 360.0, steps)
        if not np.isfinite(fields[name].values).all() or not ((steps > 0).all() or (steps < 0).all()):
            raise PipelineError(f"{where}: {name} is not monotonic; the file is damaged or not a regular grid")
    if np.abs(fields["lat"].values).max() > 90.0 + 1e-6:
        raise PipelineError(f"{where}: latitudes beyond the poles; the file is damaged")
    if fields["lat"].values[0] > fields["lat"].values[-1]:
        fields = fields.isel(lat=slice(None, None, -1))
    wrapped = np.mod(np.round(fields["lon"].values, 9), 360.0)
    order = np.argsort(wrapped, kind="stable")
    if (np.diff(wrapped[order]) < 1e-6).any():  # 0 and 360 both: one meridian twice
        order = order[np.append(True, np.diff(wrapped[order]) >= 1e-6)]
    fields = fields.assign_coords(lon=("lon", wrapped, {"units": "degrees_east"})).isel(lon=order)
    return fields if "time" not in fields.dims else _check_times(fields, where)


def _check_times(fields: xr.Dataset, where: str) -> xr.Dataset:
    time = fields["time"].values
    if np.issubdtype(time.dtype, np.datetime64) and (np.diff(time) <= np.timedelta64(0)).any():
        raise PipelineError(f"{where}: times repeat or go back; give files of one series only")
    return fields.transpose(..., "lat", "lon")


def select(
    dataset: xr.Dataset, where: str, variables: Sequence[str] | None, start: str | None, end: str | None
) -> xr.Dataset:
    """Variables and the period start <= time <= end; a date without an hour ends with its day.

    Raises:
        PipelineError: no such variable, or the file does not cover the period.
    """
    absent = [name for name in variables or () if name not in dataset]
    if absent:
        raise PipelineError(f"{where}: no variable {absent[0]!r}; it has {', '.join(map(str, dataset))}")
    dataset = dataset[list(variables)] if variables else dataset
    if start is None and end is None:
        return dataset
    time = dataset["time"].values
    spacing = np.median(np.diff(time)) if len(time) > 1 else np.timedelta64(1, "D")
    first = np.datetime64(start).astype("datetime64[ns]") if start else time[0]
    last = _last_moment(end) if end else time[-1]
    if first < time[0] - spacing or last > time[-1] + spacing or first > last:
        covered = f"{str(time[0])[:16]} to {str(time[-1])[:16]}"
        raise PipelineError(f"{where}: {str(first)[:16]} to {str(last)[:16]} is not covered; the file has {covered}")
    return dataset.sel(time=slice(first, last))


def _last_moment(end: str) -> np.datetime64:
    """The end of a day, month or year that is given without an hour."""
    date = np.datetime64(end)
    if np.datetime_data(date.dtype)[0] in ("Y", "M", "D"):
        return (date + 1).astype("datetime64[ns]") - np.timedelta64(1, "ns")
    return date.astype("datetime64[ns]")


def to_celsius(field: xr.DataArray, where: str) -> xr.DataArray:
    """Temperature in degC by its `units` attribute.

    Raises:
        PipelineError: units that are neither K nor degC.
    """
    units = str(field.attrs.get("units", "")).lower()
    if units in ("k", "kelvin"):
        field = field - 273.15
    elif units not in ("c", "degc", "celsius", "degree_c", "degrees_c", "degrees c", "deg c"):
        raise PipelineError(f"{where}: {field.name} in units {units!r}; expected K or degC")
    return field.assign_attrs(units="degC")


def check_missing(field: xr.DataArray, where: str, most: float) -> None:
    """Refuse a field of which more is missing than land can explain, at its first or last time.

    A region may be nearly all land: there only a field without any value is refused.

    Raises:
        PipelineError: the share of missing values by area exceeds `most`.
    """
    extra = [dim for dim in field.dims if dim not in ("lat", "lon")]
    ends = [field.isel({dim: end for dim in extra}) for end in (0, -1)]
    weights = np.cos(np.deg2rad(field["lat"]))
    most = most if np.ptp(field["lon"].values) > 340.0 and np.ptp(field["lat"].values) > 140.0 else 1.0 - 1e-9
    share = max(float(end.isnull().weighted(weights).mean()) for end in ends)
    if share > most:
        raise PipelineError(
            f"{where}: {share:.0%} of {field.name} is missing, at most {most:.0%} can be land; damaged file"
        )
