"""Observations of single elements of the state: H picks the variable in the cell that the observation lies in."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.observations import Observations
from pipeline.spaces import Component, Grid, Space


class Selection:
    """H(x)_p = x at the nearest cell; for models whose elements are observed one by one.

    Attributes:
        valid: which of the given observations are of variables that the space holds, shape (given,).
        observations: those, p of them.
        index: the element that each sees, (p,).
    """

    def __init__(self, space: Space, observations: Observations) -> None:
        known = [variable for c in space.components for variable in c.variables]
        self.valid = np.isin(observations.variable, known)
        self.space, self.observations = space, observations.where(self.valid)
        index = np.zeros(len(self.observations), dtype=np.int64)
        for component in space.components:
            for variable in component.variables:
                rows = self.observations.variable == variable
                cells = _nearest(component.grid, self.observations.lat[rows], self.observations.lon[rows])
                index[rows] = space.index(variable).start + cells
        self.index = torch.from_numpy(index)

    def __len__(self) -> int:
        return len(self.index)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n) to what they would measure (..., p)."""
        return x[..., self.index.to(x.device)]

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """H^T: vectors (..., p) to vectors (..., n)."""
        return y.new_zeros(*y.shape[:-1], self.space.size).index_add(-1, self.index.to(y.device), y)


def everything(space: Space, error: float, every: int = 1) -> Observations:
    """A network that observes each `every`-th element of a state; its values are 0, to be filled in."""
    rows = [row for c in space.components for v in c.variables for row in _cells(c, v)][::every]
    variable, lat, lon = (np.array(column) for column in zip(*rows, strict=True))
    nothing = np.zeros(len(rows))
    return Observations(nothing, variable, lat, lon, nothing, np.full(len(rows), error), nothing)


def _cells(component: Component, variable: str) -> list[tuple[str, float, float]]:
    lat, lon = np.meshgrid(component.grid.lat, component.grid.lon, indexing="ij")
    kept = component.grid.mask
    return [(variable, float(a), float(b)) for a, b in zip(lat[kept], lon[kept], strict=True)]


def _nearest(grid: Grid, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Flat indices of the nearest latitude and longitude."""
    rows = np.abs(lat[:, None] - grid.lat).argmin(axis=1)
    apart = np.abs(lon[:, None] - grid.lon)
    columns = np.minimum(apart, 360.0 - apart).argmin(axis=1)
    return rows * len(grid.lon) + columns
