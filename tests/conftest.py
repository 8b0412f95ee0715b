"""Fixtures of all tests: real data files, small spaces."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, Component, Grid, Space

DATA = Path(os.environ.get("PIPELINE_TEST_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()


@pytest.fixture(scope="session")
def real_data():
    """Path of a real data file by name; the test is skipped where it is missing, and fails there under CI."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.is_file():
            reason = f"no {name} in {DATA}; set PIPELINE_TEST_DATA to the folder of test data"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        return path

    return find


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tests time and compare on one thread, whatever the machine."""
    torch.set_num_threads(1)


def uniform_grid(ny: int, nx: int, edge: float = 90.0, mask: np.ndarray | None = None, half_cell: bool = True) -> Grid:
    """Grid of equal steps of latitude and longitude."""
    bounds = np.linspace(-edge, edge, ny + 1)
    lon = (np.arange(nx) + 0.5 * half_cell) * 360.0 / nx
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), lon, bounds, mask)


@pytest.fixture(scope="session")
def air_sea_space() -> Space:
    """Atmosphere 12x18 and ocean 10x24 with a continent and an island; small enough for dense matrices."""
    mask = np.ones((10, 24), dtype=bool)
    mask[[0, -1]] = False
    mask[3:7, 5:9] = False
    mask[5, 15] = False
    atmosphere = Component("atmosphere", uniform_grid(12, 18, half_cell=False), ATMOSPHERE_VARIABLES)
    ocean = Component("ocean", uniform_grid(10, 24, edge=78.0, mask=mask), OCEAN_VARIABLES)
    return Space((atmosphere, ocean))
