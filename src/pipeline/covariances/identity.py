"""B = sigma^2 I: what the released latent codes take where nothing is known."""

from __future__ import annotations

import torch

from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError


class Identity(Covariance):
    """B = sigma^2 I.

    Args:
        standard_deviation: sigma, in the units of z.
    """

    deviation: torch.Tensor

    def __init__(self, standard_deviation: float = 1.0) -> None:
        super().__init__()
        if not standard_deviation > 0:
            raise PipelineError(f"covariances/identity: standard_deviation {standard_deviation} must be positive")
        self.register_buffer("deviation", torch.tensor([standard_deviation], dtype=torch.float64))

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return self.deviation * v

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return self.deviation * dz

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        return dz / self.deviation**2

    @property
    def variance(self) -> torch.Tensor:
        return self.deviation**2
