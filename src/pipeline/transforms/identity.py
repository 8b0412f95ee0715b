"""No transform, z = x: assimilation in model space."""

from __future__ import annotations

import torch

from pipeline.transforms.base import Transform


class Identity(Transform):
    """z = x."""

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z
