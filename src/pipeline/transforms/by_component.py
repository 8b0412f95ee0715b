"""A transform of its own for each component of a state; those that are not named stay as they are, z = x."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.spaces import Space
from pipeline.transforms.base import Transform
from pipeline.transforms.identity import Identity


class ByComponent(Transform):
    """Transforms side by side, in the order of the space, each of which keeps the size of its component.

    Args:
        parts: a transform per component.
        space: of the state.
    """

    def __init__(self, parts: Mapping[str, Transform], space: Space) -> None:
        super().__init__()
        if unknown := [name for name in parts if name not in space.names]:
            raise PipelineError(
                f"transforms/by_component: no component {unknown[0]!r}; choose from {', '.join(space.names)}"
            )
        self.parts = nn.ModuleList(parts.get(name) or Identity() for name in space.names)
        self.sizes = [component.size for component in space.components]

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        pieces = zip(self.parts, x.split(self.sizes, dim=-1), strict=True)
        encoded = [part.encode(piece) for part, piece in pieces]
        if (found := [z.shape[-1] for z in encoded]) != self.sizes:
            raise PipelineError(
                f"transforms/by_component: components of {self.sizes} elements become {found}; choose transforms that "
                "keep the size, as balance does"
            )
        return torch.cat(encoded, dim=-1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        pieces = zip(self.parts, z.split(self.sizes, dim=-1), strict=True)
        return torch.cat([part.decode(piece) for part, piece in pieces], dim=-1)
