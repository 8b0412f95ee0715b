"""A transform carries a method of assimilation to another space: z = E(x), x = D(z).

Latent assimilation is the ordinary method with D(z) in place of x; nothing else in the library knows of latent spaces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn


class Transform(nn.Module, ABC):
    """Encoder and decoder on vectors, any number of leading axes.

    Attributes:
        channels: latent variables at one place, where z is ordered (channel, place); 1 where that means nothing.
    """

    channels: int = 1

    @abstractmethod
    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """State (..., n), physical units, to latent vector (..., m)."""

    @abstractmethod
    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Latent vector (..., m) to state (..., n), physical units; differentiable with respect to `z`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The reconstruction D(E(x)); its distance from `x` is the error of the representation."""
        return self.decode(self.encode(x))
