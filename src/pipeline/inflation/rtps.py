"""Relaxation to prior spread (Whitaker and Hamill 2012, equation 2), element by element:

x'_a,k <- x'_a,k (1 + alpha (sigma_b - sigma_a) / sigma_a)
"""

from __future__ import annotations

import torch

from pipeline.errors import PipelineError
from pipeline.inflation.base import Inflation, split


class Rtps(Inflation):
    """The analysis spread becomes (1 - alpha) sigma_a + alpha sigma_b.

    Args:
        alpha: 0 leaves the analysis, 1 gives it the prior's spread; above 1 it grows.
    """

    def __init__(self, alpha: float) -> None:
        if not alpha >= 0:
            raise PipelineError(f"inflation/rtps: alpha {alpha} must be 0 or more")
        self.alpha = alpha

    def posterior(self, background: torch.Tensor, analysis: torch.Tensor) -> torch.Tensor:
        mean, anomalies = split(analysis)
        sigma_b, sigma_a = background.std(-2, keepdim=True), analysis.std(-2, keepdim=True)
        ratio = torch.where(sigma_a > 0, (sigma_b - sigma_a) / sigma_a, 0.0)
        return mean + (1 + self.alpha * ratio) * anomalies
