"""A model's path through an experiment: interface variables before and after each analysis, one file per segment.

Layout of a file: groups `atmosphere` and `ocean` with the component's variables on (stage, time, lat, lon), stage
`background` and `analysis` (a free run holds `analysis` alone); group `diagnostics` on (time); group `costs` with J_b
and J_o on (analysis, iteration) where a variational method ran.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import netCDF4
import numpy as np
import torch
import xarray as xr

from pipeline import times
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import Space

CHUNK = 64
"""Times in a chunk of a file, which is what is read at once."""


class Trajectory:
    """What is recorded of a run, in memory until it is written.

    Args:
        space: of the recorded states.
        stages: what is recorded at each time, `background`, `analysis` or both.
    """

    def __init__(self, space: Space, stages: Iterable[str] = ("background", "analysis")) -> None:
        self.space = space
        self.stages = tuple(stages)
        self.seconds: list[int] = []
        self.states: dict[str, list[np.ndarray]] = {stage: [] for stage in self.stages}
        self.diagnostics: list[dict[str, float]] = []
        self.costs: list[np.ndarray] = []

    def append_cost(self, background: np.ndarray, observation: np.ndarray) -> None:
        """Record the terms of the cost of one analysis, each (iterations,)."""
        self.costs.append(np.stack([background, observation]).astype(np.float64))

    def append(self, time: np.datetime64, states: dict[str, torch.Tensor], diagnostics: dict[str, float]) -> None:
        """Record one time; states (n,) per stage, of which the recorded stages are kept as float32."""
        self.seconds.append(int(times.to_seconds(time)))
        for stage in self.stages:
            self.states[stage].append(states[stage].numpy().astype(np.float32))
        self.diagnostics.append(diagnostics)

    def write(self, path: Path, attributes: dict[str, str | int]) -> None:
        """Write the file, whole or not at all."""
        time = ("time", np.array(self.seconds, dtype=np.int64), {"units": times.UNITS, "calendar": "standard"})
        stacked = np.stack([np.stack(self.states[stage]) for stage in self.stages])
        fields = self.space.to_xarray(torch.from_numpy(stacked), dims=("stage", "time"))
        with atomic(path) as partial:
            xr.Dataset(attrs=attributes).to_netcdf(partial, mode="w", engine="h5netcdf")
            for name, dataset in fields.items():
                dataset = dataset.assign_coords(stage=list(self.stages), time=time)
                chunks = (1, min(CHUNK, len(self.seconds)), *self.space[name].grid.shape)
                packing = {"zlib": True, "complevel": 1, "chunksizes": chunks, "_FillValue": np.float32(np.nan)}
                encoding = dict.fromkeys(dataset, packing)
                dataset.to_netcdf(partial, mode="a", group=name, encoding=encoding, engine="h5netcdf")
            self._diagnostics(time).to_netcdf(partial, mode="a", group="diagnostics", engine="h5netcdf")
            if self.costs:
                names, dims = ("cost_background", "cost_observation"), ("analysis", "iteration")
                data = {name: (dims, self._padded_costs()[:, k]) for k, name in enumerate(names)}
                xr.Dataset(data).to_netcdf(partial, mode="a", group="costs", engine="h5netcdf")

    def _diagnostics(self, time: tuple) -> xr.Dataset:
        names = sorted({name for entry in self.diagnostics for name in entry})
        data = {name: ("time", [entry.get(name, np.nan) for entry in self.diagnostics]) for name in names}
        return xr.Dataset(data, coords={"time": time})

    def _padded_costs(self) -> np.ndarray:
        """All costs as one array (analysis, 2, iteration); early stops leave NaN behind."""
        longest = max((cost.shape[1] for cost in self.costs), default=0)
        padded = [np.pad(c, ((0, 0), (0, longest - c.shape[1])), constant_values=np.nan) for c in self.costs]
        return np.array(padded).reshape(len(padded), 2, longest)

    def save(self, path: Path) -> None:
        """Checkpoint: everything recorded so far, bit for bit."""
        arrays = {f"stage_{stage}": np.array(values) for stage, values in self.states.items()}
        names = sorted({name for entry in self.diagnostics for name in entry})
        table = np.array([[entry.get(name, np.nan) for name in names] for entry in self.diagnostics])
        with atomic(path) as partial, partial.open("wb") as file:
            arrays |= {"names": np.array(names, dtype=str), "table": table, "costs": self._padded_costs()}
            np.savez(file, seconds=np.array(self.seconds), **arrays)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        with np.load(path) as saved:
            self.seconds = [int(s) for s in saved["seconds"]]
            self.states = {stage: list(saved[f"stage_{stage}"]) for stage in self.stages}
            self.costs = [cost[:, ~np.isnan(cost).all(axis=0)] for cost in saved["costs"]]
            names = [str(name) for name in saved["names"]]
            self.diagnostics = [
                {n: float(v) for n, v in zip(names, row, strict=True) if not np.isnan(v)} for row in saved["table"]
            ]


def open_trajectory(paths: Iterable[str | Path], group: str) -> xr.Dataset:
    """One component (or `diagnostics`) of a chain of segments, lazily, joined in time.

    Raises:
        PipelineError: a file is missing or truncated.
    """
    parts = []
    for path in paths:
        try:
            parts.append(xr.open_dataset(path, group=group, chunks={}, engine="h5netcdf"))
        except (OSError, ValueError) as error:
            raise PipelineError(f"{path}: not a readable trajectory ({error}); remove it and run again") from None
    return xr.concat(parts, dim="time", data_vars="minimal", coords="minimal", compat="override", join="override")


def open_costs(paths: Iterable[str | Path]) -> xr.Dataset | None:
    """J_b and J_o of every analysis of some segments, (analysis, iteration), NaN after an early stop.

    None where no analysis was variational.
    """
    parts = [xr.open_dataset(path, group="costs", engine="h5netcdf") for path in paths if "costs" in _groups(path)]
    if not parts:
        return None
    numbered = [part.assign_coords(iteration=np.arange(part.sizes["iteration"])) for part in parts]
    return xr.concat(numbered, dim="analysis", join="outer")


def _groups(path: str | Path) -> set[str]:
    with netCDF4.Dataset(path) as file:
        return set(file.groups)
