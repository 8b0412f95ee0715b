"""The model of Lorenz (1963): convection between two plates in three numbers,

dx/dt = sigma (y - x),    dy/dt = rho x - y - x z,    dz/dt = x y - beta z
"""

from __future__ import annotations

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.models import _runge_kutta
from pipeline.spaces import Component, Grid, Space


class Lorenz63:
    """Batches of states (..., 3) by Runge-Kutta steps of fourth order, differentiable, on any device.

    Args:
        sigma, rho, beta: Prandtl number, Rayleigh number over its critical value, aspect of the cells.
        dt: time step.

    Attributes:
        seconds: of the clock in one step: it counts steps.
    """

    seconds = 1

    def __init__(self, sigma: float = 10.0, rho: float = 28.0, beta: float = 8.0 / 3.0, dt: float = 0.01) -> None:
        if not dt > 0:
            raise PipelineError(f"models/lorenz63: dt {dt} must be positive")
        self.sigma, self.rho, self.beta, self.dt = sigma, rho, beta, dt
        point = Grid(np.zeros(1), np.zeros(1), np.array([-90.0, 90.0]))
        self.space = Space((Component("convection", point, ("x", "y", "z")),))

    def tendency(self, x: torch.Tensor) -> torch.Tensor:
        """d(x, y, z)/dt of states (..., 3)."""
        a, b, c = x.unbind(-1)
        return torch.stack([self.sigma * (b - a), a * (self.rho - c) - b, a * b - self.beta * c], dim=-1)

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., 3) after one time step."""
        return _runge_kutta.step(self.tendency, x, self.dt)

    def rest(self) -> torch.Tensor:
        """The unstable state without motion."""
        return torch.zeros(3, dtype=torch.float64)
