"""Localized filters against formulas written out with dense matrices and loops over places."""

import dataclasses

import numpy as np
import pytest
import torch
from filters import KINDS, OBSERVATIONS, SCALE, SPACE, X_B, assert_same, ensemble, filter_of, linear_operator, moments

from pipeline import registry
from pipeline.assimilation import eakf, letkf
from pipeline.assimilation._ensemble_filter import EnsembleFilter
from pipeline.assimilation._ensemble_space import gram
from pipeline.assimilation.ensemble_optimal_interpolation import EnsembleOptimalInterpolation
from pipeline.assimilation.etkf import symmetric_weights
from pipeline.assimilation.letkf import LETKF
from pipeline.errors import PipelineError
from pipeline.localization._places import Places, positions, weights
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Component, Grid, Space
from pipeline.transforms.linear import Linear, fit

MEMBERS = ensemble()
LOCALIZATION = {"kind": "gaspari_cohn", "half_width": 3000.0}
LOCAL: list[str] = [k for k in KINDS if registry.find("assimilation", k).local]


def tapers(observations) -> torch.Tensor:
    """Gaspari-Cohn weights of every element (n) and observation (p); 0 on land."""
    places = Places.of(SPACE)
    rho = weights(places, positions(observations), registry.build("localization", **LOCALIZATION))
    dense = torch.zeros(SPACE.size, rho.shape[1]).double()
    for k in range(places.elements.shape[1]):
        here = places.elements[:, k] >= 0
        dense[places.elements[here, k]] = rho[here]
    return dense


def test_there_are_local_filters():
    assert {"letkf", "eakf"} <= set(LOCAL)


@pytest.mark.parametrize("kind", LOCAL)
def test_one_observation_reaches_as_far_as_the_localization(kind):
    one = OBSERVATIONS.where(np.array([4]))
    method: EnsembleFilter = filter_of(kind, localization=LOCALIZATION)
    increment = method.analysis(MEMBERS, one).increment
    far = tapers(one)[:, 0] == 0
    assert far.sum() > 10
    assert not increment[:, far].any()
    assert bool(increment[:, ~far & SPACE.mask].abs().sum(0).gt(0).all())


def test_one_observation_by_the_adjustment_filter_is_the_localized_kalman_gain():
    one = OBSERVATIONS.where(np.array([4]))
    mean, b = moments(MEMBERS)
    h, y, r = linear_operator(one)
    gain = tapers(one) * (b @ h.T) / (h @ b @ h.T + r)
    found = filter_of("eakf", localization=LOCALIZATION).analysis(MEMBERS, one).state
    assert_same(found.mean(0), mean + gain @ (y - h @ mean))


def test_local_transform_filter_is_a_transform_filter_at_each_place():
    """R_g = R / rho(distance) at place g, an ETKF, and of its analysis the elements at g."""
    found = filter_of("letkf", localization=LOCALIZATION).analysis(MEMBERS, OBSERVATIONS).state
    rho, etkf = tapers(OBSERVATIONS), filter_of("etkf")
    for element in SPACE.mask.nonzero().flatten()[::5].tolist():
        near = rho[element] > 0
        kept = OBSERVATIONS.where(near.numpy())
        network = etkf.network(kept, MEMBERS)
        local = dataclasses.replace(network, error=network.error / rho[element, near].sqrt())
        wanted = etkf.assimilate(MEMBERS, torch.as_tensor(kept.value), local)
        difference = (found - wanted)[:, element] / SCALE[element]
        assert float(difference.abs().max()) < 1e-10


@pytest.mark.parametrize("inflation", [None, {"kind": "rtps", "alpha": 0.5}])
@pytest.mark.parametrize("kind", LOCAL)
def test_localized_optimal_interpolation_is_the_mean_of_the_whole_filter(kind, inflation):
    """Without its anomalies, where a kind leaves them out; the filter handed over keeps them for others."""
    options = {"localization": LOCALIZATION} | ({"inflation": inflation} if inflation else {})
    whole = filter_of(kind, **options)
    about = MEMBERS - MEMBERS.mean(0) + X_B
    found = EnsembleOptimalInterpolation(whole, MEMBERS).analysis(X_B, OBSERVATIONS)
    wanted = whole.analysis(about, OBSERVATIONS)
    assert_same(found.state, wanted.state.mean(0))
    assert float((found.increment / SCALE).abs().max()) > 0.1
    anomalies = (wanted.state - wanted.state.mean(0)) / SCALE
    assert float((anomalies - (about - X_B) / SCALE).abs().max()) > 0.1


WAYS = [(library, reach) for library in ("numpy", "torch") for reach in ("dense", "gathered")]
"""In which the adjustment filter updates its columns; by its own choice one of them for a given state and device."""


def go(way: tuple[str, str], monkeypatch) -> None:
    library, reach = way
    monkeypatch.setattr(eakf, "_in_numpy", lambda *given: library == "numpy")
    monkeypatch.setattr(eakf, "_DENSE", 1_000_000 if reach == "dense" else 0)


@pytest.fixture(params=[("letkf", None)] + [("eakf", way) for way in WAYS], ids=str)
def kind_in_a_way(request, monkeypatch) -> str:
    kind, way = request.param
    if way:
        go(way, monkeypatch)
    return kind


@pytest.mark.parametrize("way", WAYS[1:])
def test_all_ways_of_the_adjustment_filter_agree(way, monkeypatch):
    whole = filter_of("eakf", localization=LOCALIZATION)
    wanted = whole.analysis(MEMBERS, OBSERVATIONS).state
    go(way, monkeypatch)
    found = filter_of("eakf", localization=LOCALIZATION).analysis(MEMBERS, OBSERVATIONS).state
    assert_same(found, wanted)


@pytest.mark.parametrize("kind", LOCAL)
def test_wide_localization_tends_to_none(kind):
    wide = {"kind": "gaspari_cohn", "half_width": 1e8}
    found, wanted = (filter_of(kind, localization=lo) for lo in (wide, {"kind": "cutoff"}))
    assert_same(found.analysis(MEMBERS, OBSERVATIONS).state, wanted.analysis(MEMBERS, OBSERVATIONS).state, 1e-4)


def test_nothing_between_components_is_each_by_its_own_observations(kind_in_a_way):
    kind = kind_in_a_way
    found = filter_of(kind, localization=LOCALIZATION | {"between": 0.0}).analysis(MEMBERS, OBSERVATIONS).increment
    alone = [
        filter_of(kind, localization=LOCALIZATION, components=[name]).analysis(MEMBERS, OBSERVATIONS).increment
        for name in SPACE.names
    ]
    assert_same(found, sum(alone))
    strong = filter_of(kind, localization=LOCALIZATION).analysis(MEMBERS, OBSERVATIONS).increment
    assert float(((found - strong) / SCALE).abs().max()) > 0.1


@pytest.mark.parametrize("way", WAYS)
def test_of_one_observation_the_other_component_takes_the_factor_s_share(way, monkeypatch):
    go(way, monkeypatch)
    one = OBSERVATIONS.where(np.array([4]))
    whole, half = (
        filter_of("eakf", localization=LOCALIZATION | {"between": c}).analysis(MEMBERS, one).increment for c in (1, 0.5)
    )
    component = next(c for c in SPACE.components if one.variable[0] in c.variables)
    own = torch.zeros(SPACE.size, dtype=torch.bool)
    for name in component.variables:
        own[SPACE.index(name)] = True
    assert_same(half, torch.where(own, whole, 0.5 * whole))
    assert bool(whole[:, ~own].any())


def test_one_way_coupling_lets_observations_of_one_component_correct_the_other_alone(kind_in_a_way):
    kind = kind_in_a_way
    for own, other in (SPACE.names, SPACE.names[::-1]):
        observed = OBSERVATIONS.where(np.isin(OBSERVATIONS.variable, list(SPACE[own].variables)))
        strong, into_other, into_own = (
            filter_of(kind, localization=LOCALIZATION | {"between": c}).analysis(MEMBERS, observed).increment
            for c in (1.0, {own: 0.0}, {other: 0.0})
        )
        assert_same(into_other, strong)
        assert bool(strong[:, SPACE.slice_of(other)].any())
        assert not bool(into_own[:, SPACE.slice_of(other)].any())
        strong[:, SPACE.slice_of(other)] = 0.0
        assert_same(into_own, strong)


def test_a_component_that_is_none_is_named():
    with pytest.raises(PipelineError, match="between 'ice' is no component; choose from"):
        filter_of("letkf", localization=LOCALIZATION | {"between": {"ice": 0.0}})


class Ranks:
    """A communicator whose sums keep what one rank gives."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return self.size

    def Allreduce(self, own: np.ndarray, total: np.ndarray) -> None:
        total[...] = own


@pytest.mark.parametrize("size", [40, 200])
def test_a_rank_without_places_changes_nothing(size):
    """More ranks than the 25 places: the last have none, and all add up to the whole increment."""
    whole = filter_of("letkf", localization=LOCALIZATION).analysis(MEMBERS, OBSERVATIONS).increment
    parts = [
        filter_of("letkf", localization=LOCALIZATION).parallel(Ranks(k, size)).analysis(MEMBERS, OBSERVATIONS).increment
        for k in range(size)
    ]
    assert not parts[30].any()
    assert_same(sum(parts), whole, 1e-12)


@pytest.mark.parametrize("inflation", [None, {"kind": "multiplicative", "factor": 1.5}])
def test_where_no_observation_reaches_members_stay_and_inflation_does_not(inflation):
    one = OBSERVATIONS.where(np.array([4]))
    options = {"localization": LOCALIZATION} | ({"inflation": inflation} if inflation else {})
    method = filter_of("letkf", **options)
    near = (tapers(one)[:, 0] > 0) & SPACE.mask
    reached = torch.cat([elements.flatten() for elements, _ in method.network(one, MEMBERS).local])
    assert torch.equal(reached[reached >= 0].sort().values, near.nonzero().flatten())
    found = method.analysis(MEMBERS, one).state
    if inflation is None:
        assert torch.equal(found[:, ~near], MEMBERS[:, ~near])
    else:
        mean = MEMBERS.mean(0)
        assert_same(
            torch.where(near | ~SPACE.mask, mean, found),
            torch.where(near | ~SPACE.mask, mean, mean + 1.5 * (MEMBERS - mean)),
        )


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize("mean_alone", [False, True])
def test_parts_of_blocks_are_the_same_analysis(lead, mean_alone, monkeypatch):
    members, value = ensemble(lead=lead), torch.as_tensor(OBSERVATIONS.value)
    method = filter_of("letkf", localization=LOCALIZATION)
    method.mean_alone = mean_alone
    network = method.network(OBSERVATIONS, members)
    whole = method.assimilate(members, value, network)
    for block in (1, 10_000):
        monkeypatch.setattr(letkf, "_BLOCK", block)
        assert_same(method.assimilate(members, value, network), whole, 1e-12)


@pytest.mark.parametrize("lead", [(), (4,)])
def test_memory_does_not_grow_with_the_places(lead, monkeypatch):
    """8,100 places and one observation: I + S S^T, one of five such, takes a fifth of what a block may at most."""
    bounds = np.linspace(-90, 90, 91)
    grid = Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(90) * 4.0, bounds)
    space = Space((Component("ocean", grid, ("sst",)),))
    one = Observations([0], ["sst"], [1.0], [1.0], [0.0], [1.0], [False])
    members = torch.randn(*lead, 30, space.size, generator=torch.Generator().manual_seed(0))
    held = []
    monkeypatch.setattr(
        letkf, "symmetric_weights", lambda s, d: held.append(gram(s).numel()) or symmetric_weights(s, d)
    )
    method = LETKF(Interpolation, space, localization=registry.build("localization", "cutoff"))
    method.assimilate(members, torch.zeros(1), method.network(one, members))
    assert sum(held) == members[..., 0, 0].numel() * space.size * 30**2
    assert max(held) <= letkf._BLOCK / 5


def test_ranks_share_the_places():
    """Three ranks' increments do not overlap and add up to those of one."""
    whole = filter_of("letkf", localization=LOCALIZATION).analysis(MEMBERS, OBSERVATIONS).increment
    parts = [
        filter_of("letkf", localization=LOCALIZATION).parallel(Ranks(k, 3)).analysis(MEMBERS, OBSERVATIONS).increment
        for k in range(3)
    ]
    assert torch.equal(sum(parts), whole)
    assert int(sum((part.abs().sum(0) > 0).int() for part in parts).max()) == 1


@pytest.mark.parametrize("kind", LOCAL)
def test_latent_variables_belong_to_no_component(kind):
    everywhere = {"kind": "cutoff"}
    samples = fit(MEMBERS)
    for between, message in ((0.0, "belong to no component"), ({"ice": 0.0}, "'ice' is no component")):
        with pytest.raises(PipelineError, match=message):
            filter_of(kind, localization=everywhere | {"between": between}, transform=Linear(samples))
    filter_of(kind, localization=everywhere | {"between": {SPACE.names[0]: 1.0}}, transform=Linear(samples))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_stays_empty(kind):
    options = {"localization": LOCALIZATION} if kind in LOCAL else {}
    nothing = MEMBERS.expand(0, *MEMBERS.shape)
    assert filter_of(kind, **options).analysis(nothing, OBSERVATIONS).state.shape == nothing.shape
