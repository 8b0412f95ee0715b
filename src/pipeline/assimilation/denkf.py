"""Deterministic ensemble Kalman filter (Sakov and Oke 2008, equations 13 to 15): no perturbed observations,

    xbar_a = xbar + K d,    A_a = A - 1/2 K H A = (I - 1/2 S S^T (I + S S^T)^-1) A

P_a = (I - K H) P_b + 1/4 K H P_b H^T K^T: the Kalman filter's where the correction is small, larger otherwise.
"""

from __future__ import annotations

import torch

from pipeline.assimilation._ensemble_space import EnsembleSpaceFilter, gram, mean_weights
from pipeline.assimilation._random import Random


class DEnKF(EnsembleSpaceFilter):
    """Half the gain for the anomalies."""

    def weights(self, s: torch.Tensor, d: torch.Tensor, random: Random) -> torch.Tensor:
        root = torch.linalg.cholesky(gram(s))
        # I - 1/2 S S^T (I + S S^T)^-1 = 1/2 (I + (I + S S^T)^-1)
        half = 0.5 * torch.cholesky_inverse(root)
        half.diagonal(dim1=-2, dim2=-1).add_(0.5)
        return mean_weights(root, s, d) + half
