"""How diagonal covariances of latent errors are, and whether a predicted error follows the realised one."""

from __future__ import annotations

import torch


def diagonality(errors: torch.Tensor, channels: int) -> float:
    """Mean |correlation| between channels at one place, of errors (N, m) ordered (channel, place).

    Independent channels show about sqrt(2 / (pi N)).
    """
    e = (errors - errors.mean(0)).double().unflatten(-1, (channels, -1))
    e = e / e.square().sum(0).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    matrix = torch.einsum("bip,bjp->ijp", e, e).abs()
    pairs = ~torch.eye(channels, dtype=torch.bool)
    return float(matrix[pairs].mean()) if channels > 1 else 0.0


def correlations(error: torch.Tensor, deviation: torch.Tensor, weights: torch.Tensor, day: int) -> dict[str, float]:
    """Pearson's correlation over space between rms error and rms predicted deviation, for single steps, days, and all.

    Args:
        error, deviation: (time, n); NaN is found where there is not one step, or day.
        weights: by area, (n,).
        day: steps per day.
    """
    found = {}
    for name, steps in (("step", 1), ("day", day), ("period", max(1, len(error)))):
        count = len(error) // steps
        a, b = (
            x[: count * steps].double().unflatten(0, (count, steps)).square().mean(1).sqrt() for x in (error, deviation)
        )
        found[f"sigma_correlation_{name}"] = float(pearson(a, b, weights).mean())
    a, b = ((x.double().square() * weights).sum(-1) / weights.sum() for x in (error, deviation))
    found["sigma_over_error"] = float((b.mean() / a.mean()).sqrt())
    return found


def pearson(a: torch.Tensor, b: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted correlation over the last axis."""
    w = weights / weights.sum()
    a, b = (x - (w * x).sum(-1, keepdim=True) for x in (a, b))
    return (w * a * b).sum(-1) / ((w * a * a).sum(-1) * (w * b * b).sum(-1)).sqrt()
