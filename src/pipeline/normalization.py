"""Normalization of state vectors by each variable's range over the training period.

    y = (x - c_v) / s_v,   c_v = (max_v + min_v) / 2,   s_v = (max_v - min_v) / 2,

so that the training period fills [-1, 1] (Hf2pMDA's min-max normalization, centred). Land becomes 0, the middle of the
range, which is the least conspicuous value to a network. An increment scales alone: dx = s_v dy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import dask
import numpy as np
import torch
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import Space, digest


@dataclass(frozen=True, eq=False)
class Normalization:
    """Range of each variable of a space.

    Attributes:
        space: whose vectors are normalized.
        ranges: variable -> (smallest, largest) over the training period, over unmasked points.
        period: first and last date of that period.
        source: component -> fingerprint of the data they were taken from.
    """

    space: Space
    ranges: dict[str, tuple[float, float]]
    period: tuple[str, str]
    source: dict[str, str]

    def __deepcopy__(self, memo: dict[int, Any]) -> Normalization:
        return self  # as a `Space`

    @classmethod
    def from_datasets(
        cls, space: Space, datasets: dict[str, xr.Dataset], start: str | np.datetime64, end: str | np.datetime64
    ) -> Normalization:
        """Ranges over start <= time <= end, by reductions that hold a few chunks in memory at a time.

        Raises:
            PipelineError: no data in the period, values missing at sea, or a variable that never changes.
        """
        ranges, source = {}, {}
        for c in space.components:
            absent = [name for name in c.variables if name not in datasets[c.name]]
            if absent:
                raise PipelineError(f"statistics: {c.name} has no variable {absent[0]!r}; run the nature run again")
            ds = datasets[c.name].sel(time=slice(start, end))
            if ds.sizes["time"] == 0:
                raise PipelineError(f"statistics: {c.name} has no data between {start} and {end}; check the splits")
            sea = xr.DataArray(c.grid.mask, dims=("lat", "lon"))
            for name in c.variables:
                field = ds[name].where(sea)
                missing = (ds[name].isnull() & sea).sum()
                low, high, missing = (float(v) for v in dask.compute(field.min(), field.max(), missing))
                if missing or not np.isfinite([low, high]).all():
                    raise PipelineError(
                        f"statistics: {name} has {missing:.0f} missing or infinite values; mend the data"
                    )
                if not high > low:
                    raise PipelineError(f"statistics: {name} is {low:g} everywhere from {start} to {end}; no range")
                ranges[name] = (low, high)
            source[c.name] = fingerprint(ds)
        return cls(space, ranges, (str(start), str(end)), source)

    @cached_property
    def centre(self) -> torch.Tensor:
        """c_v for every element, float64, shape (n,)."""
        return self._per_element(lambda low, high: 0.5 * (high + low))

    @cached_property
    def half_range(self) -> torch.Tensor:
        """s_v for every element, float64, shape (n,)."""
        return self._per_element(lambda low, high: 0.5 * (high - low))

    def normalize(self, x: torch.Tensor) -> torch.Tensor:
        """State vectors (..., n) to the networks' units; 0 where masked."""
        y = (x.double() - self.centre.to(x.device)) / self.half_range.to(x.device)
        return torch.where(self.space.mask.to(x.device), y, 0.0).to(x.dtype)

    def denormalize(self, y: torch.Tensor) -> torch.Tensor:
        """The inverse: networks' units to state vectors (..., n); 0 where masked."""
        x = y.double() * self.half_range.to(y.device) + self.centre.to(y.device)
        return torch.where(self.space.mask.to(y.device), x, 0.0).to(y.dtype)

    def scale(self) -> torch.Tensor:
        """What an increment in the networks' units is multiplied with: s_v, 0 where masked, float64, shape (n,)."""
        return torch.where(self.space.mask, self.half_range, 0.0)

    def description(self) -> dict[str, Any]:
        """Everything but the coordinates, as JSON holds it."""
        return {
            "interval": [-1, 1],
            "ranges": {name: list(limits) for name, limits in self.ranges.items()},
            "period": list(self.period),
            "source": self.source,
            "space": self.space.description(),
        }

    def save(self, path: str | PathLike, **provenance: str | int) -> None:
        """Write statistics.json, whole or not at all."""
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(self.description() | {"provenance": provenance}, indent=2) + "\n")

    @classmethod
    def load(cls, path: str | PathLike, space: Space) -> Normalization:
        """Read statistics.json for a space.

        Raises:
            PipelineError: no such file, unreadable, or made for another space.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError:
            raise PipelineError(f"{path}: no such file of statistics; run the rule `statistics`") from None
        except ValueError as error:
            raise PipelineError(f"{path}: not readable as JSON ({error}); run the rule `statistics` again") from None
        return cls.from_description(content, space, str(path))

    @classmethod
    def from_description(cls, content: dict[str, Any], space: Space, where: str = "statistics") -> Normalization:
        """The inverse of `description`.

        Raises:
            PipelineError: keys are missing, or it was made for another space.
        """
        missing = {"ranges", "period", "source", "space"} - set(content)
        if missing:
            raise PipelineError(f"{where}: no key {', '.join(sorted(missing))}; run the rule `statistics` again")
        wanted = space.description()
        for name in sorted(set(content["space"]) | set(wanted)):
            found, expected = content["space"].get(name), wanted.get(name)
            if found != expected:
                raise PipelineError(f"{where}: made for another space: {name} is {found} there and {expected} here")
        ranges = {name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
        return cls(space, ranges, tuple(content["period"]), content["source"])

    def _per_element(self, of_range: Any) -> torch.Tensor:
        values = torch.zeros(self.space.size, dtype=torch.float64)
        for component in self.space.components:
            for name in component.variables:
                values[self.space.index(name)] = of_range(*self.ranges[name])
        return values


def fingerprint(dataset: xr.Dataset) -> str:
    """Hash of names, coordinates, and the first and last fields: cheap, and changes whenever a run is repeated."""
    ends = dataset.isel(time=sorted({0, dataset.sizes["time"] - 1})).compute()
    names = sorted(map(str, dataset))
    arrays = [dataset[c].values for c in ("time", "lat", "lon")] + [ends[name].values for name in names]
    return digest(repr(names).encode() + b"".join(np.ascontiguousarray(a).tobytes() for a in arrays))
