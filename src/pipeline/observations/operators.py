"""Observation operators: what a state would have measured.

Bilinear interpolation over the unmasked of the four cells around a point, the weights renormalised,

    H(x)_p = sum_c w_pc x_c,   w_pc = m_c b_pc / sum_c m_c b_pc,   b_pc = (1 - |dj|)(1 - |di|),

with dj, di the distances in cells and m_c = 1 where the field exists. Gather and sum keep it sparse and differentiable.
"""

from __future__ import annotations

import numpy as np
import torch

from pipeline.observations import Observations
from pipeline.spaces import Grid, Space

LEAST_WEIGHT = 0.25
"""An observation counts as on land where the unmasked cells hold less of the bilinear weight than this."""

ROUNDING = 1e-5
"""Degrees between latitudes that are the same: what single precision loses at 90 degrees."""


class Interpolation:
    """Bilinear H(x), linear, with its adjoint.

    Observations that the space cannot represent (on land, outside the grid, of a variable it does not hold: weak
    coupling sees its own component only) are left out: H has the rows of `observations`, in the given order.

    Attributes:
        valid: which of the given observations are kept, shape (given,).
        observations: those, p of them.
        index, weight: the four elements of the state each uses and their weights, shape (p, 4).
        dropped: how many were left out, by reason.
    """

    def __init__(self, space: Space, observations: Observations) -> None:
        count = len(observations)
        index, weight = np.zeros((count, 4), dtype=np.int64), np.zeros((count, 4))
        known = np.zeros(count, dtype=bool)
        for component in space.components:
            for variable in component.variables:
                rows = observations.variable == variable
                known |= rows
                cells, weight[rows] = bilinear(component.grid, observations.lat[rows], observations.lon[rows])
                index[rows] = space.index(variable).start + cells
        self.space = space
        self.valid = weight.sum(axis=1) > 0.0
        self.observations = observations.where(self.valid)
        self.index = torch.from_numpy(index[self.valid])
        self.weight = torch.from_numpy(weight[self.valid])
        self.dropped = {"not in the space": int((~known).sum()), "on land or outside": int((known & ~self.valid).sum())}

    def __len__(self) -> int:
        return len(self.index)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n) to what they would measure (..., p)."""
        if x.shape[-1] != self.space.size:
            raise ValueError(f"state of {x.shape[-1]} elements, the operator's space has {self.space.size}")
        return (x[..., self.index.to(x.device)] * self.weight.to(x)).sum(dim=-1)

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        """H^T: vectors (..., p) to vectors (..., n)."""
        x = y.new_zeros((*y.shape[:-1], self.space.size))
        spread = (y[..., None] * self.weight.to(y)).flatten(start_dim=-2)
        return x.index_add(-1, self.index.to(y.device).flatten(), spread)


def bilinear(grid: Grid, lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat cell indices and renormalised weights (p, 4); weights are 0 where the point is on land or off the grid.

    Beyond the outermost cell centre, but within the outermost cell, the outermost row is used alone. A grid of one
    latitude is a ring without width: what lies beside it is off the grid. A single longitude stands for all.
    """
    nx = len(grid.lon)
    south, north, to_north = _bracket(grid.lat, lat)
    wrapped = np.append(grid.lon, grid.lon[0] + 360.0)
    west, east, to_east = _bracket(wrapped, np.where(lon < grid.lon[0], lon + 360.0, lon))
    rows, columns = np.stack([south, south, north, north], axis=1), np.stack([west, east, west, east], axis=1) % nx
    weight = np.stack(
        [
            (1 - to_north) * (1 - to_east),
            (1 - to_north) * to_east,
            to_north * (1 - to_east),
            to_north * to_east,
        ],
        axis=1,
    )
    weight *= grid.mask[rows, columns]
    total = weight.sum(axis=1, keepdims=True)
    if len(grid.lat) == 1:
        inside = np.abs(lat - grid.lat[0]) <= ROUNDING
    else:
        inside = (lat >= grid.lat_bounds[0]) & (lat <= grid.lat_bounds[-1])
    usable = inside[:, None] & (total >= LEAST_WEIGHT)
    return rows * nx + columns, np.divide(weight, total, out=np.zeros_like(weight), where=usable)


def _bracket(centres: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the centres below and above each point and the share of the way; beyond the ends, the end itself."""
    if len(centres) == 1:
        only = np.zeros(len(points), dtype=np.int64)
        return only, only, np.zeros(len(points))
    below = np.clip(np.searchsorted(centres, points, side="right") - 1, 0, len(centres) - 2)
    share = (points - centres[below]) / (centres[below + 1] - centres[below])
    return below, below + 1, np.clip(share, 0.0, 1.0)
