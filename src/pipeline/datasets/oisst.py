"""NOAA OISST v2.1: daily sea surface temperature, 1/4 degree (Huang et al. 2021, doi:10.1175/JCLI-D-20-0166.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.datasets._reading import canonical, check_missing, find_files, open_files, select, to_celsius
from pipeline.errors import PipelineError

ADVICE = "OISST v2.1 files are at https://www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr/"
MOST_MISSING = 0.40  # land and lakes are 31 % of the sphere's area


@dataclass(frozen=True)
class OISST:
    """Files oisst-avhrr-v02r01.YYYYMMDD.nc.

    Attributes:
        path: a file, a folder or a glob.
        start, end: first and last date; files of other dates are not even opened.
    """

    path: str
    start: str | None = None
    end: str | None = None

    def open(self) -> xr.Dataset:
        """`sst` [degC] (time, lat, lon), daily means at 12 UTC, lazily; NaN on land.

        Raises:
            PipelineError: missing or truncated file, no `sst`, period not covered, damaged field.
        """
        files = [f for f in find_files(self.path, ADVICE) if self._within(f)]
        if not files:
            raise PipelineError(f"{self.path}: no day between {self.start} and {self.end}; {ADVICE}")
        dataset = canonical(open_files(files), {"sst": "sst"}, ("sst",), files[0])
        dataset = dataset.squeeze("zlev", drop=True) if "zlev" in dataset.dims else dataset
        dataset["sst"] = to_celsius(dataset["sst"], files[0])
        check_missing(dataset["sst"], files[0], MOST_MISSING)
        return select(dataset, self.path, ("sst",), self.start, self.end)

    def _within(self, file: str) -> bool:
        date = re.search(r"\.(\d{4})(\d{2})(\d{2})(_preliminary)?\.nc$", Path(file).name)
        if date is None:
            return file.endswith(".nc")
        day = np.datetime64("-".join(date.groups()[:3]))
        after_start = self.start is None or day >= np.datetime64(self.start, "D")
        return after_start and (self.end is None or day <= np.datetime64(self.end, "D"))


def climatology(path: str) -> xr.Dataset:
    """`sst` [degC] (lat, lon) of the 1971-2000 climatology on a file's calendar day: the analysis less its anomaly.

    Raises:
        PipelineError: missing or truncated file, or one without `sst` and `anom`.
    """
    fields = canonical(open_files([path]), {"sst": "sst", "anom": "anom"}, ("sst", "anom"), path)
    fields = fields.squeeze("zlev", drop=True) if "zlev" in fields.dims else fields
    normal = to_celsius(fields["sst"], path) - fields["anom"]
    return normal.isel(time=0).to_dataset(name="sst")


def open(path: str, **options: str) -> xr.Dataset:
    """`OISST(path, ...).open()`."""
    return OISST(path, **options).open()
