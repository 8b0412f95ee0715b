"""Eigenfunctions of the Laplacian on a masked grid, which for an ocean are what spherical harmonics are for the air:

    - div grad phi_k = nu_k phi_k / a^2,    no flux through coasts,    sum_i w_i phi_k(i) phi_l(i) = delta_kl

w are the cells' shares of the sea's area, a the Earth's radius. Without land nu = n (n + 1), 2 n + 1 times each, and so
n = sqrt(nu + 1/4) - 1/2 is called a mode's total wavenumber with land too. Finite volumes: the flux between two cells
is the length of their face over the distance of their centres times the difference.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sparse
import scipy.sparse.linalg

from pipeline.errors import PipelineError
from pipeline.spaces import Grid

_DENSE = 6000
"""Cells up to which all modes at once are cheaper than the smoothest alone."""


def modes(grid: Grid, wavenumber: int) -> tuple[np.ndarray, np.ndarray]:
    """The smoothest modes, as many as triangular truncation at `wavenumber` has on an area of the sea's size.

    Args:
        grid: its longitudes are equally spaced around the globe; unmasked cells are sea.
        wavenumber: T; (T + 1)^2 modes on a globe without land, never more than cells.

    Returns:
        Total wavenumbers n (k,), ascending and not integers; modes (k, lat * lon), 0 on land.

    Raises:
        PipelineError: the grid has no sea, or its longitudes do not go round.
    """
    wet = np.flatnonzero(grid.mask)
    if not len(wet):
        raise PipelineError(f"laplacian: a grid of {grid.shape[0]}x{grid.shape[1]} cells, all of them masked")
    spacing = np.diff(np.append(grid.lon, grid.lon[0] + 360.0))
    if not np.allclose(spacing, 360.0 / len(grid.lon), atol=1e-6):
        raise PipelineError("laplacian: longitudes must be equally spaced around the globe")
    area = _areas(grid).ravel()[wet]
    share = area.sum() / (4 * np.pi)
    count = min(int(np.ceil(share * (wavenumber + 1) ** 2)), len(wet))
    scale = 1 / np.sqrt(area)
    symmetric = sparse.diags(scale) @ _stiffness(grid)[wet][:, wet] @ sparse.diags(scale)
    if len(wet) <= _DENSE or count > len(wet) // 2:
        values, vectors = scipy.linalg.eigh(symmetric.toarray(), subset_by_index=(0, count - 1))
    else:  # shifted below zero, where a sea without flux has an eigenvalue
        start = np.random.default_rng(0).standard_normal(len(wet))
        values, vectors = sparse.linalg.eigsh(symmetric.tocsc(), count, sigma=-1.0, v0=start)
    order = np.argsort(values)
    found = np.zeros((count, grid.mask.size))
    found[:, wet] = (vectors[:, order] * scale[:, None]).T * np.sqrt(area.sum())
    return np.sqrt(values[order].clip(min=0.0) + 0.25) - 0.5, found


def _areas(grid: Grid) -> np.ndarray:
    """Of all cells on the unit sphere."""
    band = np.diff(np.sin(np.deg2rad(grid.lat_bounds)))
    return np.broadcast_to(band[:, None] * (2 * np.pi / len(grid.lon)), grid.shape)


def _stiffness(grid: Grid) -> sparse.csr_array:
    """-div grad times the areas; fluxes between sea and sea alone."""
    lat, bounds, step = np.deg2rad(grid.lat), np.deg2rad(grid.lat_bounds), 2 * np.pi / len(grid.lon)
    cell = np.arange(grid.mask.size).reshape(grid.shape)
    east = np.broadcast_to((np.diff(bounds) / (np.cos(lat) * step))[:, None], grid.shape)
    north = np.broadcast_to((np.cos(bounds[1:-1]) * step / np.diff(lat))[:, None], (len(lat) - 1, len(grid.lon)))
    pairs = [(cell, np.roll(cell, -1, axis=1), east), (cell[:-1], cell[1:], north)]
    one, other, flux = (np.concatenate([p[k].ravel() for p in pairs]) for k in range(3))
    flux = flux * (grid.mask.ravel()[one] & grid.mask.ravel()[other])
    exchange = sparse.csr_array((flux, (one, other)), shape=(cell.size, cell.size))
    exchange = exchange + exchange.T
    return sparse.csr_array(sparse.diags_array(exchange.sum(axis=1)) - exchange)
