"""The box: observations within a radius count in full, others not at all (the local analyses of Ott et al. 2004)."""

from __future__ import annotations

import torch

from pipeline.localization.base import Localization, check_length


class Cutoff(Localization):
    """rho = 1 within a radius, 0 beyond; an infinite radius localizes nothing.

    Args:
        radius: from which on an observation does not count.
        unit: `km`, `degree` or `cell`.
    """

    def __init__(self, radius: float = float("inf"), unit: str = "km") -> None:
        check_length("cutoff", "radius", radius, unit)
        self.unit, self.reach = unit, radius

    def weight(self, distance: torch.Tensor) -> torch.Tensor:
        return (distance < self.reach).to(distance)
