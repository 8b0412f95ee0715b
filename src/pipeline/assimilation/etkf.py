"""Ensemble transform Kalman filter (Bishop et al. 2001), with the symmetric square root (Wang et al. 2004; Hunt 2007):

    xbar_a = xbar + K d,    A_a = (I + S S^T)^-1/2 A

Mean and covariance are exactly those of the Kalman filter with the sample covariance. The symmetric root keeps the sum
of the anomalies at 0 and is, of all roots, the nearest to the identity.
"""

from __future__ import annotations

import torch

from pipeline.assimilation._ensemble_space import EnsembleSpaceFilter, gram
from pipeline.assimilation._random import Random


class ETKF(EnsembleSpaceFilter):
    """The symmetric square root filter."""

    def weights(self, s: torch.Tensor, d: torch.Tensor, random: Random) -> torch.Tensor:
        return symmetric_weights(s, d)


def symmetric_weights(s: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """wbar + T of the ETKF, (..., N, N): one eigendecomposition gives the inverse and its root."""
    values, vectors = torch.linalg.eigh(gram(s))
    root = vectors / values.sqrt().unsqueeze(-2)
    mean = (vectors.mT @ (s @ d.unsqueeze(-1))) / (values.unsqueeze(-1) * (s.shape[-2] - 1) ** 0.5)
    # wbar = V (V^T S d / lambda) as a row, T = V lambda^-1/2 V^T
    return (vectors @ mean).mT + root @ vectors.mT
