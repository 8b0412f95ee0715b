"""The box: observations within a radius count in full, others not at all (the local analyses of Ott et al. 2004)."""

from __future__ import annotations

import torch

from pipeline.localization.base import Between, Localization, check


class Cutoff(Localization):
    """rho = 1 within a radius, 0 beyond; an infinite radius localizes nothing.

    Args:
        radius: from which on an observation does not count.
        unit: `km`, `degree` or `cell`.
        between: factor on the weight between components, one number or by the component that is corrected.
    """

    def __init__(self, radius: float = float("inf"), unit: str = "km", between: Between = 1.0) -> None:
        check("cutoff", "radius", radius, unit, between)
        self.unit, self.reach, self.between = unit, radius, between

    def weight(self, distance: torch.Tensor) -> torch.Tensor:
        return (distance < self.reach).to(distance)
