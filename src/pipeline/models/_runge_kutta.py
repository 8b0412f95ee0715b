"""The classical Runge-Kutta method of fourth order."""

from __future__ import annotations

from collections.abc import Callable

import torch


def step(tendency: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, dt: float) -> torch.Tensor:
    """x(t + dt) of dx/dt = tendency(x), local error O(dt^5)."""
    k1 = tendency(x)
    k2 = tendency(torch.add(x, k1, alpha=0.5 * dt))
    k3 = tendency(torch.add(x, k2, alpha=0.5 * dt))
    k4 = tendency(torch.add(x, k3, alpha=dt))
    middle = torch.add(k1 + k4, k2 + k3, alpha=2.0)
    return torch.add(x, middle, alpha=dt / 6.0)
