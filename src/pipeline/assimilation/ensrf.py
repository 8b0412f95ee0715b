"""Serial ensemble square root filter (Potter 1964; Whitaker and Hamill 2002, equations 10 to 13), in ensemble space.

Observations with independent errors are assimilated one after the other. With T the transform so far, u = T s_j the
anomalies of the next observation and d_j what is left of its innovation,

    wbar <- wbar + d_j u^T T / (c sqrt(N-1)),     c = 1 + u^T u
    d_i  <- d_i  - d_j u^T T s_i / c
    T    <- T    - u u^T T / (c + sqrt(c))

The result has the Kalman filter's mean and covariance, as the ETKF's has; the order of the observations changes the
members, not their mean and covariance. Nothing of the size of the state is touched until the end.
"""

from __future__ import annotations

import torch

from pipeline.assimilation._ensemble_space import EnsembleSpaceFilter
from pipeline.assimilation._random import Random


class EnSRF(EnsembleSpaceFilter):
    """One observation at a time."""

    def weights(self, s: torch.Tensor, d: torch.Tensor, random: Random) -> torch.Tensor:
        count, observations = s.shape[-2:]
        # T [S, I] in one matrix, and [-d, wbar sqrt(N-1)] in one row, as both parts are updated alike.
        carried = torch.cat([s, torch.eye(count).to(s).expand(*s.shape[:-1], count)], dim=-1)
        row = torch.cat([-d, torch.zeros_like(s[..., 0])], dim=-1)
        for j in range(observations):
            u = carried[..., j].clone()
            along = u.unsqueeze(-2) @ carried  # u^T T [S, I], (..., 1, p + N)
            c = 1.0 + (u * u).sum(-1, keepdim=True)
            row -= (row[..., j : j + 1] / c) * along.squeeze(-2)
            carried -= (u / (c + c.sqrt())).unsqueeze(-1) * along
        return row[..., None, observations:] / (count - 1) ** 0.5 + carried[..., observations:]
