"""Relaxation to prior perturbations (Zhang et al. 2004, equation 5): x'_a,k <- (1 - alpha) x'_a,k + alpha x'_b,k."""

from __future__ import annotations

import torch

from pipeline.errors import PipelineError
from pipeline.inflation.base import Inflation, split


class Rtpp(Inflation):
    """A mixture of both ensembles' anomalies about the analysis mean.

    Args:
        alpha: share of the prior, 0 to 1.
    """

    def __init__(self, alpha: float) -> None:
        if not 0 <= alpha <= 1:
            raise PipelineError(f"inflation/rtpp: alpha {alpha} is outside 0..1")
        self.alpha = alpha

    def posterior(self, background: torch.Tensor, analysis: torch.Tensor) -> torch.Tensor:
        mean, anomalies = split(analysis)
        return mean + (1 - self.alpha) * anomalies + self.alpha * split(background)[1]
