"""grid.nc: land-sea mask, depth and topography on the grids of the climate model, for any sizes.

python -m pipeline.datasets.grid_file --atmosphere 96 48 --ocean 90 50 --output build/grids/demo/grid.nc
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.datasets import _relief
from pipeline.datasets._land_mask import ocean_mask
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import Grid

OCEAN_EDGE = 78.0  # degrees: the ocean spans 78S to 78N
LEAST_DEPTH = 50.0  # m, for sea cells that ETOPO calls land or shoals


def gaussian_grid(nlon: int, nlat: int) -> Grid:
    """Gaussian latitudes, the roots of the Legendre polynomial P_nlat(sin lat); band areas are its weights."""
    sine, weight = np.polynomial.legendre.leggauss(nlat)
    bounds = np.clip(np.append(-1.0, -1.0 + np.cumsum(weight)), -1.0, 1.0)
    bounds[-1] = 1.0
    return Grid(np.rad2deg(np.arcsin(sine)), np.arange(nlon) * 360.0 / nlon, np.rad2deg(np.arcsin(bounds)))


def ocean_grid(nlon: int, nlat: int, mask: np.ndarray | None = None) -> Grid:
    """Uniform latitudes between 78S and 78N, longitudes at half cells."""
    bounds = np.linspace(-OCEAN_EDGE, OCEAN_EDGE, nlat + 1)
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), (np.arange(nlon) + 0.5) * 360.0 / nlon, bounds, mask)


def build(atmosphere: tuple[int, int], ocean: tuple[int, int], etopo: Path | None = None) -> xr.Dataset:
    """The contents of grid.nc.

    Args:
        atmosphere, ocean: (nlon, nlat).
        etopo: ETOPO NetCDF file; without it depth and topography are idealised, and say so.
    """
    air, sea = gaussian_grid(*atmosphere), ocean_grid(*ocean)
    mask = ocean_mask(sea.lat, sea.lat_bounds, sea.lon)
    if etopo is None:
        depth, topography = (
            _relief.idealised_depth(mask, sea.lat, sea.lon),
            _relief.idealised_topography(air.lat, air.lon),
        )
    else:
        depth = np.where(mask, np.maximum(_relief.read_etopo(etopo, sea)[0], LEAST_DEPTH), 0.0)
        topography = _relief.read_etopo(etopo, air)[1]
    source = {"source": str(etopo.name)} if etopo else {}
    return xr.Dataset(
        {
            "ocean_mask": (("jo", "io"), mask.astype(np.int32), {"long_name": "1 = sea", "source": "global-land-mask"}),
            "ocean_depth": (("jo", "io"), depth, {"units": "m", "source": _relief.IDEALISED_DEPTH, **source}),
            "topography": (("ja", "ia"), topography, {"units": "m", "source": _relief.IDEALISED_TOPOGRAPHY, **source}),
            "atmosphere_lat": ("ja", air.lat, {"units": "degrees_north"}),
            "atmosphere_lon": ("ia", air.lon, {"units": "degrees_east"}),
            "ocean_lat": ("jo", sea.lat, {"units": "degrees_north"}),
            "ocean_lon": ("io", sea.lon, {"units": "degrees_east"}),
        },
        attrs={"title": "Grids of the climate model", "Conventions": "CF-1.10"},
    )


def write(path: Path, atmosphere: tuple[int, int], ocean: tuple[int, int], etopo: Path | None = None) -> None:
    """Build and write grid.nc, whole or not at all."""
    dataset = build(atmosphere, ocean, etopo)
    with atomic(path) as temporary:
        dataset.to_netcdf(temporary, encoding={name: {"_FillValue": None} for name in dataset.variables})


def read(path: Path) -> dict[str, Grid]:
    """The grids of a grid.nc: `atmosphere`, everywhere defined, and `ocean` with its mask.

    Raises:
        PipelineError: no such file, or not of this layout.
    """
    if not Path(path).is_file():
        raise PipelineError(f"{path}: no such grid file; make it with python -m pipeline.datasets.grid_file")
    with xr.open_dataset(path) as ds:
        if not {"topography", "ocean_mask"} <= set(ds):
            raise PipelineError(
                f"{path}: not a grid file; found {', '.join(map(str, ds))}, expected ocean_mask, topography"
            )
        return {
            "atmosphere": gaussian_grid(*ds["topography"].shape[::-1]),
            "ocean": ocean_grid(*ds["ocean_mask"].shape[::-1], mask=ds["ocean_mask"].values == 1),
        }


def main(arguments: list[str] | None = None) -> int:
    """Command line: sizes as `nlon nlat`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atmosphere", nargs=2, type=int, required=True, metavar=("NLON", "NLAT"))
    parser.add_argument("--ocean", nargs=2, type=int, required=True, metavar=("NLON", "NLAT"))
    parser.add_argument("--etopo", type=Path, help="ETOPO NetCDF file; without it relief is idealised")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        write(options.output, tuple(options.atmosphere), tuple(options.ocean), options.etopo)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
