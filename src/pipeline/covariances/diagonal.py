"""B = diag(sigma^2): errors of different size, uncorrelated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.spaces import Space


class Diagonal(Covariance):
    """B = diag(sigma^2).

    Args:
        standard_deviation: sigma per element, (n,); or, in model space, per variable: `{ps: 200.0, sst: 0.5, ...}`.
        space: what the elements are, for standard deviations per variable.
    """

    deviation: torch.Tensor

    def __init__(
        self,
        standard_deviation: torch.Tensor | Sequence[float] | Mapping[str, float],
        space: Space | None = None,
    ) -> None:
        super().__init__()
        if isinstance(standard_deviation, Mapping):
            deviation = _per_variable(standard_deviation, space)
        else:
            deviation = torch.as_tensor(standard_deviation, dtype=torch.float64).clone()
        if deviation.ndim != 1 or not bool((deviation > 0).all()):
            found = f"shape {tuple(deviation.shape)}, smallest {deviation.min():g}"
            raise PipelineError(f"covariances/diagonal: standard_deviation must be positive, one per element; {found}")
        self.register_buffer("deviation", deviation)

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return self.deviation * v

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return self.deviation * dz

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        return dz / self.deviation**2

    @property
    def variance(self) -> torch.Tensor:
        return self.deviation**2


def _per_variable(values: Mapping[str, float], space: Space | None) -> torch.Tensor:
    if space is None:
        raise PipelineError("covariances/diagonal: a standard_deviation per variable needs model space; give a vector")
    wanted = [variable for component in space.components for variable in component.variables]
    if set(values) != set(wanted):
        raise PipelineError(
            f"covariances/diagonal: standard_deviation names {', '.join(values)}; the state has {', '.join(wanted)}"
        )
    deviation = torch.empty(space.size, dtype=torch.float64)
    for variable in wanted:
        deviation[space.index(variable)] = values[variable]
    return deviation
