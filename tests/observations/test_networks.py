import numpy as np
import pytest
import torch
from scipy import stats

from pipeline.errors import PipelineError
from pipeline.observations import networks
from pipeline.observations.operators import Interpolation


@pytest.fixture
def grids(air_sea_space):
    return air_sea_space["atmosphere"].grid, air_sea_space["ocean"].grid


def cells(grid, stations):
    row = np.searchsorted(grid.lat_bounds, stations.lat) - 1
    column = np.abs((stations.lon[:, None] - grid.lon + 180) % 360 - 180).argmin(axis=1)
    return row, column


def test_random_network_has_its_density_at_sea_and_its_seed(grids):
    ocean = grids[1]
    stations = networks.place("random", ocean, ocean, seed=5, density=0.2)
    assert len(stations) == round(0.2 * ocean.mask.sum())
    row, column = cells(ocean, stations)
    assert ocean.mask[row, column].all()
    assert len(set(zip(row, column, strict=True))) == len(stations)
    again, other = (networks.place("random", ocean, ocean, seed=s, density=0.2) for s in (5, 6))
    np.testing.assert_array_equal(again.lat, stations.lat)
    assert not np.array_equal(other.lat, stations.lat)


@pytest.mark.parametrize("density", [0.002, 0.1, 0.6])
def test_inclusion_is_the_frequency_over_random_networks(grids, density):
    """600 networks on the ocean's grid, pooled by latitude: 10 rows, of which a count may be off by 4 deviations."""
    ocean, draws = grids[1], 600
    count = np.zeros(ocean.shape)
    for seed in range(draws):
        np.add.at(count, cells(ocean, networks.random(ocean, density, seed)), 1)
    p = networks.inclusion(ocean, density)
    assert p.sum() == pytest.approx(max(round(density * ocean.mask.sum()), 1), rel=1e-6)
    assert not p[~ocean.mask].any()
    sampling = 4 * np.sqrt(draws * p * (1 - p)).max() * np.sqrt(ocean.mask.sum(1))
    assert (np.abs(count.sum(1) - draws * p.sum(1)) <= sampling).all()


def test_inclusion_at_its_limits(grids):
    """All cells where each has a station; by area where stations are few."""
    ocean = grids[1]
    np.testing.assert_array_equal(networks.inclusion(ocean, 1.0), ocean.mask)
    np.testing.assert_allclose(networks.inclusion(ocean, 1e-9), ocean.weights, rtol=0.01)


def test_regular_network_is_of_equal_density(grids):
    atmosphere = grids[0]
    stations = networks.place("regular", atmosphere, grids[1], seed=0, spacing=3.0)
    assert len(stations) == pytest.approx(4 * 180**2 / np.pi / 3.0**2, rel=0.02)
    tropics = np.abs(stations.lat) < 30
    assert tropics.mean() == pytest.approx(0.5, abs=0.01)


def test_land_stations_stand_on_land_and_crowd_where_people_do(grids):
    ocean = grids[1]
    stations = networks.place("land_stations", grids[0], ocean, seed=1, count=500)
    assert not ocean.mask[cells(ocean, stations)].any()
    density = networks.station_density(np.array([50.0, -75.0]), np.array([12.0, 12.0]))
    assert density[0] > 5 * density[1]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("ring", {}, "unknown kind 'ring'"),
        ("random", {"spacing": 2.0}, "takes 'density'"),
        ("random", {"density": 1.5}, r"density 1\.5"),
    ],
)
def test_bad_networks_are_refused(grids, kind, options, message):
    with pytest.raises(PipelineError, match=message):
        networks.place(kind, grids[0], grids[1], seed=0, **options)


@pytest.fixture
def simulated(air_sea_space):
    ocean = air_sea_space["ocean"].grid
    states = torch.full((40, air_sea_space.size), 15.0, dtype=torch.float64)
    stations = networks.place("random", ocean, ocean, seed=5, density=0.5)
    times = np.arange(40) * 86400
    options = {"variable": "sst", "error": 0.3, "seed": 11, "gap": 0.1, "withheld": 0.1}
    return lambda **changes: networks.simulate(air_sea_space, states, times, stations, **(options | changes))


def test_noise_gaps_and_withheld_are_as_asked(simulated, air_sea_space):
    observations = simulated()
    complete = simulated(gap=0.0)
    noise = observations.value - 15.0
    assert stats.kstest(noise / 0.3, "norm").pvalue > 0.01
    share = len(observations) / len(complete)
    assert abs(share - 0.9) < 3 * np.sqrt(0.09 / len(complete))
    positions = np.unique(complete.lat[complete.withheld])
    assert len(positions) == round(0.1 * len(np.unique(complete.lat)))
    assert not np.isin(complete.lat[~complete.withheld], positions).any()
    assert Interpolation(air_sea_space, observations).valid.all()


def test_simulation_repeats_with_its_seed(simulated):
    np.testing.assert_array_equal(simulated().value, simulated().value)
    assert not np.array_equal(simulated().value[:50], simulated(seed=12).value[:50])


def test_without_noise_the_truth_is_observed(simulated):
    np.testing.assert_allclose(simulated(error=1e-12, gap=0.0).value, 15.0, atol=1e-10)
