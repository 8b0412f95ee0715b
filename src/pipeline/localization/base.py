"""A localization is a weight of distance, rho(0) = 1, that ends at its reach, and a factor between components.

It multiplies sampled covariances (serial filters: x'_k h'_k^T rho) or the observations' precision (local analyses:
R^-1 rho); both damp correlations that a small ensemble cannot tell from chance. `between` multiplies rho where
observation and element belong to different components: 1 is strong coupling, 0 leaves each its own observations. With
names it is that of the component that is corrected, 1 where there is none: {ocean: 0} lets the sea correct the air, not
the air the sea.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch

from pipeline.errors import PipelineError

Between = float | Mapping[str, float]
UNITS = ("km", "degree", "cell")


class Localization(ABC):
    """A weight of distance.

    Attributes:
        unit: of every length: `km` and `degree` along great circles, `cell`: grid lengths of the first component's
            longitudes, for models that live on a ring.
        reach: distance from which on the weight is 0.
        between: factor on the weight between components, one number or by the component that is corrected.
    """

    unit: str
    reach: float
    between: Between

    @abstractmethod
    def weight(self, distance: torch.Tensor) -> torch.Tensor:
        """rho of distances (...), in `unit`."""


def check(kind: str, length: str, value: float, unit: str, between: Between) -> None:
    """Refuse a length that is not positive, a unit that is unknown, or a factor that is no number in 0..1."""
    for name, factor in between.items() if isinstance(between, Mapping) else [("", between)]:
        given = f"{name}: {factor!r}" if name else repr(factor)
        if isinstance(factor, bool) or not isinstance(factor, (int, float)):
            raise PipelineError(
                f"localization/{kind}: between {given} is no number; give one for all, between: 0.5, or one by the "
                "component that is corrected, between: {ocean: 0.0}"
            )
        if not 0 <= factor <= 1:
            raise PipelineError(f"localization/{kind}: between {given} is outside 0..1")
    if not value > 0:
        raise PipelineError(f"localization/{kind}: {length} {value} must be positive")
    if unit not in UNITS:
        raise PipelineError(f"localization/{kind}: unit {unit!r} is unknown; choose one of {', '.join(UNITS)}")
