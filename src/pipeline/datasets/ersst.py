"""NOAA ERSSTv5: monthly sea surface temperature, 2 degrees (Huang et al. 2017, doi:10.1175/JCLI-D-16-0836.1).

Monthly means stand at the middle of their month. Between middles they are interpolated linearly, which keeps the dates
of the data but lowers the monthly means of the interpolated series a little at extremes (Taylor et al. 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from pipeline.datasets._reading import canonical, check_missing, find_files, open_files, select, to_celsius
from pipeline.errors import PipelineError

ADVICE = "ERSSTv5 is at https://downloads.psl.noaa.gov/Datasets/noaa.ersst.v5/sst.mnmean.nc"
MOST_MISSING = 0.45  # land, and cells that are land in part


@dataclass(frozen=True)
class ERSST:
    """File sst.mnmean.nc, or files ersst.v5.YYYYMM.nc.

    Attributes:
        path: a file, a folder or a glob.
        start, end: first and last date.
    """

    path: str
    start: str | None = None
    end: str | None = None

    def open(self) -> xr.Dataset:
        """`sst` [degC] (time, lat, lon), monthly means at mid-month, lazily; NaN on land.

        Raises:
            PipelineError: missing or truncated file, no `sst`, period not covered, damaged field.
        """
        files = find_files(self.path, ADVICE)
        dataset = canonical(open_files(files), {"sst": "sst"}, ("sst",), files[0])
        dataset = dataset.squeeze("lev", drop=True) if "lev" in dataset.dims else dataset
        dataset["sst"] = to_celsius(dataset["sst"], files[0])
        check_missing(dataset["sst"], files[0], MOST_MISSING)
        dataset = dataset.assign_coords(time=mid_month(dataset["time"].values))
        return select(dataset, self.path, ("sst",), self.start, self.end)


def open(path: str, **options: str) -> xr.Dataset:
    """`ERSST(path, ...).open()`."""
    return ERSST(path, **options).open()


def mid_month(time: np.ndarray) -> np.ndarray:
    """The middle of the month of each date."""
    month = time.astype("datetime64[M]")
    begin, end = month.astype("datetime64[s]"), (month + 1).astype("datetime64[s]")
    return (begin + (end - begin) // 2).astype("datetime64[ns]")


def at(dataset: xr.Dataset, time: np.ndarray) -> xr.Dataset:
    """Fields at any dates, linearly between mid-months, lazily; two months are in memory per date.

        f(t) = (1 - a) f_k + a f_(k+1),   a = (t - t_k) / (t_(k+1) - t_k)

    Raises:
        PipelineError: a date before the first or after the last mid-month.
    """
    middle, time = dataset["time"].values.astype("datetime64[s]"), np.atleast_1d(time).astype("datetime64[s]")
    outside = (time < middle[0]) | (time > middle[-1])
    if outside.any():
        raise PipelineError(
            f"ERSST: {time[outside][0]} is not covered; mid-months from {middle[0]} to {middle[-1]} are"
        )
    lower = np.clip(np.searchsorted(middle, time, side="right") - 1, 0, max(len(middle) - 2, 0))
    upper = np.minimum(lower + 1, len(middle) - 1)
    span = np.maximum((middle[upper] - middle[lower]).astype(np.float64), 1.0)
    share = xr.DataArray((time - middle[lower]).astype(np.float64) / span, dims="time").astype(np.float32)
    below, above = (dataset.isel(time=k).drop_vars("time") for k in (lower, upper))
    return (below + share * (above - below)).assign_coords(time=time.astype("datetime64[ns]"))
