"""The climate model at a small size on an idealised Earth: two continents, flat bottom with ridges."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline import bridge
from pipeline.models.namelist import write_namelist

ROOT = Path(__file__).resolve().parents[2]
MODEL = {
    "name": "climate",
    "atmosphere": {"trunc": 21, "nlon": 64, "nlat": 32, "nlev": 5, "dt": 3600},
    "ocean": {"nlon": 48, "nlat": 30, "nlev": 5, "dt": 3600},
}


def write_grid(path: Path) -> Path:
    """Grid file with land in two meridional bands, closed to the north; Gaussian and uniform latitudes."""
    air, sea = MODEL["atmosphere"], MODEL["ocean"]
    sin_lat, _ = np.polynomial.legendre.leggauss(air["nlat"])
    air_lat, air_lon = np.rad2deg(np.arcsin(sin_lat)), np.arange(air["nlon"]) * 360.0 / air["nlon"]
    edges = np.linspace(-78, 78, sea["nlat"] + 1)
    sea_lat, sea_lon = 0.5 * (edges[1:] + edges[:-1]), (np.arange(sea["nlon"]) + 0.5) * 360.0 / sea["nlon"]
    lon, lat = np.meshgrid(sea_lon, sea_lat)
    land = (lat > -55) & (((lon > 20) & (lon < 60)) | ((lon > 250) & (lon < 280))) | (lat > 68)
    mask = np.where(land, 0.0, 1.0)
    mask[[0, -1]] = 0.0
    depth = mask * (4500.0 - 1500.0 * np.cos(np.deg2rad(2 * lon)) ** 2)
    xr.Dataset(
        {
            "ocean_mask": (("jo", "io"), mask),
            "ocean_depth": (("jo", "io"), depth),
            "topography": (("ja", "ia"), np.zeros((air["nlat"], air["nlon"]))),
            "atmosphere_lat": ("ja", air_lat),
            "atmosphere_lon": ("ia", air_lon),
            "ocean_lat": ("jo", sea_lat),
            "ocean_lon": ("io", sea_lon),
        }
    ).to_netcdf(path)
    return path


@pytest.fixture(scope="session")
def climate_module():
    """The shared module in its usual place; nothing is built when it is up to date."""
    return bridge.build(ROOT / "config/models/climate.yaml")


@pytest.fixture(scope="session")
def climate_sizes():
    """The `model` section of a configuration."""
    return MODEL


@pytest.fixture(scope="session")
def climate_namelist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("climate")
    path = folder / "climate.nml"
    write_namelist(path, MODEL, {"grid": str(write_grid(folder / "grid.nc"))}, "2008-10-03")
    return path


@pytest.fixture
def climate_states(climate_module, climate_namelist):
    """What the model needs to be a function of states."""
    return {"module": str(climate_module), "grid": str(climate_namelist.parent / "grid.nc"), "model": MODEL}
