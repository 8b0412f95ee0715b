"""Networks of stations, and what they would have measured of a known truth: the twin experiment's observations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq

from pipeline.errors import PipelineError
from pipeline.observations import PLAUSIBLE, Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Grid, Space

_CENTRES = np.array(
    [
        # lat, lon, width [degrees], weight: where surface stations are dense
        [50.0, 12.0, 13.0, 1.0],
        [40.0, 270.0, 14.0, 1.0],
        [34.0, 115.0, 14.0, 0.9],
        [37.0, 138.0, 6.0, 0.8],
        [22.0, 79.0, 10.0, 0.5],
        [55.0, 55.0, 20.0, 0.4],
        [-33.0, 148.0, 9.0, 0.4],
        [-30.0, 26.0, 8.0, 0.3],
        [-24.0, 312.0, 11.0, 0.3],
    ]
)
_BACKGROUND_DENSITY = 0.08


@dataclass(frozen=True, eq=False)
class Stations:
    """Positions in degrees, shape (s,)."""

    lat: np.ndarray
    lon: np.ndarray

    def __len__(self) -> int:
        return len(self.lat)


def place(kind: str, grid: Grid, ocean: Grid, seed: int, **options: float) -> Stations:
    """Stations of a kind of network: `regular` (spacing), `random` (density) or `land_stations` (count).

    Args:
        kind: which.
        grid: of the observed component, for its area and cells.
        ocean: whose masked cells are land.
        seed: fixes what is random.
        options: the arguments of the function of that name.

    Raises:
        PipelineError: unknown kind or option.
    """
    kinds: dict[str, Callable[..., Stations]] = {
        "regular": lambda spacing: regular(grid, spacing),
        "random": lambda density: random(grid, density, seed),
        "land_stations": lambda count: land_stations(ocean, int(count), seed),
    }
    if kind not in kinds:
        raise PipelineError(f"network of observations: unknown kind {kind!r}; choose one of {', '.join(kinds)}")
    (expected,) = inspect.signature(kinds[kind]).parameters
    if set(options) != {expected}:
        raise PipelineError(f"network of observations {kind!r}: options {sorted(options)}; it takes {expected!r} alone")
    return kinds[kind](**options)


def regular(grid: Grid, spacing: float) -> Stations:
    """A station every `spacing` degrees of latitude and, along a parallel, about the same distance apart."""
    south, north = grid.lat_bounds[0], grid.lat_bounds[-1]
    rows = max(round((north - south) / spacing), 1)
    lats, lons = [], []
    for lat in south + (np.arange(rows) + 0.5) * (north - south) / rows:
        count = max(round(360.0 * np.cos(np.deg2rad(lat)) / spacing), 1)
        lons.append((np.arange(count) + 0.5) * 360.0 / count)
        lats.append(np.full(count, lat))
    return Stations(np.concatenate(lats), np.concatenate(lons))


def random(grid: Grid, density: float, seed: int) -> Stations:
    """Stations in a share `density` of the unmasked cells, cells drawn in proportion to their area."""
    generator = np.random.default_rng(seed)
    share = grid.weights.ravel()
    return _within(grid, generator.choice(share.size, _count(grid, density), replace=False, p=share), generator)


def inclusion(grid: Grid, density: float) -> np.ndarray:
    """Probability that a cell holds a station of `random`, (ny, nx), zero where masked; the sum is their number.

    Cells are drawn one after the other without replacement with probabilities w, their areas. As if each waited for its
    station for an exponential time of rate w, those that came until t are the network (Rosen 1972, J. Appl. Probab. 9):

        p = 1 - exp(-w t),    sum p = count
    """
    w, count = grid.weights, _count(grid, density)
    cells = int(grid.mask.sum())
    if count == cells:
        return grid.mask.astype(float)
    longest = np.log(cells / (cells - count)) / w[grid.mask].min()
    return -np.expm1(-w * brentq(lambda t: -np.expm1(-w * t).sum() - count, 0.0, longest, xtol=1e-9 * longest))


def _count(grid: Grid, density: float) -> int:
    """Stations of `random`."""
    if not 0.0 < density <= 1.0:
        raise PipelineError(f"random network: density {density} must be in (0, 1]")
    return max(round(density * int(grid.mask.sum())), 1)


def land_stations(ocean: Grid, count: int, seed: int) -> Stations:
    """`count` stations on land, dense in Europe, North America and East Asia, sparse elsewhere.

    An idealisation of the synoptic network: Gaussian patches of density over a low background, in the land cells of
    an ocean grid (beyond whose edges no stations stand).

    Raises:
        PipelineError: the grid has no land.
    """
    dry = Grid(ocean.lat, ocean.lon, ocean.lat_bounds, ~ocean.mask)
    if not dry.mask.any():
        raise PipelineError("land stations: the ocean grid has no land cell")
    share = dry.weights * station_density(*np.meshgrid(dry.lat, dry.lon, indexing="ij"))
    generator = np.random.default_rng(seed)
    return _within(dry, generator.choice(share.size, count, p=share.ravel() / share.sum()), generator)


def _within(grid: Grid, cells: np.ndarray, generator: np.random.Generator) -> Stations:
    """A random point in each cell, uniform in area."""
    row, column = np.unravel_index(cells, grid.shape)
    low, high = np.sin(np.deg2rad(grid.lat_bounds[row])), np.sin(np.deg2rad(grid.lat_bounds[row + 1]))
    lat = np.rad2deg(np.arcsin(generator.uniform(low, high)))
    lon = grid.lon[column] + 360.0 / len(grid.lon) * generator.uniform(-0.5, 0.5, len(column))
    return Stations(lat, np.mod(lon, 360.0))


def station_density(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Relative density of surface stations, between the background's 0.08 and about 1."""
    density = np.full(np.shape(lat), _BACKGROUND_DENSITY)
    for centre_lat, centre_lon, width, weight in _CENTRES:
        east = ((lon - centre_lon + 180.0) % 360.0 - 180.0) * np.cos(np.deg2rad(centre_lat))
        density = density + weight * np.exp(-0.5 * ((lat - centre_lat) ** 2 + east**2) / width**2)
    return density


def simulate(
    space: Space,
    states: torch.Tensor,
    times: np.ndarray,
    stations: Stations,
    variable: str,
    error: float,
    seed: int,
    gap: float = 0.0,
    withheld: float = 0.0,
) -> Observations:
    """What `stations` report of a truth: H(x_t) + noise, with gaps.

    Args:
        states: the truth, one state per time, shape (times, n).
        times: model clock [s], shape (times,).
        variable: what is measured.
        error: standard deviation of the Gaussian noise, in the variable's units.
        seed: fixes noise, gaps and the choice of withheld stations.
        gap: probability that a report is missing.
        withheld: share of the stations kept for verification, at all times.
    """
    if not (0.0 <= gap < 1.0 and 0.0 <= withheld < 1.0):
        raise PipelineError(f"simulated observations: gap {gap} and withheld {withheld} must be in [0, 1)")
    count = len(stations)
    template = Observations(
        time=np.zeros(count),
        variable=np.full(count, variable),
        lat=stations.lat,
        lon=stations.lon,
        value=np.full(count, np.mean(PLAUSIBLE[variable])),  # any: only positions matter here
        error=np.full(count, error),
        withheld=np.zeros(count),
    )
    H = Interpolation(space, template)
    exact = H(states).double().numpy()
    generator = np.random.default_rng(seed)
    kept_back = generator.permutation(len(H)) < round(withheld * len(H))
    noise = generator.normal(0.0, error, exact.shape)
    reported = generator.uniform(0.0, 1.0, exact.shape) >= gap
    step, station = np.nonzero(reported)
    return Observations(
        time=np.asarray(times)[step],
        variable=np.full(len(step), variable),
        lat=H.observations.lat[station],
        lon=H.observations.lon[station],
        value=(exact + noise)[step, station],
        error=np.full(len(step), error),
        withheld=kept_back[station],
    )
