"""Scores of ensembles against a truth, in batches: error of the mean, spread, rank histogram, CRPS.

A reliable ensemble's spread equals the error of its mean (up to (N+1)/N), and the truth is as likely to fall into any
of the N + 1 gaps between the sorted members (Hamill 2001).
"""

from __future__ import annotations

import torch


def error(members: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """RMSE over the elements of the mean of members (..., N, n) against the truth (..., n), shape (...)."""
    return ((members.mean(-2) - truth) ** 2).mean(-1).sqrt()


def spread(members: torch.Tensor) -> torch.Tensor:
    """Root of the mean variance of members (..., N, n), shape (...); 0 for a single member."""
    if members.shape[-2] == 1:
        return torch.zeros_like(members[..., 0, 0])
    return members.var(-2).mean(-1).sqrt()


def rank_histogram(members: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """How often k of the N members lie below the truth, k = 0 to N: counts (..., N + 1) over the elements."""
    ranks = (members < truth.unsqueeze(-2)).sum(-2)
    return torch.nn.functional.one_hot(ranks, members.shape[-2] + 1).sum(-2)


def crps(members: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Continuous ranked probability score of members (..., N, n), mean over the elements, shape (...).

    mean_k |x_k - t| - 1/(2 N^2) sum_kl |x_k - x_l|, the double sum from the sorted members (Hersbach 2000). For one
    member it is the mean absolute error.
    """
    count = members.shape[-2]
    ordered = members.sort(dim=-2).values
    weight = (2 * torch.arange(1, count + 1) - count - 1).to(ordered).unsqueeze(-1) / count**2
    return ((ordered - truth.unsqueeze(-2)).abs().mean(-2) - (weight * ordered).sum(-2)).mean(-1)


def flatness(counts: torch.Tensor) -> torch.Tensor:
    """Sum over the ranks of |frequency - 1/(N+1)|, from counts (..., N + 1): 0 flat, towards 2 all in one rank."""
    frequency = counts / counts.sum(-1, keepdim=True)
    return (frequency - 1.0 / counts.shape[-1]).abs().sum(-1)
