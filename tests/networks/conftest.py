import numpy as np
import pytest

from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, Component, Grid, Space


def grid(shape, limit=90.0, offset=0.0, mask=None):
    bounds = np.linspace(-limit, limit, shape[0] + 1)
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), (np.arange(shape[1]) + offset) * 360 / shape[1], bounds, mask)


def coupled_space(atmosphere, ocean, land=True):
    mask = np.ones(ocean, dtype=bool)
    if land:
        mask[ocean[0] // 4 : ocean[0] // 2, : ocean[1] // 3] = False
    return Space(
        (
            Component("atmosphere", grid(atmosphere), ATMOSPHERE_VARIABLES),
            Component("ocean", grid(ocean, limit=78.0, offset=0.5, mask=mask), OCEAN_VARIABLES),
        )
    )


@pytest.fixture(name="coupled_space")
def coupled_space_():
    return coupled_space
