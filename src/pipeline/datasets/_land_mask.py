"""Land-sea masks of ocean grids, from the 30-second coastline of the PyPI package `global-land-mask` (GLOBE, NOAA).

A cell is sea where at least half of its area is. Then what a coarse B-grid cannot represent is mended: isthmuses that
part oceans are closed, straits that join them are opened where the cells are fine enough, and only the world ocean is
kept. On a B-grid velocity stands at cell corners and exists where the four cells around are sea, so water passes an
edge only if one of the edge's two corners is such a point: channels are two cells wide or closed.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.datasets.regridding import latitude_bounds, midpoint_bounds, overlap
from pipeline.errors import PipelineError

_ROWS_READ = 120  # 1 degree of latitude: 5 MB in memory instead of the whole mask's 933


@dataclass(frozen=True)
class Passage:
    """A strait (or isthmus) as a line (lat, lon); `spacing`: coarsest cell [degrees] to mend it on."""

    name: str
    line: tuple[tuple[float, float], ...]
    spacing: float = 360.0


ISTHMUSES = (
    Passage("Central America", ((18.0, -97.0), (15.5, -91.0), (13.0, -86.0), (9.5, -83.5), (8.8, -80.5), (7.0, -76.5))),
    Passage("Suez", ((32.0, 36.0), (30.2, 33.0), (29.5, 31.0))),
    Passage("Malay Peninsula", ((16.0, 99.5), (11.0, 99.2), (7.5, 99.8), (3.0, 102.3)), 2.5),
)

STRAITS = (
    Passage("Bering Strait", ((62.5, -170.0), (65.8, -169.0), (69.5, -168.5)), 4.0),
    Passage("Drake Passage", ((-58.5, -72.0), (-58.5, -62.0), (-57.5, -54.0))),
    Passage("Gibraltar", ((36.0, -9.0), (36.0, -2.0), (37.0, 0.5), (38.0, 3.0)), 2.0),
    Passage("Bab-el-Mandeb", ((11.8, 46.0), (12.2, 43.6), (14.5, 42.2), (17.0, 40.2)), 1.5),
    Passage("Hormuz", ((25.0, 58.5), (26.4, 56.4), (25.8, 54.5)), 1.0),
    Passage("Makassar and Lombok", ((3.0, 120.0), (-2.0, 118.5), (-6.0, 117.5), (-10.5, 115.8)), 2.5),
    Passage("Timor", ((-3.0, 128.0), (-8.0, 128.0), (-10.5, 125.5), (-12.0, 121.0)), 4.0),
    Passage("Hudson Strait", ((60.5, -62.0), (62.0, -70.5), (63.0, -78.0)), 2.5),
    Passage("Davis Strait", ((60.0, -56.0), (66.5, -57.5), (71.0, -63.0)), 4.0),
    Passage("Denmark Strait", ((68.5, -20.0), (66.2, -27.0), (63.5, -33.0)), 4.0),
    Passage("Korea Strait", ((32.0, 127.0), (34.5, 129.5), (37.5, 131.5)), 2.0),
)


def sea_fraction(lat_bounds: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Share of sea in the area of each cell; lakes count as land, as in the source.

    Args:
        lat_bounds: ascending edges in degrees, shape (ny + 1,).
        lon: cell centres in degrees, shape (nx,).
    """
    fine_lon = -180.0 + (np.arange(43200) + 0.5) / 120.0
    to_columns = overlap(midpoint_bounds(fine_lon), midpoint_bounds(lon), period=360.0)
    sine = np.sin(np.deg2rad(lat_bounds))
    sea = np.zeros((len(lat_bounds) - 1, len(lon)))
    for fine_lat, is_sea in _read_fine_mask():
        if fine_lat[-1] < lat_bounds[0] or fine_lat[0] > lat_bounds[-1]:
            continue
        to_rows = overlap(np.sin(np.deg2rad(latitude_bounds(fine_lat))), sine)
        reached = np.flatnonzero(np.diff(to_rows.indptr))
        in_rows = to_rows[reached].toarray().astype(np.float32) @ is_sea
        sea[reached] += (to_columns @ in_rows.T).T
    return sea / np.outer(np.diff(sine), to_columns.sum(axis=1))


def _read_fine_mask() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Bands (latitudes ascending, sea as 0 and 1) of the 21600 x 43200 mask, streamed out of its archive."""
    package = find_spec("global_land_mask")  # not imported: that would load the whole mask
    if package is None or not package.submodule_search_locations:
        raise PipelineError("the land-sea mask needs the Python package global-land-mask; install it")
    archive = Path(package.submodule_search_locations[0]) / "globe_combined_mask_compressed.npz"
    with zipfile.ZipFile(archive) as npz, npz.open("mask.npy") as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != (21600, 43200) or dtype != np.dtype(bool):
            raise PipelineError(f"{archive}: mask of {shape} {dtype}, expected (21600, 43200) bool; use version 1.0.0")
        for first in range(0, shape[0], _ROWS_READ):
            band = np.frombuffer(stream.read(_ROWS_READ * shape[1]), dtype=np.uint8).reshape(-1, shape[1])
            fine_lat = 90.0 - (first + np.arange(len(band)) + 0.5) / 120.0
            yield fine_lat[::-1], band[::-1].astype(np.float32)


def ocean_mask(lat: np.ndarray, lat_bounds: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """True where the world ocean is, on a B-grid periodic in longitude; first and last rows are land."""
    mask = sea_fraction(lat_bounds, lon) >= 0.5
    spacing = max(360.0 / len(lon), float(np.diff(lat_bounds).max()))
    for strait in STRAITS:
        if spacing <= strait.spacing:
            mask |= _channel(lat, lon, strait)
    for isthmus in ISTHMUSES:
        if spacing <= isthmus.spacing:
            mask &= ~_crossed(lat, lon, isthmus)
    mask[[0, -1]] = False
    return world_ocean(mask)


def world_ocean(mask: np.ndarray) -> np.ndarray:
    """Largest part of `mask` (ny, nx) that is connected through edges a B-grid velocity can pass."""
    corner = corners(mask)
    below = np.vstack([np.zeros_like(corner[:1]), corner])
    above = np.vstack([corner, np.zeros_like(corner[:1])])
    east = below | above
    north = corner | np.roll(corner, 1, axis=1)
    cell = np.arange(mask.size).reshape(mask.shape)
    start = np.concatenate([cell[east], cell[:-1][north]])
    end = np.concatenate([np.roll(cell, -1, axis=1)[east], cell[1:][north]])
    graph = coo_array((np.ones(len(start), dtype=bool), (start, end)), shape=(mask.size, mask.size))
    label = connected_components(graph, directed=False)[1].reshape(mask.shape)
    sizes = np.bincount(label[mask], minlength=1)
    return mask & (label == sizes.argmax()) & (sizes.max() > 1)


def corners(mask: np.ndarray) -> np.ndarray:
    """True where the corner north-east of a cell is a velocity point: four sea cells around it, shape (ny - 1, nx)."""
    east = np.roll(mask, -1, axis=1)
    return mask[:-1] & mask[1:] & east[:-1] & east[1:]


def _crossed(lat: np.ndarray, lon: np.ndarray, passage: Passage) -> np.ndarray:
    """Cells whose centres a line passes nearest to."""
    points = along(passage.line)
    crossed = np.zeros((len(lat), len(lon)), dtype=bool)
    inside = (points[:, 0] >= lat[0]) & (points[:, 0] <= lat[-1])
    row = np.abs(lat[:, None] - points[inside, 0]).argmin(axis=0)
    distance = (lon[:, None] - points[inside, 1] + 180.0) % 360.0 - 180.0
    crossed[row, np.abs(distance).argmin(axis=0)] = True
    return crossed


def _channel(lat: np.ndarray, lon: np.ndarray, passage: Passage) -> np.ndarray:
    """Cells around the corners a line passes nearest to: the narrowest channel that a B-grid can flow through."""
    corner_lat, corner_lon = 0.5 * (lat[1:] + lat[:-1]), midpoint_bounds(lon)[1:]
    corner = _crossed(corner_lat, corner_lon, passage)
    channel = np.zeros((len(lat), len(lon)), dtype=bool)
    for row in (slice(None, -1), slice(1, None)):
        channel[row] |= corner | np.roll(corner, 1, axis=1)
    return channel


def along(line: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Points (lat, lon) every tenth of a degree or closer along a line."""
    ends = np.asarray(line)
    steps = [int(np.abs(b - a).max() * 10) + 1 for a, b in itertools.pairwise(ends)]
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(ends[:-1], ends[1:], steps, strict=True)]
    return np.vstack([*parts, ends[-1:]])
