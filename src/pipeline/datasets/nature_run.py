"""The model's own run: training data of the twin experiments, six-hourly interface variables in a zarr store."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from pipeline.datasets._reading import select
from pipeline.datasets.store import open_zarr


@dataclass(frozen=True)
class NatureRun:
    """A store of a nature run (or of any source written in its layout).

    Attributes:
        path: `.../nature/atmosphere.zarr` or `ocean.zarr`.
        variables: which; all by default.
        start, end: first and last date, all by default.
    """

    path: str
    variables: tuple[str, ...] | None = None
    start: str | None = None
    end: str | None = None

    def open(self) -> xr.Dataset:
        """The fields (time, lat, lon), lazily.

        Raises:
            PipelineError: no such store or variable, or the time is not covered.
        """
        return select(open_zarr(self.path), str(self.path), self.variables, self.start, self.end)


def open(path: str, **options: str) -> xr.Dataset:
    """`NatureRun(path, ...).open()`."""
    return NatureRun(path, **options).open()
