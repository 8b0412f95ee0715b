"""A small air-sea state, observations of it, and linear covariances that are known densely."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipeline.covariances._low_rank import LowRankUpdate
from pipeline.covariances.diagonal import Diagonal
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Component, Grid, Space

ERRORS = {"ps": 80.0, "ta": 0.6, "sst": 0.3}
SCALES = {"ps": 300.0, "ta": 2.0, "sst": 1.0, "ssh": 0.1}
MEANS = {"ps": 1e5, "ta": 285.0, "sst": 15.0, "ssh": 0.0}


def _grid(ny: int, nx: int, mask: np.ndarray | None = None) -> Grid:
    bounds = np.linspace(-60.0, 60.0, ny + 1)
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(nx) * 360.0 / nx, bounds, mask)


def small_space() -> Space:
    """ps, ta on 3x4 cells; sst, ssh on 4x4 cells with three of land: n = 56."""
    mask = np.ones((4, 4), dtype=bool)
    mask[1, 1:3] = mask[2, 1] = False
    atmosphere = Component("atmosphere", _grid(3, 4), ("ps", "ta"))
    return Space((atmosphere, Component("ocean", _grid(4, 4, mask), ("sst", "ssh"))))


def per_element(space: Space, values: dict[str, float]) -> torch.Tensor:
    x = torch.zeros(space.size, dtype=torch.float64)
    for name, value in values.items():
        x[space.index(name)] = value
    return x


def background(space: Space, lead: tuple[int, ...] = (), seed: int = 0) -> torch.Tensor:
    noise = torch.randn(*lead, space.size, generator=torch.Generator().manual_seed(seed)).double()
    return torch.where(space.mask, per_element(space, MEANS) + per_element(space, SCALES) * noise, 0.0)


class Rotation(nn.Module):
    """x - mean -> A (x - mean), A a rotation in units of the standard deviations; land stays as it is.

    A forecast of an hour in the small space, linear unless it bends.
    """

    seconds = 3600

    def __init__(self, bend: float = 0.0) -> None:
        super().__init__()
        space = small_space()
        sea, scale = space.mask.double(), per_element(space, SCALES)
        g = torch.randn(space.size, space.size, generator=torch.Generator().manual_seed(3)).double()
        self.register_buffer("a", scale[:, None] * torch.matrix_exp(0.05 * (g - g.T) * sea * sea[:, None]) / scale)
        self.register_buffer("mean", per_element(space, MEANS) * sea)
        self.register_buffer("scale", scale)
        self.register_buffer("sea", sea)
        self.bend = bend

    def step(self, x: torch.Tensor) -> torch.Tensor:
        x = self.mean + (x - self.mean) @ self.a.T
        return x + self.bend * self.scale * torch.sin((x - self.mean) / self.scale) * self.sea


def observe(space: Space, x: torch.Tensor, count: int = 20, seed: int = 1) -> Observations:
    """`count` noisy observations of ps, ta and sst that the space can represent."""
    rng = np.random.default_rng(seed)
    names = rng.choice(list(ERRORS), 3 * count)
    error = np.array([ERRORS[name] for name in names])
    rows = {"time": np.zeros(3 * count), "variable": names, "lat": rng.uniform(-55, 55, 3 * count)}
    rows |= {"lon": rng.uniform(0, 360, 3 * count), "value": np.array([MEANS[name] for name in names])}
    kept = Interpolation(space, Observations(**rows, error=error, withheld=np.zeros(3 * count))).observations
    kept = kept.where(np.arange(count))
    value = Interpolation(space, kept)(x).numpy() + kept.error * rng.standard_normal(count)
    return with_values(kept, value)


def with_values(o: Observations, value: np.ndarray, withheld: np.ndarray | None = None) -> Observations:
    return Observations(o.time, o.variable, o.lat, o.lon, value, o.error, o.withheld if withheld is None else withheld)


def coupled_covariance(space: Space, rank: int = 8) -> LowRankUpdate:
    """Correlated errors, across variables and components as well."""
    deviation = per_element(space, SCALES)
    directions = torch.randn(rank, space.size, generator=torch.Generator().manual_seed(7)).double()
    return LowRankUpdate(Diagonal(0.5 * deviation), directions * deviation * 0.5)


def kalman(x_b: torch.Tensor, b: torch.Tensor, observations: Observations, space: Space) -> torch.Tensor:
    """x_b + B H^T (H B H^T + R)^-1 (y - H x_b) with dense matrices."""
    operator = Interpolation(space, observations)
    h = operator(torch.eye(space.size).double()).T
    y, r = torch.as_tensor(operator.observations.value), torch.as_tensor(operator.observations.error**2)
    gain = b @ h.T @ torch.linalg.inv(h @ b @ h.T + r.diag())
    return torch.where(space.mask, x_b + (y - x_b @ h.T) @ gain.T, 0.0)
