"""From a component's grid to the latent grid that the components share, and back.

Cells are padded to a multiple of the encoder's stride, and the coarse features are interpolated by their coordinates,
so that a latent cell sees air and sea of the same place whatever the two grids are. Interpolation to more points than
there were and a learned linear map of blocks of them (`space_to_depth`) lose nothing; a plain interpolation to the
latent grid would.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import nn

from pipeline.networks._layers import depth_to_space, space_to_depth
from pipeline.spaces import Grid, Space


@dataclass(frozen=True)
class LatentGrid:
    """A regular grid over all latitudes of the components.

    Attributes:
        shape: cells in latitude and longitude.
        south, north: its edges, degrees.
        west: the western edge of its first column, that of the first component's first column, degrees.
    """

    shape: tuple[int, int]
    south: float
    north: float
    west: float

    @classmethod
    def of(cls, space: Space, shape: tuple[int, int]) -> LatentGrid:
        """The latent grid that covers the components of a space."""
        grids = [component.grid for component in space.components]
        south, north = min(g.lat_bounds[0] for g in grids), max(g.lat_bounds[-1] for g in grids)
        west = grids[0].lon[0] - 180.0 / len(grids[0].lon)
        return cls(tuple(shape), float(south), float(north), float(west))

    def refined(self, factor: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Latitudes and longitudes of cell centres with every cell cut into `factor`."""
        ny, nx = self.shape[0] * factor[0], self.shape[1] * factor[1]
        lat = self.south + (np.arange(ny) + 0.5) * (self.north - self.south) / ny
        return lat, self.west + (np.arange(nx) + 0.5) * 360.0 / nx


class Padding(nn.Module):
    """Pads (batch, lat, lon, channel) to multiples of `multiple`: zeros beyond the poles, periodic in longitude."""

    def __init__(self, grid: Grid, multiple: int) -> None:
        super().__init__()
        ny, nx = grid.shape
        self.shape = (ny, nx)
        self.south = (-ny % multiple) // 2
        self.north = -ny % multiple - self.south
        self.east = -nx % multiple
        self.lat = _extrapolated(grid.lat, self.south, self.north)
        self.lon = np.concatenate([grid.lon, grid.lon[: self.east] + 360.0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x, x[:, :, : self.east]], dim=2) if self.east else x
        return nn.functional.pad(x, (0, 0, 0, 0, self.south, self.north)) if self.south + self.north else x

    def crop(self, x: torch.Tensor) -> torch.Tensor:
        """Take what was padded away again."""
        ny, nx = self.shape
        return x[:, self.south : self.south + ny, :nx]


class Regrid(nn.Module):
    """Coarse cells of a component (b, y, x, inputs) to latent cells (b, *latent.shape, outputs), and the mirror.

    Args:
        lat, lon: centres of the coarse cells, degrees.
        latent: the common grid.
        inputs, outputs: channels; with `to_latent` false the map goes from latent to coarse cells.
        to_latent: the direction.
    """

    def __init__(
        self, lat: np.ndarray, lon: np.ndarray, latent: LatentGrid, inputs: int, outputs: int, to_latent: bool
    ) -> None:
        super().__init__()
        share = (lat[-1] - lat[0]) * len(lat) / (len(lat) - 1) / (latent.north - latent.south)
        rows, columns = ceil(len(lat) / (share * latent.shape[0]) - 0.2), ceil(len(lon) / latent.shape[1])
        self.factor = (max(rows, 1), columns)
        self.to_latent = to_latent
        fine_lat, fine_lon = latent.refined(self.factor)
        pairs = ((lat, fine_lat), (lon, fine_lon)) if to_latent else ((fine_lat, lat), (fine_lon, lon))
        self.register_buffer("across", interpolation(*pairs[0]), persistent=False)
        self.register_buffer("along", interpolation(*pairs[1], period=360.0), persistent=False)
        block = self.factor[0] * self.factor[1]
        sizes = (inputs * block, outputs) if to_latent else (inputs, outputs * block)
        self.linear = nn.Linear(*sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.to_latent:
            return self.linear(space_to_depth(self._interpolate(x), self.factor))
        return self._interpolate(depth_to_space(self.linear(x), self.factor))

    def _interpolate(self, x: torch.Tensor) -> torch.Tensor:
        if self.along is not None:
            x = torch.matmul(self.along, x)
        if self.across is not None:
            x = torch.matmul(self.across, x.flatten(2)).unflatten(2, x.shape[2:])
        return x


def interpolation(source: np.ndarray, target: np.ndarray, period: float = 0.0) -> torch.Tensor | None:
    """Matrix (target, source) of linear interpolation, constant beyond the ends where not periodic.

    None where the points agree to a quarter of a cell: nothing is gained by smoothing for so little.
    """
    offset = target - source if len(source) == len(target) else np.inf
    offset = (offset + period / 2) % period - period / 2 if period else offset
    if np.all(np.abs(offset) < 0.25 * np.abs(source[1] - source[0])):
        return None
    n = len(source)
    index = np.arange(n)
    if period:
        target = source[0] + (target - source[0]) % period
        source, index = np.append(source, source[0] + period), np.append(index, 0)
    left = np.clip(np.searchsorted(source, target, side="right") - 1, 0, len(source) - 2)
    share = np.clip((target - source[left]) / (source[left + 1] - source[left]), 0.0, 1.0)
    matrix = np.zeros((len(target), n))
    np.add.at(matrix, (np.arange(len(target)), index[left]), 1.0 - share)
    np.add.at(matrix, (np.arange(len(target)), index[left + 1]), share)
    return torch.as_tensor(matrix, dtype=torch.float32)


def coarsened(centres: np.ndarray, stride: int) -> np.ndarray:
    """Centres of blocks of `stride` cells."""
    return centres.reshape(-1, stride).mean(axis=1)


def _extrapolated(lat: np.ndarray, south: int, north: int) -> np.ndarray:
    below = lat[0] - (lat[1] - lat[0]) * np.arange(south, 0, -1)
    above = lat[-1] + (lat[-1] - lat[-2]) * np.arange(1, north + 1)
    return np.concatenate([below, lat, above])
