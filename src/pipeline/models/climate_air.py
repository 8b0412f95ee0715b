"""The climate model as a function of states, for testbeds: its air on pressure levels is seen, all the rest is memory.

    state (..., n + m) = fields on pressure levels (n); the same fields and the model's whole state, as a restart has it

Where the first fields differ from the second, the difference is an increment, which the model takes before it steps: an
analysis that changes the fields corrects the model and never re-initialises it. The Fortran makes one state after the
other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mpi4py import MPI

from pipeline import bridge
from pipeline.errors import PipelineError
from pipeline.models.climate import Climate
from pipeline.models.namelist import write_namelist
from pipeline.spaces import Component, Space
from pipeline.spherical_harmonics import SphericalHarmonics

FIELDS = ("u", "v", "t", "q", "z")
"""What the model gives at a level, in its order; it takes increments of the first four."""


class ClimateAir:
    """The coupled model on this process.

    Args:
        module: the importable model, as `bridge.build` makes it.
        grid: grid file.
        model: the `model` section of the configuration.
        variables: of u, v, t, q.
        levels: pressures, rising [hPa].
        seconds: what `step` advances [s], a multiple of the coupling interval.
        begin: date of the cold start.

    Attributes:
        space: component `atmosphere` with `u_<hPa>`, ..., and ps.
        memory: m, what of a state is not seen.
    """

    def __init__(
        self,
        module: str,
        grid: str,
        model: Mapping[str, Any],
        variables: tuple[str, ...] = ("u", "v", "t"),
        levels: tuple[int, ...] = (100, 200, 300, 400, 500, 700, 850, 925),
        seconds: int = 21600,
        begin: str = "2010-01-01",
    ) -> None:
        if unknown := [name for name in variables if name not in FIELDS[:4]]:
            raise PipelineError(f"models/climate_air: no variable {unknown[0]!r}; choose from {', '.join(FIELDS[:4])}")
        self.seconds = seconds
        self.pressure = 100.0 * np.asarray(levels, dtype=np.float64)
        with tempfile.TemporaryDirectory() as folder:
            namelist = Path(folder) / "climate.nml"
            write_namelist(namelist, model, {"grid": grid}, begin)
            self.climate = Climate(bridge.load(Path(module)), MPI.COMM_SELF, namelist)
        air = self.climate.space["atmosphere"].grid
        self.harmonics = SphericalHarmonics(model["atmosphere"]["trunc"], *air.shape)
        names = [f"{name}_{level}" for name in variables for level in levels]
        self.space = Space((Component("atmosphere", air, (*names, "ps")),))
        blocks = [FIELDS.index(name) * len(levels) + np.arange(len(levels)) for name in variables]
        self._rows = np.concatenate(blocks)
        self.memory = self.space.size + int(self.climate.plugs.tool_get_memory_size())
        self._cold = self._state()
        self._common: dict[float, torch.Tensor] = {}

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n + m), float64, `seconds` later."""
        flat = x.reshape(-1, x.shape[-1])
        return torch.stack([self._run(state, self.seconds) for state in flat]).reshape(x.shape)

    def spun_up(self, count: int = 1, days: float = 120.0, seed: int = 0) -> torch.Tensor:
        """`count` states (count, n + m): three quarters of the days from rest in common, then each on its own.

        They part by noise of 1 K in temperature, which the growth of errors turns into other weather.
        """
        noise = torch.Generator().manual_seed(seed)
        if days not in self._common:
            self._common[days] = self._run(self._cold, self._whole_steps(0.75 * days))
        states = []
        for _ in range(count):
            x = self._common[days].clone()
            for name in self.space.components[0].variables:
                if name.startswith("t_"):
                    own = self.space.index(name)
                    x[own] += torch.randn(own.stop - own.start, generator=noise, dtype=x.dtype)
            states.append(self._run(x, self._whole_steps(0.25 * days)))
        return torch.stack(states)

    def _whole_steps(self, days: float) -> int:
        return max(1, round(days * 86400 / self.seconds)) * self.seconds

    def _run(self, state: torch.Tensor, seconds: int) -> torch.Tensor:
        """One state (n + m), so much later."""
        self._hold(state)
        self.climate.run_until(self.climate.time + np.timedelta64(seconds, "s"))
        return self._state()

    def _hold(self, state: torch.Tensor) -> None:
        """Let the model be in this state."""
        n = self.space.size
        dx = state[:n].double() - state[n : 2 * n]
        self.climate.set_memory(state[2 * n :])
        if bool(dx.any()):
            shape, levels = self.space.components[0].shape, len(self.pressure)
            increment = torch.zeros(4 * levels + 1, *shape[1:], dtype=torch.float64)
            increment[[*self._rows, -1]] = dx.reshape(shape)
            self.climate.add_air(self.pressure, increment)

    def _state(self) -> torch.Tensor:
        """The state (n + m,) that the model holds."""
        seen = self.climate.air(self.pressure)[[*self._rows, -1]].flatten()
        return torch.cat([seen, seen, self.climate.memory()])
