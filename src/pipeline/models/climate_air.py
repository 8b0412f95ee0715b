"""The climate model as a function of states of which the air on pressure levels is seen (see `_climate_states`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.models._climate_states import ClimateStates
from pipeline.spaces import Component, Space

FIELDS = ("u", "v", "t", "q", "z")
"""What the model gives at a level, in its order; it takes increments of the first four."""


class ClimateAir(ClimateStates):
    """Fields `u_<hPa>`, ... and ps.

    Args:
        variables: of u, v, t, q.
        levels: pressures, rising [hPa].
        options: see `ClimateStates`.
    """

    def __init__(
        self,
        variables: tuple[str, ...] = ("u", "v", "t"),
        levels: tuple[int, ...] = (100, 200, 300, 400, 500, 700, 850, 925),
        **options: Any,
    ) -> None:
        if unknown := [name for name in variables if name not in FIELDS[:4]]:
            raise PipelineError(f"models/climate_air: no variable {unknown[0]!r}; choose from {', '.join(FIELDS[:4])}")
        super().__init__(**options)
        air = self.climate.space["atmosphere"].grid
        self.pressure = 100.0 * np.asarray(levels, dtype=np.float64)
        names = [f"{name}_{level}" for name in variables for level in levels]
        self._space = Space((Component("atmosphere", air, (*names, "ps")),))
        self._rows = [FIELDS.index(name) * len(levels) + k for name in variables for k in range(len(levels))]

    @property
    def space(self) -> Space:
        return self._space

    @property
    def disturbed(self) -> tuple[str, ...]:
        return tuple(name for name in self.space.components[0].variables if name.startswith("t_"))

    def look(self) -> torch.Tensor:
        return self.climate.air(self.pressure)[[*self._rows, -1]].flatten()

    def correct(self, dx: torch.Tensor) -> None:
        shape = self.space.components[0].shape
        increment = torch.zeros(4 * len(self.pressure) + 1, *shape[1:], dtype=torch.float64)
        increment[[*self._rows, -1]] = dx.reshape(shape)
        self.climate.add_air(self.pressure, increment)
