"""The climate model under Python's control: step, look at the air-sea state, correct it.

The Python main controller of the paper calls the plugs of `fortran/climate/plugs`; every plug is collective, an error
on one rank is raised on all. Fields cross as the Fortran arrays x(lon, lat, variable), which are the transposes of a
component's (variable, lat, lon), so that no element moves.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from mpi4py import MPI

from pipeline.bridge import FortranModel
from pipeline.errors import PipelineError
from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, Component, Grid, Space
from pipeline.times import to_datetime

KINDS = {"atmosphere": {"ps": 1}, "ocean": {"sst": 5}}
"""What the Fortran filter assimilates: component -> variable -> its number there."""


TALLY = ("used", "outside", "rejected", "capped", "innovation", "innovation_normalized", "increment")
"""What `tool_get_filter_tally` counts: observations used, without a cell around them, and rejected by the gross check;
increments limited; rms of the innovations and of the increment of Ps or SST [Pa, degC], and of the innovations in units
of their expected standard deviation, which is 1 where the ensemble's spread is right."""


class PointObservations(Protocol):
    """The columns of `observations.Observations` that the filter needs, shape (p,)."""

    variable: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    value: np.ndarray
    error: np.ndarray


class Climate:
    """The coupled model on the ranks of a communicator.

    Attributes:
        space: what the elements of the air-sea state are.
        time: the model's clock; may be read on any rank alone, unlike everything else here.
        step_length: the coupling interval.

    Args:
        module: from `bridge.load`.
        comm: the ranks the model runs on.
        namelist: from `models.namelist.write_namelist`; it must stay while the model runs.

    Raises:
        FortranError: a namelist, grid file or size the model refuses.
    """

    def __init__(self, module: FortranModel, comm: MPI.Comm, namelist: str | os.PathLike) -> None:
        self.plugs, self.comm, self.namelist = module, comm, os.fspath(namelist)
        self._filter_is_ready = False
        self.plugs.agree_over(comm)
        self.plugs.tool_init(comm.py2f(), self.namelist)
        *sizes, seconds = self.plugs.tool_get_dims()
        self.step_length = np.timedelta64(seconds, "s")
        self.space = self._space(*sizes)
        self._diagnostic_names: list[str] | None = None
        self.time = self._clock()

    def step(self) -> None:
        """Advance by one coupling interval: the atmosphere, then the ocean under the fluxes of that interval."""
        self.plugs.tool_atmos_step()
        self.plugs.tool_ocean_step()
        self.time = self.time + self.step_length

    def run_until(self, time: np.datetime64) -> None:
        """Advance to a time.

        Raises:
            PipelineError: it lies in the past, or between two coupling intervals.
        """
        now, interval = self.time, self.step_length
        steps, rest = divmod(np.datetime64(time, "s") - now, interval)
        if steps < 0 or rest:
            raise PipelineError(f"climate model: {time} cannot be reached from {now} in steps of {interval}")
        for _ in range(steps):
            self.step()

    def state(self, analysed: bool = False) -> torch.Tensor | None:
        """The air-sea state (space.size,), float64, on rank 0; None elsewhere.

        Args:
            analysed: as if what still waits of the filter's increments (`update_hours_*`) had been added.
        """
        kind = "tool_get_analysed_" if analysed else "tool_get_"
        x = torch.zeros(self.space.size, dtype=torch.float64)
        self.plugs.call(f"{kind}atmos", self._as_fortran(x, "atmosphere"))
        self.plugs.call(f"{kind}ocean", self._as_fortran(x, "ocean"))
        return x if self.comm.rank == 0 else None

    def add_increment(self, dx: torch.Tensor | None) -> None:
        """Add rank 0's increment (space.size,) at the interface; the model spreads it into its layers.

        Raises:
            PipelineError: it has another size or a value that is not finite.
        """
        wrong = None if dx is None and self.comm.rank else self._defect(dx)
        if wrong := next(filter(None, self.comm.allgather(wrong)), None):
            raise PipelineError(f"climate model: increment {wrong}")
        size = self.space.size
        x = torch.zeros(size, dtype=torch.float64) if dx is None else dx.detach().to("cpu", torch.float64).contiguous()
        self.plugs.tool_set_atmos(self._as_fortran(x, "atmosphere"))
        self.plugs.tool_set_ocean(self._as_fortran(x, "ocean"))

    def filter(self, observations: PointObservations) -> dict[str, float]:
        """Let the Fortran ensemble filter assimilate, each component by itself; the same observations on every rank.

        Variables that it cannot assimilate are left to others.

        Returns:
            `filter_<component>_<name>` with the names of `TALLY`, of the components that had observations.
        """
        if not self._filter_is_ready:
            self.plugs.tool_da_init(self.namelist)
            self._filter_is_ready = True
        tally: dict[str, float] = {}
        for place, (component, plug) in enumerate((("atmosphere", "tool_da_atmos"), ("ocean", "tool_da_ocean")), 1):
            numbers = KINDS[component]
            chosen = np.isin(observations.variable, list(numbers))
            if chosen.any():
                kind = np.array([numbers[name] for name in observations.variable[chosen]], dtype=np.int32)
                columns = (observations.lon, observations.lat, observations.value, observations.error)
                self.plugs.call(plug, kind, *(np.asarray(c[chosen], dtype=np.float64) for c in columns))
                counts = map(float, self.plugs.tool_get_filter_tally(place))
                tally |= {f"filter_{component}_{name}": n for name, n in zip(TALLY, counts, strict=True)}
        return tally

    def diagnostics(self) -> dict[str, float]:
        """Global diagnostics by the names of docs/models/climate.md."""
        values = self.plugs.tool_get_diagnostics()
        if self._diagnostic_names is None:
            names = (self.plugs.tool_get_diagnostic_name(k) for k in range(len(values)))
            self._diagnostic_names = [name.decode().strip() for name in names]
        return dict(zip(self._diagnostic_names, map(float, values), strict=True))

    def write_state(self, path: str | os.PathLike) -> None:
        """Write the three-dimensional fields, atomically."""
        self._write("tool_write_state", Path(path))

    def write_restart(self, path: str | os.PathLike) -> None:
        """Write everything from which the run goes on bit for bit on any number of ranks, atomically."""
        self._write("tool_write_restart", Path(path))

    def read_restart(self, path: str | os.PathLike) -> None:
        """Go on from a restart, the clock included."""
        self.plugs.tool_read_restart(os.fspath(path))
        self.time = self._clock()

    def air(self, pressure: np.ndarray) -> torch.Tensor | None:
        """u, v [m/s], t [K], q [kg/kg], z [m] at pressures (levels,) [Pa], rising, then ps [Pa], on rank 0.

        Returns:
            (5 levels + 1, lat, lon), float64; None on the other ranks.
        """
        x = np.zeros((5 * len(pressure) + 1, *self.space["atmosphere"].grid.shape))
        self.plugs.tool_get_air(pressure, x.transpose())
        return torch.from_numpy(x) if self.comm.rank == 0 else None

    def add_air(self, pressure: np.ndarray, dx: torch.Tensor | None) -> None:
        """Add rank 0's increments of u, v, t, q at pressures (levels,) [Pa], rising, then of ps [Pa].

        They go to the model's levels linearly in ln p, as constants beyond the first and the last.

        Args:
            pressure: the same on all ranks.
            dx: (4 levels + 1, lat, lon).
        """
        shape = (4 * len(pressure) + 1, *self.space["atmosphere"].grid.shape)
        x = np.zeros(shape) if dx is None else np.ascontiguousarray(dx.numpy(), dtype=np.float64)
        self.plugs.tool_set_air(pressure, x.transpose())

    def memory(self) -> torch.Tensor:
        """Everything that a restart holds as one vector, float64, on rank 0; empty elsewhere."""
        length = int(self.plugs.tool_get_memory_size())
        x = torch.zeros(0 if self.comm.rank else length, dtype=torch.float64)
        self.plugs.tool_get_memory(x.numpy())
        return x

    def set_memory(self, x: torch.Tensor) -> None:
        """Go on from a vector of `memory()`, given on rank 0, the clock included."""
        self.plugs.tool_set_memory(np.ascontiguousarray(x.numpy()))
        self.time = self._clock()

    def finalize(self) -> None:
        """Give the model's memory back; another Climate may then start in this process."""
        self.plugs.tool_final()

    def _clock(self) -> np.datetime64:
        """The model's own clock. Asking is collective, so `time` follows it in whole intervals instead."""
        return to_datetime(round(self.plugs.tool_get_time()))

    def _write(self, plug: str, path: Path) -> None:
        """Rank 0 renames the file when every rank has succeeded."""
        partial = path.with_name(f".{path.name}.partial")
        if self.comm.rank == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.comm.barrier()
        try:
            self.plugs.call(plug, str(partial))
        except BaseException:
            if self.comm.rank == 0:
                partial.unlink(missing_ok=True)
            raise
        if self.comm.rank == 0:
            os.replace(partial, path)
        self.comm.barrier()

    def _defect(self, dx: Any) -> str | None:
        if not isinstance(dx, torch.Tensor) or dx.shape != (self.space.size,):
            found = tuple(dx.shape) if isinstance(dx, torch.Tensor) else type(dx).__name__
            return f"of shape ({self.space.size},) was expected on rank 0, found {found}"
        if not torch.isfinite(dx).all():
            return f"has {int((~torch.isfinite(dx)).sum())} values that are not finite"
        return None

    def _as_fortran(self, x: torch.Tensor, component: str) -> np.ndarray:
        """A component's part of the vector as Fortran's x(lon, lat, variable), without a copy."""
        return self.space.split(x)[component].numpy().transpose()

    def _space(self, nx: int, ny: int, nlev: int, nx_ocean: int, ny_ocean: int, nlev_ocean: int) -> Space:
        air_lon, air_lat, air_bounds, sea_lon, sea_lat, sea_bounds, wet = self.plugs.tool_get_grid(
            nx, ny, nx_ocean, ny_ocean
        )
        air = Grid(air_lat, air_lon, air_bounds)
        sea = Grid(sea_lat, sea_lon, sea_bounds, wet.transpose() > 0.5)
        return Space((Component("atmosphere", air, ATMOSPHERE_VARIABLES), Component("ocean", sea, OCEAN_VARIABLES)))
