"""Weights of distance, places and neighbours."""

import math

import numpy as np
import pytest
import torch
from filters import SPACE

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.localization._places import Places, angles, neighbours, unit_vectors, weights
from pipeline.spaces import EARTH_RADIUS

OPTIONS = {"gaspari_cohn": {"half_width": 1500.0}, "cutoff": {"radius": 3000.0}}


@pytest.fixture(params=registry.kinds("localization"))
def localization(request):
    assert request.param in OPTIONS, f"add options for localization/{request.param} to the tests"
    return registry.build("localization", request.param, **OPTIONS[request.param])


def test_weight_is_one_at_home_falls_and_ends_at_the_reach(localization):
    rho = localization.weight(torch.linspace(0, 1.5 * localization.reach, 301).double())
    assert float(rho[0]) == 1.0
    assert bool((rho.diff() <= 1e-15).all())
    assert not rho[201:].any()
    assert rho[:199].min() > 0


def test_gaspari_cohn_at_values_worked_out_by_hand():
    rho = registry.build("localization", "gaspari_cohn", half_width=1.0).weight
    r = torch.tensor([0.5, 1.0, 1.5, 2.0]).double()
    wanted = torch.tensor([263 / 384, 5 / 24, 19 / 1152, 0.0], dtype=torch.float64)
    torch.testing.assert_close(rho(r), wanted, rtol=0, atol=1e-14)


def test_gaspari_cohn_is_smooth_where_its_pieces_meet():
    rho = registry.build("localization", "gaspari_cohn", half_width=1.0).weight
    for r in (1.0, 2.0):
        x = torch.tensor([r - 1e-4, r, r + 1e-4]).double()
        left, right = (rho(x)[1] - rho(x)[0]) / 1e-4, (rho(x)[2] - rho(x)[1]) / 1e-4
        assert abs(float(left - right)) < 1e-3


def test_gaspari_cohn_is_a_correlation_on_the_sphere():
    rho = weights(
        Places.of(SPACE), Places.of(SPACE).vectors, registry.build("localization", "gaspari_cohn", half_width=3e3)
    )
    assert torch.linalg.eigvalsh(rho).min() > -1e-12


def test_distances_against_the_haversine_formula_and_in_every_unit():
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-90, 90, 20), rng.uniform(0, 360, 20)
    found = angles(unit_vectors(lat[:10], lon[:10]), unit_vectors(lat[10:], lon[10:]))
    for i, j in np.ndindex(10, 10):
        a, b, c, d = map(math.radians, (lat[i], lat[10 + j], lon[i], lon[10 + j]))
        h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin((d - c) / 2) ** 2
        assert float(found[i, j]) == pytest.approx(2 * math.asin(math.sqrt(h)), abs=1e-12)
    ring = Places.of(registry.build("models", "lorenz96").space)
    apart = angles(ring.vectors[:1], ring.vectors)[0]
    wanted = torch.minimum(torch.arange(40), 40 - torch.arange(40)).double()
    torch.testing.assert_close(ring.in_unit(apart, "cell"), wanted, rtol=0, atol=1e-9)
    torch.testing.assert_close(ring.in_unit(apart, "degree"), 9 * wanted, rtol=0, atol=1e-8)
    torch.testing.assert_close(ring.in_unit(apart, "km"), EARTH_RADIUS / 1000.0 * apart)


def test_neighbours_are_those_of_the_dense_weights(localization, monkeypatch):
    monkeypatch.setattr("pipeline.localization._places._BLOCK", 60)
    places = Places.of(SPACE)
    rng = np.random.default_rng(1)
    points = unit_vectors(rng.uniform(-60, 60, 15), rng.uniform(0, 360, 15))
    dense = weights(places, points, localization)
    found = torch.zeros_like(dense)
    for rows, near in neighbours(places, places.vectors, points, localization):
        for row, index, weight in zip(rows, near.index, near.weight, strict=True):
            found[row].index_add_(0, index, weight)
    torch.testing.assert_close(found, dense, rtol=0, atol=1e-12)


def test_no_centres_have_no_neighbours(localization):
    places = Places.of(SPACE)
    assert neighbours(places, places.vectors[:0], places.vectors, localization) == []


def test_every_element_of_the_sea_and_the_air_has_one_place():
    elements = Places.of(SPACE).elements
    assert torch.equal(elements[elements >= 0].sort().values, SPACE.mask.nonzero().flatten())


def test_what_cannot_be_is_refused():
    with pytest.raises(PipelineError, match="half_width -1 must be positive"):
        registry.build("localization", "gaspari_cohn", half_width=-1)
    for kind, options in OPTIONS.items():
        with pytest.raises(PipelineError, match=r"between 1.5 is outside 0..1"):
            registry.build("localization", kind, **options, between=1.5)
        with pytest.raises(PipelineError, match=r"between sea: -1 is outside 0..1"):
            registry.build("localization", kind, **options, between={"sea": -1})
    for wrong in (None, "0.5", [0.5], {"sea": None}, {"sea": "0"}, True):
        with pytest.raises(PipelineError, match=r"is no number; give one for all, between: 0.5, or one"):
            registry.build("localization", "cutoff", radius=3, between=wrong)
    with pytest.raises(PipelineError, match="unit 'miles' is unknown; choose one of km, degree, cell"):
        registry.build("localization", "cutoff", radius=3, unit="miles")
