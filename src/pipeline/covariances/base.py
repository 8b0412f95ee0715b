"""A covariance B is known by a square root: B = L L^T, where L maps a control vector v (..., m) to dz (..., n).

L need not be square: with m > n (a sum of covariances) or m < n (an ensemble) everything below holds, since

    L^T B^-1   is the smallest v with L v = dz,    |L^T B^-1 dz|^2 = dz^T B^-1 dz.

For an ensemble B^-1 is the pseudo-inverse, and the identities hold on the span of its anomalies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn

from pipeline.errors import PipelineError


class Covariance(nn.Module, ABC):
    """Symmetric, positive; every method takes any number of leading axes.

    Attributes:
        invertible: whether B^-1 is an inverse; to a pseudo-inverse increments outside the span of B cost nothing.
    """

    invertible = True

    @abstractmethod
    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        """L v, (..., m) to (..., n)."""

    @abstractmethod
    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        """L^T dz, (..., n) to (..., m)."""

    @abstractmethod
    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        """B^-1 dz, (..., n)."""

    @property
    @abstractmethod
    def variance(self) -> torch.Tensor:
        """Diagonal of B, shape (n,), or (1,) where all elements share one value."""

    def inverse_sqrt(self, dz: torch.Tensor) -> torch.Tensor:
        """The smallest v with L v = dz, (..., n) to (..., m)."""
        return self.sqrt_adjoint(self.inverse(dz))

    def forward(self, dz: torch.Tensor) -> torch.Tensor:
        """B dz, (..., n)."""
        return self.sqrt(self.sqrt_adjoint(dz))

    def control(self, dz: torch.Tensor) -> torch.Tensor:
        """The control vector 0 (..., m) that belongs to vectors like `dz` (..., n)."""
        return torch.zeros_like(self.sqrt_adjoint(dz.detach()))

    def sample(self, like: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draws from N(0, B), shaped like `like` (..., n)."""
        v = self.control(like)
        return self.sqrt(torch.randn(v.shape, generator=generator, dtype=v.dtype, device=v.device))

    def with_members(self, members: torch.Tensor) -> Covariance:
        """This covariance with the ensemble (K, n) of the day in place of its own.

        Raises:
            PipelineError: it has none, as it does not depend on the flow.
        """
        kind = type(self).__module__.rpartition(".")[2]
        raise PipelineError(f"covariances/{kind} does not use an ensemble; choose ensemble or hybrid")


class Composite(Covariance):
    """A covariance that is put together from others in `total`."""

    total: Covariance

    @property
    def invertible(self) -> bool:
        return self.total.invertible

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return self.total.sqrt(v)

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return self.total.sqrt_adjoint(dz)

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        return self.total.inverse(dz)

    @property
    def variance(self) -> torch.Tensor:
        return self.total.variance
