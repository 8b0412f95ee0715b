"""x_k = xbar + lambda (x_k - xbar) (Anderson and Anderson 1999)."""

from __future__ import annotations

import torch

from pipeline.errors import PipelineError
from pipeline.inflation.base import Inflation, split


class Multiplicative(Inflation):
    """A factor on the anomalies.

    Args:
        factor: lambda; the covariance grows by its square.
        stage: `posterior`, after the analysis, or `prior`, before it.
    """

    def __init__(self, factor: float, stage: str = "posterior") -> None:
        if not factor > 0:
            raise PipelineError(f"inflation/multiplicative: factor {factor} must be positive")
        if stage not in ("prior", "posterior"):
            raise PipelineError(f"inflation/multiplicative: stage {stage!r} is unknown; choose prior or posterior")
        self.factor, self.stage = factor, stage

    def prior(self, background: torch.Tensor) -> torch.Tensor:
        return self._inflate(background) if self.stage == "prior" else background

    def posterior(self, background: torch.Tensor, analysis: torch.Tensor) -> torch.Tensor:
        return self._inflate(analysis) if self.stage == "posterior" else analysis

    def _inflate(self, members: torch.Tensor) -> torch.Tensor:
        mean, anomalies = split(members)
        return mean + self.factor * anomalies
