"""The climate model as a function of states, for testbeds: some fields are seen, all the rest is memory.

    state (..., n + m) = fields (n); the same fields and the model's whole state, as a restart has it (m)

Where the first fields differ from the second, the difference is an increment, which the model takes before it steps: an
analysis that changes the fields corrects the model and never re-initialises it. The Fortran makes one state after the
other.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mpi4py import MPI

from pipeline import bridge
from pipeline.models.climate import Climate
from pipeline.models.namelist import write_namelist
from pipeline.spaces import Space
from pipeline.spherical_harmonics import SphericalHarmonics


class ClimateStates(ABC):
    """The coupled model on this process.

    Args:
        module: the importable model, as `bridge.build` makes it.
        grid: grid file.
        model: the `model` section of the configuration.
        seconds: what `step` advances [s], a multiple of the coupling interval.
        begin: date of the cold start.

    Attributes:
        climate: the model.
        harmonics: of the air's grid and truncation.
        memory: m.
    """

    def __init__(
        self, module: str, grid: str, model: Mapping[str, Any], seconds: int = 21600, begin: str = "2010-01-01"
    ) -> None:
        self.seconds = seconds
        with tempfile.TemporaryDirectory() as folder:
            namelist = Path(folder) / "climate.nml"
            write_namelist(namelist, model, {"grid": grid}, begin)
            self.climate = Climate(bridge.load(Path(module)), MPI.COMM_SELF, namelist)
        air = self.climate.space["atmosphere"].grid
        self.harmonics = SphericalHarmonics(model["atmosphere"]["trunc"], *air.shape)
        self._common: dict[float, torch.Tensor] = {}

    @property
    @abstractmethod
    def space(self) -> Space:
        """What is seen."""

    @property
    @abstractmethod
    def disturbed(self) -> tuple[str, ...]:
        """Temperatures of the air, by which states are set apart."""

    @abstractmethod
    def look(self) -> torch.Tensor:
        """The fields (n,) of the state that the model holds."""

    @abstractmethod
    def correct(self, dx: torch.Tensor) -> None:
        """Add increments (n,) of the fields to it."""

    @property
    def memory(self) -> int:
        return self.space.size + int(self.climate.plugs.tool_get_memory_size())

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n + m), float64, `seconds` later."""
        flat = x.reshape(-1, x.shape[-1])
        return torch.stack([self._run(state, self.seconds) for state in flat]).reshape(x.shape)

    def spun_up(self, count: int = 1, days: float = 120.0, seed: int = 0) -> torch.Tensor:
        """`count` states (count, n + m): three quarters of the days from rest in common, then each on its own.

        They part by noise of 1 K in the air's temperature, which the growth of errors turns into other weather.
        """
        noise = torch.Generator().manual_seed(seed)
        if days not in self._common:
            self._common[days] = self._run(self.held(), self._whole_steps(0.75 * days))
        states = []
        for _ in range(count):
            x = self._common[days].clone()
            for name in self.disturbed:
                own = self.space.index(name)
                x[own] += torch.randn(own.stop - own.start, generator=noise, dtype=x.dtype)
            states.append(self._run(x, self._whole_steps(0.25 * days)))
        return torch.stack(states)

    def hold(self, state: torch.Tensor) -> None:
        """Let the model be in a state (n + m,)."""
        n = self.space.size
        dx = state[:n].double() - state[n : 2 * n]
        self.climate.set_memory(state[2 * n :])
        if bool(dx.any()):
            self.correct(dx)

    def held(self) -> torch.Tensor:
        """The state (n + m,) that the model is in."""
        seen = self.look()
        return torch.cat([seen, seen, self.climate.memory()])

    def _whole_steps(self, days: float) -> int:
        return max(1, round(days * 86400 / self.seconds)) * self.seconds

    def _run(self, state: torch.Tensor, seconds: int) -> torch.Tensor:
        """One state (n + m,), so much later."""
        self.hold(state)
        self.climate.run_until(self.climate.time + np.timedelta64(seconds, "s"))
        return self.held()
