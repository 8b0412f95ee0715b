"""Ocean depth and topography: means of an ETOPO file where the user has one, else a named idealisation.

Idealised depth, with d the distance to the nearest land cell less half a cell (its longer side):
    D = D_shelf + (D_abyss - D_shelf) (1 - exp(-(d / L)^2)),   D_shelf = 200 m, D_abyss = 4500 m, L = 500 km,
a shelf and a slope without ridges or trenches.

Idealised topography: great ranges and ice sheets as lines with Gaussian cross-sections of height h and width w,
    Z = (sum_r (h_r exp(-(d_r / w_r)^2))^4)^(1/4),
smooth enough for a spectral model; d_r is the distance to range r. The fourth-power mean takes the higher of two ranges
that overlap without a crease.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from pipeline.datasets._land_mask import along
from pipeline.datasets.regridding import Regridder, unit_vectors
from pipeline.errors import PipelineError
from pipeline.spaces import EARTH_RADIUS, Grid

SHELF_DEPTH, ABYSS_DEPTH, SLOPE_WIDTH = 200.0, 4500.0, 500.0  # m, m, km
ROWS_READ = 200  # latitudes of ETOPO in memory
IDEALISED_DEPTH = "idealised: shelf of 200 m deepening to 4500 m over 500 km from the coast"
IDEALISED_TOPOGRAPHY = "idealised: smooth analytic ranges and ice sheets"


@dataclass(frozen=True)
class Range:
    """Mountains or ice along a line (lat, lon), with crest height [m] and width [km]."""

    name: str
    line: tuple[tuple[float, float], ...]
    height: float
    width: float


RANGES = (
    Range("Tibet and Himalaya", ((33.0, 78.0), (33.0, 88.0), (32.0, 98.0)), 4800.0, 600.0),
    Range("Tian Shan and Altai", ((38.0, 70.0), (42.0, 80.0), (48.0, 92.0), (52.0, 108.0)), 1800.0, 500.0),
    Range("Iran and Anatolia", ((28.0, 60.0), (33.0, 52.0), (39.0, 42.0), (38.5, 32.0)), 1400.0, 450.0),
    Range("Rockies", ((62.0, -135.0), (52.0, -118.0), (40.0, -108.0), (30.0, -106.0), (20.0, -101.0)), 2000.0, 550.0),
    Range("Andes", ((7.0, -74.5), (-2.0, -78.5), (-14.0, -73.0), (-22.0, -67.0), (-34.0, -70.0), (-50.0, -73.0)),
          3200.0, 350.0),
    Range("Brazil", ((-14.0, -45.0), (-22.0, -46.0)), 700.0, 600.0),
    Range("Ethiopia and East Africa", ((11.0, 38.5), (2.0, 36.0), (-8.0, 35.0)), 1600.0, 500.0),
    Range("Southern Africa", ((-17.0, 24.0), (-28.0, 26.0)), 1200.0, 700.0),
    Range("Atlas and Hoggar", ((32.0, -5.0), (34.5, 5.0), (23.0, 6.0)), 800.0, 400.0),
    Range("Alps", ((45.5, 7.0), (47.0, 13.0)), 1300.0, 250.0),
    Range("Scandinavia", ((60.0, 8.0), (67.5, 17.0)), 800.0, 250.0),
    Range("Greenland", ((64.0, -46.0), (72.0, -39.0), (78.0, -41.0)), 2800.0, 480.0),
    Range("East Antarctica", ((-78.0, 30.0), (-80.5, 75.0), (-77.0, 115.0), (-90.0, 115.0)), 3700.0, 900.0),
    Range("West Antarctica", ((-80.0, -120.0), (-84.0, -90.0)), 1800.0, 650.0),
)  # fmt: skip


def idealised_depth(mask: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Depth [m] of sea cells, 0 on land, shape (ny, nx)."""
    points = unit_vectors(*np.meshgrid(lat, lon, indexing="ij"))
    distance = _arc(cKDTree(points[~mask]).query(points[mask])[0])
    height, width = np.diff(lat).mean(), np.diff(lon).mean() * np.cos(np.deg2rad(lat))
    half_cell = 0.5 * EARTH_RADIUS / 1000.0 * np.deg2rad(np.maximum(height, width))[:, None] * np.ones(mask.shape)
    from_coast = np.maximum(distance - half_cell[mask], 0.0)
    depth = np.zeros(mask.shape)
    depth[mask] = SHELF_DEPTH + (ABYSS_DEPTH - SHELF_DEPTH) * -np.expm1(-((from_coast / SLOPE_WIDTH) ** 2))
    return depth


def idealised_topography(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Height [m] of the land, shape (ny, nx)."""
    points = unit_vectors(*np.meshgrid(lat, lon, indexing="ij"))
    fourth_powers = np.zeros(points.shape[:2])
    for r in RANGES:
        line = along(r.line)
        distance = _arc(cKDTree(unit_vectors(line[:, 0], line[:, 1])).query(points)[0])
        fourth_powers += (r.height * np.exp(-((distance / r.width) ** 2))) ** 4
    return fourth_powers**0.25


def read_etopo(path: Path, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Mean depth of the sea and mean height of the land in each cell of `grid` [m], from ETOPO 1 or 2022 (NetCDF).

    Raises:
        PipelineError: no such file, or no elevation in it.
    """
    if not path.is_file():
        raise PipelineError(
            f"{path}: no such ETOPO file; get ETOPO 2022 from https://www.ncei.noaa.gov/products/etopo-global-relief-model"
        )
    with xr.open_dataset(path) as raw:
        named = raw.rename({o: n for o, n in (("x", "lon"), ("y", "lat"), ("Band1", "z")) if o in raw.variables})
        if "z" not in named or not {"lat", "lon"} <= set(named["z"].dims):
            raise PipelineError(f"{path}: no elevation z(lat, lon); found {', '.join(map(str, raw.variables))}")
        return _band_means(named["z"].sortby("lat"), grid)


def _band_means(z: xr.DataArray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """`read_etopo`'s means, a band of latitudes at a time: the whole of ETOPO is gigabytes."""
    depth, sea, height, total = (np.zeros(grid.shape) for _ in range(4))
    for first in range(0, z.sizes["lat"], ROWS_READ):
        band = z.isel(lat=slice(first, first + ROWS_READ))
        elevation = band.transpose("lat", "lon").values.astype(np.float32)
        regridder = Regridder(band["lat"].values, band["lon"].values, grid, fill="none")
        for sums, field in (
            ((depth, sea), np.where(elevation < 0, -elevation, np.nan)),
            ((height, total), elevation.clip(0)),
        ):
            for accumulated, part in zip(sums, regridder.integrals(field), strict=True):
                accumulated += part
    return np.divide(depth, sea, out=np.zeros(grid.shape), where=sea > 0), height / total


def _arc(chord: np.ndarray) -> np.ndarray:
    """Great-circle distance [km] of a chord of the unit sphere."""
    return 2.0 * EARTH_RADIUS / 1000.0 * np.arcsin(np.minimum(0.5 * chord, 1.0))
