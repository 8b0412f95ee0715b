"""The climate model as a function of states of which the air-sea interface is seen (see `_climate_states`)."""

from __future__ import annotations

import torch

from pipeline.models._climate_states import ClimateStates
from pipeline.spaces import Space


class ClimateInterface(ClimateStates):
    """The eight variables of `spaces.air_sea_space`, on the grids of atmosphere and ocean."""

    @property
    def space(self) -> Space:
        return self.climate.space

    @property
    def disturbed(self) -> tuple[str, ...]:
        return ("ta",)

    def look(self) -> torch.Tensor:
        return self.climate.state()

    def correct(self, dx: torch.Tensor) -> None:
        self.climate.add_increment(dx)
