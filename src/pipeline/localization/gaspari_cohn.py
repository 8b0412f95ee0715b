"""The compactly supported fifth-order function of Gaspari and Cohn (1999, equation 4.10), r = distance / c:

    rho = -r^5/4 + r^4/2 + 5 r^3/8 - 5 r^2/3 + 1                          r <= 1
    rho = r^5/12 - r^4/2 + 5 r^3/8 + 5 r^2/3 - 5 r + 4 - 2/(3 r)          1 < r < 2
    rho = 0                                                               r >= 2

A correlation function: positive definite in up to three dimensions. Near 0 it resembles a Gaussian of standard
deviation c sqrt(3/10), and it falls to exp(-1/2) at about c / 1.82.
"""

from __future__ import annotations

import torch

from pipeline.localization.base import Between, Localization, check


class GaspariCohn(Localization):
    """Gaspari and Cohn's function.

    Args:
        half_width: c; the weight vanishes from 2 c on.
        unit: `km`, `degree` or `cell`.
        between: factor on the weight between components, one number or by the component that is corrected.
    """

    def __init__(self, half_width: float, unit: str = "km", between: Between = 1.0) -> None:
        check("gaspari_cohn", "half_width", half_width, unit, between)
        self.half_width, self.unit, self.reach, self.between = half_width, unit, 2.0 * half_width, between

    def weight(self, distance: torch.Tensor) -> torch.Tensor:
        r = distance / self.half_width
        near = 1 + r**2 * (-5 / 3 + r * (5 / 8 + r * (1 / 2 - r / 4)))
        far = 4 - 5 * r + r**2 * (5 / 3 + r * (5 / 8 + r * (-1 / 2 + r / 12))) - 2 / (3 * r.clamp_min(1.0))
        return torch.where(r <= 1, near, torch.where(r < 2, far, 0.0)).clamp_min(0.0)
