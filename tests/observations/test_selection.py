"""Observations of single elements."""

import numpy as np
import pytest
import torch

from pipeline.observations import Observations
from pipeline.observations.selection import Selection, everything


def observations(variable, lat, lon) -> Observations:
    variable, nothing = np.array(variable), np.zeros(len(variable))
    value = np.where(variable == "ps", 1e5, 10.0)
    return Observations(nothing, variable, np.array(lat), np.array(lon), value, nothing + 1.0, nothing)


@pytest.fixture
def mixed(air_sea_space) -> tuple[Observations, torch.Tensor]:
    """Rows near centres of cells, in no order, two on one cell, two of a variable that no component has; elements."""
    air, sea = (air_sea_space[name].grid for name in ("atmosphere", "ocean"))
    rows = [
        ("sst", sea.lat[2] + 3.0, sea.lon[3] - 5.0, (2, 3, sea)),
        ("ps", air.lat[5] - 7.0, air.lon[17] + 9.0, (5, 17, air)),
        ("x", 0.0, 0.0, None),
        ("ps", 90.0, 359.0, (11, 0, air)),
        ("va", air.lat[0], air.lon[1], (0, 1, air)),
        ("y", 10.0, 20.0, None),
        ("sst", sea.lat[2], sea.lon[3], (2, 3, sea)),
        ("ssh", sea.lat[7], 359.9, (7, 23, sea)),
    ]
    element = [air_sea_space.index(v).start + j * len(g.lon) + i for v, _, _, (j, i, g) in (r for r in rows if r[3])]
    return observations(*([row[k] for row in rows] for k in range(3))), torch.tensor(element)


def test_each_row_sees_the_nearest_element(air_sea_space, mixed):
    H = Selection(air_sea_space, mixed[0])
    x = torch.randn(2, 3, air_sea_space.size, generator=torch.Generator().manual_seed(1))
    assert torch.equal(H(x), x[..., mixed[1]])
    assert H(x).dtype == torch.float32


def test_rows_of_variables_that_the_space_lacks_are_rejected(air_sea_space, mixed):
    H = Selection(air_sea_space, mixed[0])
    np.testing.assert_array_equal(H.valid, [True, True, False, True, True, False, True, True])
    assert len(H) == len(H.observations) == 6
    np.testing.assert_array_equal(H.observations.lon, mixed[0].lon[H.valid])
    ocean = Selection(type(air_sea_space)((air_sea_space["ocean"],)), mixed[0])
    assert list(ocean.observations.variable) == ["sst", "sst", "ssh"]
    none = Selection(air_sea_space, mixed[0].where(~H.valid))
    assert none(torch.zeros(air_sea_space.size)).shape == (0,)


def test_adjoint_by_dot_product(air_sea_space, mixed):
    """<H x, y> = <x, H^T y>, and autograd gives the same H^T, of an element that is seen twice as well."""
    H = Selection(air_sea_space, mixed[0])
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(5, air_sea_space.size, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.randn(5, len(H), generator=generator, dtype=torch.float64)
    left, right = (H(x) * y).sum(), (x * H.adjoint(y)).sum()
    torch.testing.assert_close(left, right, rtol=1e-13, atol=0.0)
    (gradient,) = torch.autograd.grad(left, x)
    torch.testing.assert_close(gradient, H.adjoint(y), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("every", [1, 7])
def test_everything_is_each_unmasked_element_in_order(air_sea_space, every):
    ocean = type(air_sea_space)((air_sea_space["ocean"],))
    H = Selection(ocean, everything(ocean, 0.5, every))
    assert H.valid.all()
    assert (H.observations.error == 0.5).all()
    assert torch.equal(H.index, ocean.mask.nonzero().flatten()[::every])
