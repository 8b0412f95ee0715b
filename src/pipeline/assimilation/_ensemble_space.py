"""Filters whose analysis is a combination of the members (Bishop et al. 2001; Hunt et al. 2007):

    x_a,k = xbar + (wbar + T_k) A,    A_k = x_k - xbar,    S = Y R^-1/2 / sqrt(N - 1),    d = R^-1/2 (y - ybar)

The kind says what wbar (N) and T (N x N) are; only N x N matrices are met, the state is touched once. In these units
P_b = A^T A / (N - 1), and the Kalman gain is K = A^T (I + S S^T)^-1 S R^-1/2 / sqrt(N - 1).
"""

from __future__ import annotations

from abc import abstractmethod

import torch

from pipeline.assimilation._ensemble_filter import Departures, EnsembleFilter, Network
from pipeline.assimilation._random import Random


class EnsembleSpaceFilter(EnsembleFilter):
    """A filter that is known by its weights."""

    @abstractmethod
    def weights(self, s: torch.Tensor, d: torch.Tensor, random: Random) -> torch.Tensor:
        """wbar + T, (..., N, N), from S (..., N, p) and d (..., p)."""

    def analyse(self, members: torch.Tensor, departures: Departures, network: Network, random: Random) -> torch.Tensor:
        s, d = whitened(departures)
        mean = members.mean(-2, keepdim=True)
        return mean + self.weights(s, d, random) @ (members - mean)


def whitened(departures: Departures) -> tuple[torch.Tensor, torch.Tensor]:
    """S (..., N, p) and d (..., p)."""
    count = departures.anomalies.shape[-2]
    return departures.anomalies / (departures.error * (count - 1) ** 0.5), departures.innovation / departures.error


def gram(s: torch.Tensor) -> torch.Tensor:
    """I + S S^T, (..., N, N)."""
    c = s @ s.mT
    c.diagonal(dim1=-2, dim2=-1).add_(1.0)
    return c


def mean_weights(root: torch.Tensor, s: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """wbar = d^T S^T (I + S S^T)^-1 / sqrt(N - 1), (..., 1, N), from the Cholesky factor of I + S S^T."""
    return torch.cholesky_solve(s @ d.unsqueeze(-1), root).mT / (s.shape[-2] - 1) ** 0.5
