"""Ensemble Kalman filter with perturbed observations (Evensen 1994; Burgers et al. 1998, equations 13 to 15):

    x_a,k = x_k + K (y + e_k - H x_k),    e_k ~ N(0, R),   sum_k e_k = 0
          = x_k + D_k S^T (I + S S^T)^-1 A / sqrt(N - 1),   D_k = R^-1/2 (y + e_k - H x_k)

The mean is that of the Kalman filter with the sample covariance; the covariance is so in expectation only.
"""

from __future__ import annotations

import torch

from pipeline.assimilation._ensemble_space import EnsembleSpaceFilter, gram
from pipeline.assimilation._random import Random


class EnKF(EnsembleSpaceFilter):
    """Each member is drawn to observations of its own."""

    def weights(self, s: torch.Tensor, d: torch.Tensor, random: Random) -> torch.Tensor:
        scale = (s.shape[-2] - 1) ** 0.5
        departures = d.unsqueeze(-2) + random.centred(s.shape, s) - scale * s
        w = torch.cholesky_solve(s @ departures.mT, torch.linalg.cholesky(gram(s))).mT / scale
        w.diagonal(dim1=-2, dim2=-1).add_(1.0)
        return w
