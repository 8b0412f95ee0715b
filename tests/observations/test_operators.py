import numpy as np
import pytest
import torch

from pipeline.models.lorenz96 import Lorenz96
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.observations.selection import everything
from pipeline.spaces import Component, Grid, Space


def observations_at(lat, lon, variable):
    lat, lon = np.broadcast_arrays(np.atleast_1d(lat), np.atleast_1d(lon))
    value = 100000.0 if variable == "ps" else 10.0
    n = len(lat)
    return Observations(
        time=np.zeros(n),
        variable=np.full(n, variable),
        lat=lat,
        lon=lon,
        value=np.full(n, value),
        error=np.ones(n),
        withheld=np.zeros(n),
    )


@pytest.fixture
def mixed(air_sea_space):
    generator = np.random.default_rng(1)
    parts = [
        observations_at(generator.uniform(-89, 89, 150), generator.uniform(0, 360, 150), name) for name in ("ps", "sst")
    ]
    return Observations.concatenate(parts)


def test_bilinear_fields_are_reproduced_exactly(air_sea_space):
    """The closed form: a + b lat + c lat lon is bilinear, so interpolation between cell centres has no error."""
    grid = air_sea_space["atmosphere"].grid
    generator = np.random.default_rng(2)
    lat, lon = generator.uniform(grid.lat[0], grid.lat[-1], 200), generator.uniform(grid.lon[0], grid.lon[-1], 200)

    def f(lat, lon):
        return 1.0 + 0.3 * lat + 0.01 * lat * lon

    x = torch.zeros(air_sea_space.size, dtype=torch.float64)
    x[air_sea_space.index("ps")] = torch.from_numpy(f(grid.lat[:, None], grid.lon)).flatten()
    H = Interpolation(air_sea_space, observations_at(lat, lon, "ps"))
    np.testing.assert_allclose(H(x).numpy(), f(lat, lon), rtol=1e-13)


def test_longitude_is_periodic(air_sea_space):
    """Across Greenwich the ocean's first and last columns are neighbours: their mean at longitude 0."""
    grid = air_sea_space["ocean"].grid
    field = np.broadcast_to(np.arange(24.0), grid.shape).copy()
    x = torch.zeros(air_sea_space.size, dtype=torch.float64)
    x[air_sea_space.index("sst")] = torch.from_numpy(field).flatten()
    H = Interpolation(air_sea_space, observations_at(grid.lat[2], [0.0, 359.9999999, grid.lon[0], grid.lon[-1]], "sst"))
    np.testing.assert_allclose(H(x).numpy(), [11.5, 11.5, 0.0, 23.0], atol=1e-6)


def test_land_never_enters(air_sea_space, mixed):
    """Whatever stands on land, H does not see it, and a constant sea is seen as that constant up to the coast."""
    H = Interpolation(air_sea_space, mixed)
    x = torch.full((air_sea_space.size,), 7.0, dtype=torch.float64)
    x[~air_sea_space.mask] = 1e9
    np.testing.assert_allclose(H(x).numpy(), 7.0, rtol=1e-13)


def test_observations_on_land_or_off_the_grid_are_flagged(air_sea_space):
    grid = air_sea_space["ocean"].grid
    lat = [grid.lat[5], grid.lat[2], 77.9, 85.0, grid.lat[5]]
    lon = [grid.lon[15], grid.lon[3], 10.0, 10.0, grid.lon[7]]
    H = Interpolation(air_sea_space, observations_at(lat, lon, "sst"))
    np.testing.assert_array_equal(H.valid, [False, True, False, False, False])
    assert len(H) == len(H.observations) == 1
    assert H.dropped == {"not in the space": 0, "on land or outside": 4}


@pytest.mark.filterwarnings("error")
def test_a_ring_of_one_latitude_is_interpolated_along_it():
    space = Lorenz96().space
    x = torch.randn(3, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    every = Interpolation(space, everything(space, 1.0))
    assert every.valid.all()
    assert torch.equal(every(x), x)
    between = Interpolation(space, observations_at(0.0, [4.5, 355.5, 9.0], "x"))
    torch.testing.assert_close(between(x), torch.stack([x[:, :2].mean(1), x[:, [0, -1]].mean(1), x[:, 1]], 1))


@pytest.mark.filterwarnings("error")
def test_beside_a_single_latitude_is_outside_and_a_single_longitude_stands_for_all():
    north = Grid(np.array([45.1]), np.array([10.0]), np.array([0.0, 90.0]))
    space = Space((Component("ring", north, ("x",)),))
    lat = [45.1, float(np.float32(45.1)), 45.2, 0.0, -45.1]
    H = Interpolation(space, observations_at(lat, [10.0, 190.0, 10.0, 10.0, 10.0], "x"))
    np.testing.assert_array_equal(H.valid, [True, True, False, False, False])
    assert H.dropped == {"not in the space": 0, "on land or outside": 3}
    torch.testing.assert_close(H(torch.tensor([7.0]).double()), torch.tensor([7.0, 7.0]).double())
    column = Grid(np.array([-30.0, 30.0]), np.array([10.0]), np.array([-60.0, 0.0, 60.0]))
    H = Interpolation(Space((Component("ring", column, ("x",)),)), observations_at([-30.0, 15.0], [10.0, 200.0], "x"))
    torch.testing.assert_close(H(torch.tensor([2.0, 6.0]).double()), torch.tensor([2.0, 5.0]).double())


def test_a_component_alone_sees_its_own_observations(air_sea_space, mixed):
    ocean = type(air_sea_space)((air_sea_space["ocean"],))
    H = Interpolation(ocean, mixed)
    assert set(H.observations.variable) == {"sst"}
    assert H.dropped["not in the space"] == 150


def test_adjoint_by_dot_product(air_sea_space, mixed):
    """<H x, y> = <x, H^T y>, and autograd gives the same H^T."""
    H = Interpolation(air_sea_space, mixed)
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(5, air_sea_space.size, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.randn(5, len(H), generator=generator, dtype=torch.float64)
    left, right = (H(x) * y).sum(), (x * H.adjoint(y)).sum()
    assert abs(left - right) <= 1e-13 * abs(left)
    (gradient,) = torch.autograd.grad(left, x)
    torch.testing.assert_close(gradient, H.adjoint(y), rtol=1e-14, atol=1e-14)


def test_batches_equal_single_states(air_sea_space, mixed):
    H = Interpolation(air_sea_space, mixed)
    x = torch.randn(2, 3, air_sea_space.size)
    assert H(x).shape == (2, 3, len(H))
    assert H(x).dtype == torch.float32
    torch.testing.assert_close(H(x)[1, 2], H(x[1, 2]), rtol=0, atol=0)


def test_no_observations_give_an_empty_operator(air_sea_space):
    H = Interpolation(air_sea_space, Observations.empty())
    assert H(torch.zeros(air_sea_space.size)).shape == (0,)
    assert (H.adjoint(torch.zeros(0)) == 0).all()


def test_a_state_of_another_space_is_refused(air_sea_space, mixed):
    with pytest.raises(ValueError, match="elements"):
        Interpolation(air_sea_space, mixed)(torch.zeros(7))
