"""A covariance plus a few directions, B = A + U U^T, by the formula of Sherman, Morrison and Woodbury:

B^-1 = A^-1 - A^-1 U C^-1 U^T A^-1,    C = I + U^T A^-1 U    (rank x rank).
"""

from __future__ import annotations

import torch

from pipeline.covariances.base import Covariance
from pipeline.precision import matched


class Scaled(Covariance):
    """factor * B."""

    def __init__(self, covariance: Covariance, factor: float) -> None:
        super().__init__()
        self.covariance, self.factor = covariance, factor

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return self.factor**0.5 * self.covariance.sqrt(v)

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return self.factor**0.5 * self.covariance.sqrt_adjoint(dz)

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        return self.covariance.inverse(dz) / self.factor

    @property
    def variance(self) -> torch.Tensor:
        return self.factor * self.covariance.variance


class LowRankUpdate(Covariance):
    """B = A + U U^T with the square root L = [A^1/2, U]: the control vector has two parts.

    Args:
        covariance: A, invertible.
        factor: U^T, (rank, n): one row per direction.
    """

    factor: torch.Tensor
    capacitance_root: torch.Tensor

    def __init__(self, covariance: Covariance, factor: torch.Tensor) -> None:
        super().__init__()
        self.covariance = matched(covariance, factor)
        self.register_buffer("factor", factor)
        capacitance = torch.eye(len(factor)).to(factor) + self.covariance.inverse(factor) @ factor.T
        self.register_buffer("capacitance_root", torch.linalg.cholesky(0.5 * (capacitance + capacitance.T)))

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        rank = len(self.factor)
        return self.covariance.sqrt(v[..., :-rank]) + v[..., -rank:] @ self.factor

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.covariance.sqrt_adjoint(dz), dz @ self.factor.T], dim=-1)

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        first = self.covariance.inverse(dz)
        projected = (first @ self.factor.T).unsqueeze(-1)
        weights = torch.cholesky_solve(projected, self.capacitance_root).squeeze(-1)
        return first - self.covariance.inverse(weights @ self.factor)

    @property
    def variance(self) -> torch.Tensor:
        return self.covariance.variance + (self.factor**2).sum(0)
