"""The model of Lorenz (1996): a ring of n variables that advect, damp and force each other,

    dx_i/dt = (x_(i+1) - x_(i-2)) x_(i-1) - x_i + F,    indices modulo n

One unit of time is about five days in the growth of errors; F = 8 with n = 40 has 13 growing directions.
"""

from __future__ import annotations

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.models import _runge_kutta
from pipeline.spaces import Component, Grid, Space


class Lorenz96:
    """Batches of states (..., n) by Runge-Kutta steps of fourth order, differentiable, on any device.

    Args:
        size: n, 4 or more.
        forcing: F.
        dt: time step; 0.05 is six hours.

    Attributes:
        seconds: of the clock in one step, by Lorenz's own comparison: 5 days a unit of time.
    """

    def __init__(self, size: int = 40, forcing: float = 8.0, dt: float = 0.05) -> None:
        if size < 4:
            raise PipelineError(f"models/lorenz96: size {size} is too small; the ring needs 4 variables")
        if not dt > 0:
            raise PipelineError(f"models/lorenz96: dt {dt} must be positive")
        self.forcing, self.dt, self.seconds = forcing, dt, round(5 * 86400 * dt)
        ring = Grid(np.zeros(1), np.arange(size) * 360.0 / size, np.array([-90.0, 90.0]))
        self.space = Space((Component("ring", ring, ("x",)),))

    def tendency(self, x: torch.Tensor) -> torch.Tensor:
        """dx/dt of states (..., n)."""
        # Two neighbours to the left and one to the right in front of views, instead of three copies.
        around = torch.cat([x[..., -2:], x, x[..., :1]], dim=-1)
        advection = (around[..., 3:] - around[..., :-3]) * around[..., 1:-2]
        return advection - x + self.forcing

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n) after one time step."""
        return _runge_kutta.step(self.tendency, x, self.dt)

    def rest(self) -> torch.Tensor:
        """The unstable steady state x_i = F, from which any disturbance reaches the attractor."""
        return torch.full((self.space.size,), float(self.forcing), dtype=torch.float64)
