"""First-order conservative regridding between latitude-longitude grids, as two sparse one-dimensional overlaps.

The mean of a field f over target cell (J, I) is (Jones 1999, Mon. Wea. Rev. 127, 2204, first order)

    F_JI = sum_ji A_Jj B_Ii m_ji f_ji / sum_ji A_Jj B_Ii m_ji

with A the overlap of latitude bands in sin(latitude), B the overlap of longitudes and m = 1 where f is known. Both
grids being separable, the four-index weights never have to exist: two sparse matrices are applied, one per axis.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import xarray as xr
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from pipeline.errors import PipelineError
from pipeline.spaces import Grid, coordinates

FILLS = ("nearest", "none")


class Regridder:
    """Conservative mean of fields on one separable grid over the cells of another.

    Args:
        lat, lon: cell centres of the source in degrees, ascending; longitudes may start anywhere.
        target: grid of the result.
        fill: what a target cell without known source gets: `nearest` known cell's value, or `none` (NaN).
        min_fraction: least known share of a target cell's area for its mean to count.
        lat_bounds, lon_bounds: source cell edges; by default half way between centres, latitudes clipped to the poles.
    """

    def __init__(
        self,
        lat: np.ndarray,
        lon: np.ndarray,
        target: Grid,
        fill: str = "nearest",
        min_fraction: float = 0.0,
        lat_bounds: np.ndarray | None = None,
        lon_bounds: np.ndarray | None = None,
    ) -> None:
        if fill not in FILLS:
            raise PipelineError(f"regridding: unknown fill {fill!r}; choose one of {', '.join(FILLS)}")
        self.target, self.fill, self.min_fraction = target, fill, min_fraction
        lat_bounds = latitude_bounds(lat) if lat_bounds is None else lat_bounds
        lon_bounds = midpoint_bounds(lon) if lon_bounds is None else lon_bounds
        self.lat_overlap = overlap(_sine(lat_bounds), _sine(target.lat_bounds))
        self.lon_overlap = overlap(np.deg2rad(lon_bounds), np.deg2rad(midpoint_bounds(target.lon)), period=2 * np.pi)
        self.cell_area = np.outer(np.diff(_sine(target.lat_bounds)), np.diff(np.deg2rad(midpoint_bounds(target.lon))))

    def integrals(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Integral of the known values over each target cell and the known area [sr], shapes (..., ny, nx)."""
        known = np.isfinite(values)
        if known.all():
            area = np.outer(self.lat_overlap.sum(axis=1), self.lon_overlap.sum(axis=1))
            return self._sum(values), np.broadcast_to(area, (*values.shape[:-2], *area.shape))
        return self._sum(np.where(known, values, 0.0)), self._sum(known)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Cell means (..., ny, nx) of `values` (..., lat, lon); NaN is unknown there and masked here."""
        integral, area = self.integrals(values)
        known = area > max(self.min_fraction, 1e-9) * self.cell_area
        mean = np.divide(integral, area, out=np.full(integral.shape, np.nan), where=known)
        if self.fill == "nearest":
            mean = fill_nearest(mean, self.target)
        return np.where(self.target.mask, mean, np.nan).astype(values.dtype, copy=False)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Apply both overlaps to (..., lat, lon), in double precision."""
        *lead, ny, nx = values.shape
        fields = values.reshape(-1, ny, nx).astype(np.float64)
        sums = [self.lon_overlap.dot(self.lat_overlap.dot(field).T).T for field in fields]
        return np.stack(sums).reshape(*lead, *self.target.shape)


def regrid(dataset: xr.Dataset, target: Grid, fill: str = "nearest", min_fraction: float = 0.0) -> xr.Dataset:
    """Every variable of `dataset` (..., lat, lon) onto `target`, lazily where the dataset is chunked."""
    regridder = Regridder(dataset["lat"].values, dataset["lon"].values, target, fill, min_fraction)
    ny, nx = target.shape
    regridded = xr.apply_ufunc(
        regridder,
        _whole_fields(dataset).rename(lat="source_lat", lon="source_lon"),
        input_core_dims=[["source_lat", "source_lon"]],
        output_core_dims=[["lat", "lon"]],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {"lat": ny, "lon": nx}},
        output_dtypes=[np.float32],
        keep_attrs=True,
    )
    return regridded.assign_coords(coordinates(target))


def _whole_fields(dataset: xr.Dataset) -> xr.Dataset:
    """Chunks never cut a horizontal field: each is read whole."""
    return dataset.chunk(lat=-1, lon=-1) if dataset.chunks else dataset


def overlap(source: np.ndarray, target: np.ndarray, period: float | None = None) -> csr_array:
    """Length of the overlap of every target interval with every source interval, shape (n_target, n_source).

    Args:
        source, target: ascending edges, shapes (n_source + 1,) and (n_target + 1,).
        period: source intervals repeat with this period (longitude).
    """
    count = len(source) - 1
    cells = np.arange(count)
    if period is not None:
        turns = np.arange(np.floor((target[0] - source[-1]) / period), np.ceil((target[-1] - source[0]) / period) + 1)
        source = np.maximum.accumulate((source + period * turns[:, None]).ravel())
        cells = np.tile(np.append(cells, count), len(turns))  # cell `count`: the gap that a regional source leaves
    edges = np.union1d(source, target)
    edges = edges[(edges >= max(source[0], target[0])) & (edges <= min(source[-1], target[-1]))]
    middle = 0.5 * (edges[1:] + edges[:-1])
    rows = np.searchsorted(target, middle) - 1
    columns = cells[np.searchsorted(source, middle) - 1]
    return csr_array((np.diff(edges), (rows, columns)), shape=(len(target) - 1, count + 1))[:, :count]


def midpoint_bounds(centres: np.ndarray) -> np.ndarray:
    """Edges half way between centres, the outer ones half a spacing beyond, shape (n + 1,)."""
    centres = np.asarray(centres, dtype=np.float64)
    middle = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def latitude_bounds(lat: np.ndarray) -> np.ndarray:
    """Edges of latitude bands in degrees; no band passes a pole."""
    return np.clip(midpoint_bounds(lat), -90.0, 90.0)


def fill_nearest(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Fields (..., ny, nx) with each NaN replaced by the known value nearest on the sphere; all-NaN fields stay."""
    fields = values.reshape(-1, *grid.shape)
    filled = np.empty_like(fields)
    for k, field in enumerate(fields):
        known = np.isfinite(field)
        source = _nearest_known(grid, known.tobytes()) if known.any() and not known.all() else None
        filled[k] = field if source is None else field.ravel()[source].reshape(grid.shape)
    return filled.reshape(values.shape)


@lru_cache(maxsize=8)
def _nearest_known(grid: Grid, known: bytes) -> np.ndarray:
    """Flat index of the nearest known cell for every cell; masks repeat from one time to the next, hence the cache."""
    points = unit_vectors(*np.meshgrid(grid.lat, grid.lon, indexing="ij")).reshape(-1, 3)
    index = np.flatnonzero(np.frombuffer(known, dtype=bool))
    return index[cKDTree(points[index]).query(points)[1]]


def unit_vectors(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Points on the unit sphere, shape (..., 3); chords between them grow with the distance on the sphere."""
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def _sine(degrees: np.ndarray) -> np.ndarray:
    return np.sin(np.deg2rad(degrees))
