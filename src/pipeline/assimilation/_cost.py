"""The terms of a variational cost, written once:

    J(v) = J_b + J_o,   J_b = 1/2 |dz|^2_(B^-1),   J_o = 1/2 |y - H(x(z_b + dz))|^2_(R^-1),   R diagonal.

The control vector v is either that of dz = B^1/2 v, where J_b = 1/2 v^T v (better conditioned), or dz itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from pipeline.assimilation.base import ObservationOperator
from pipeline.covariances.base import Covariance


class BackgroundTerm(Protocol):
    """J_b and what its control vector means."""

    def control(self, dz: torch.Tensor) -> torch.Tensor:
        """The control vector 0 for increments like `dz` (..., m)."""

    def increment(self, v: torch.Tensor) -> torch.Tensor:
        """Control vector to dz (..., m)."""

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        """J_b(v), shape (...)."""


@dataclass(frozen=True)
class Preconditioned:
    """dz = B^1/2 v, J_b = 1/2 v^T v."""

    covariance: Covariance

    def control(self, dz: torch.Tensor) -> torch.Tensor:
        return self.covariance.control(dz)

    def increment(self, v: torch.Tensor) -> torch.Tensor:
        return self.covariance.sqrt(v)

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        return 0.5 * (v * v).sum(-1)


@dataclass(frozen=True)
class Direct:
    """v = dz, J_b = 1/2 dz^T B^-1 dz."""

    covariance: Covariance

    def control(self, dz: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(dz)

    def increment(self, v: torch.Tensor) -> torch.Tensor:
        return v

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        return 0.5 * (v * self.covariance.inverse(v)).sum(-1)


CONTROLS: dict[str, type[Preconditioned] | type[Direct]] = {"preconditioned": Preconditioned, "direct": Direct}


@dataclass(frozen=True)
class ObservationTerm:
    """J_o(x) = 1/2 sum_p ((y - H(x))_p / sigma_p)^2, shape (...).

    Attributes:
        operator: H.
        value, error: y and sigma, (p,).
    """

    operator: ObservationOperator
    value: torch.Tensor
    error: torch.Tensor

    def departure(self, x: torch.Tensor) -> torch.Tensor:
        """y - H(x), (..., p)."""
        return self.value - self.operator(x)

    def normalized_departure(self, x: torch.Tensor) -> torch.Tensor:
        """R^-1/2 (y - H(x)), (..., p)."""
        return self.departure(x) / self.error

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * (self.normalized_departure(x) ** 2).sum(-1)


@dataclass(frozen=True)
class Cost:
    """J_b and J_o as functions of the control vector.

    Attributes:
        background, observation: the two terms.
        state: dz (..., m) to the state x (..., n) that the observations see.
    """

    background: BackgroundTerm
    observation: ObservationTerm
    state: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(J_b, J_o), each (...)."""
        return self.background(v), self.observation(self.state(self.background.increment(v)))

    def normalized_departure(self, v: torch.Tensor) -> torch.Tensor:
        """R^-1/2 (y - H(x(v))), (..., p)."""
        return self.observation.normalized_departure(self.state(self.background.increment(v)))
