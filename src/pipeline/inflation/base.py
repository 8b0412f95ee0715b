"""An inflation changes the anomalies of an ensemble (..., N, n), never its mean."""

from __future__ import annotations

import torch


class Inflation:
    """Acts before the analysis, after it, or both; by default it changes nothing."""

    def prior(self, background: torch.Tensor) -> torch.Tensor:
        """Members (..., N, n) that the analysis starts from."""
        return background

    def posterior(self, background: torch.Tensor, analysis: torch.Tensor) -> torch.Tensor:
        """Members (..., N, n) after the analysis of `background`."""
        return analysis


def split(members: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (..., 1, n) and anomalies (..., N, n)."""
    mean = members.mean(-2, keepdim=True)
    return mean, members - mean
