"""B = (1 - alpha) B_c + alpha B_e (Hamill and Snyder 2000): errors of the climate and errors of the day.

The square root [sqrt(1-alpha) B_c^1/2, sqrt(alpha) X^T] is the extended control variable of Lorenc (2003); alpha = 0 is
the static covariance, alpha = 1 the ensemble's.
"""

from __future__ import annotations

import torch

from pipeline.covariances._low_rank import LowRankUpdate, Scaled
from pipeline.covariances.base import Composite, Covariance
from pipeline.covariances.ensemble import Ensemble
from pipeline.errors import PipelineError


class Hybrid(Composite):
    """Weighted sum of a static and an ensemble covariance.

    Args:
        alpha: weight of the ensemble, 0 to 1.
        static: B_c, any invertible covariance.
        ensemble: B_e; its members may come with each analysis.
    """

    def __init__(self, alpha: float, static: Covariance, ensemble: Ensemble | None = None) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise PipelineError(f"covariances/hybrid: alpha {alpha} is outside 0..1")
        self.alpha, self.static, self.ensemble = alpha, static, ensemble if ensemble is not None else Ensemble()
        self.total = self._combine()

    def with_members(self, members: torch.Tensor) -> Hybrid:
        return Hybrid(self.alpha, self.static, self.ensemble.with_members(members))

    def _combine(self) -> Covariance:
        if self.alpha == 1:
            return self.ensemble
        if self.alpha == 0:
            return self.static
        anomalies = self.ensemble.anomalies
        if not anomalies.numel():
            return self.ensemble  # which asks for members as soon as it is used
        return LowRankUpdate(Scaled(self.static, 1 - self.alpha), self.alpha**0.5 * anomalies)
