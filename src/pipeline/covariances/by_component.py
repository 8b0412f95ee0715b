"""B of several components, each with a covariance of its own and no errors in common: block-diagonal."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.spaces import Space


class ByComponent(Covariance):
    """Covariances side by side, in the order of the space; z has the component's size in each.

    Args:
        parts: a covariance per component.
        space: of the state.
    """

    def __init__(self, parts: Mapping[str, Covariance], space: Space) -> None:
        super().__init__()
        if set(parts) != set(space.names):
            raise PipelineError(
                f"covariances/by_component: parts for {', '.join(parts)}, the state has {', '.join(space.names)}; "
                "give a covariance for each"
            )
        for component in space.components:
            if (found := parts[component.name].variance.numel()) not in (1, component.size):
                raise PipelineError(
                    f"covariances/by_component: that of {component.name} is for {found} elements, the component has "
                    f"{component.size}; fit it to differences of this state"
                )
        self.parts = nn.ModuleList(parts[name] for name in space.names)
        self.sizes = [component.size for component in space.components]
        self.controls = [
            part.control(torch.zeros(n, dtype=part.variance.dtype)).shape[-1]
            for part, n in zip(self.parts, self.sizes, strict=True)
        ]

    @property
    def invertible(self) -> bool:
        return all(part.invertible for part in self.parts)

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return self._each("sqrt", v.split(self.controls, dim=-1))

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return self._each("sqrt_adjoint", dz.split(self.sizes, dim=-1))

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        return self._each("inverse", dz.split(self.sizes, dim=-1))

    @property
    def variance(self) -> torch.Tensor:
        pairs = zip(self.parts, self.sizes, strict=True)
        return torch.cat([part.variance.expand(n) for part, n in pairs])

    def _each(self, method: str, pieces: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return torch.cat([getattr(part, method)(x) for part, x in zip(self.parts, pieces, strict=True)], dim=-1)
