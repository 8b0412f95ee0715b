"""Every ensemble filter against the Kalman filter, and against itself: orders, parts, batches, couplings, precision."""

import dataclasses

import numpy as np
import pytest
import torch
from filters import (
    APPROXIMATE,
    EXACT,
    KINDS,
    OBSERVATIONS,
    SCALE,
    SPACE,
    STOCHASTIC,
    TRUTH,
    X_B,
    assert_same,
    assert_same_covariance,
    ensemble,
    filter_of,
    kalman,
    linear_operator,
    moments,
)
from stand_ins import background, coupled_covariance, with_values

from pipeline.assimilation._random import Random
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.transforms.linear import Linear, fit

MEMBERS = ensemble()


def analyse(kind, members=MEMBERS, observations=OBSERVATIONS, **options):
    return filter_of(kind, **options).analysis(members, observations).state


def normalized(members: torch.Tensor) -> torch.Tensor:
    """Anomalies in standard deviations."""
    return (members - members.mean(-2, keepdim=True)) / SCALE


@pytest.mark.parametrize("kind", KINDS)
def test_mean_is_the_kalman_filters_with_the_sample_covariance(kind):
    wanted, _ = kalman(*moments(MEMBERS))
    assert_same(analyse(kind).mean(0), wanted)


@pytest.mark.parametrize("kind", EXACT)
def test_covariance_is_the_kalman_filters_with_the_sample_covariance(kind):
    _, wanted = kalman(*moments(MEMBERS))
    assert_same_covariance(moments(analyse(kind))[1], wanted)


def test_covariance_of_the_deterministic_filter_is_its_own_formula():
    """Sakov and Oke (2008, equation 15): P_a = (I - K H) P_b + 1/4 K H P_b H^T K^T."""
    b = moments(MEMBERS)[1]
    h, _, r = linear_operator()
    gain = b @ h.T @ torch.linalg.inv(h @ b @ h.T + r.diag())
    wanted = b - gain @ h @ b + 0.25 * gain @ h @ b @ h.T @ gain.T
    for kind in APPROXIMATE:
        assert_same_covariance(moments(analyse(kind))[1], wanted)


def test_perturbed_observations_have_the_kalman_covariance_in_expectation():
    draws = 1000
    found = analyse("enkf", MEMBERS.expand(draws, -1, -1))
    anomalies = normalized(found)
    covariances = anomalies.mT @ anomalies / (MEMBERS.shape[0] - 1)
    wanted = kalman(*moments(MEMBERS))[1] / (SCALE[:, None] * SCALE)
    standard_error = covariances.std(0) / draws**0.5
    # 5 standard errors: of 56 x 56 numbers the largest departure exceeds that once in 500 runs; the seed is fixed
    assert bool(((covariances.mean(0) - wanted).abs() <= 5 * standard_error + 1e-12).all())


@pytest.mark.parametrize("kind", EXACT)
def test_large_ensembles_tend_to_the_exact_kalman_filter(kind):
    b = coupled_covariance(SPACE)(torch.eye(SPACE.size).double())
    b = torch.where(SPACE.mask[:, None] & SPACE.mask, b, 0.0)
    wanted = kalman(X_B, b)[0]
    errors = [float(((analyse(kind, ensemble(n)).mean(0) - wanted) / SCALE).norm()) for n in (16, 400)]
    assert errors[1] < 0.35 * errors[0]  # sqrt(16 / 400) = 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_observations_does_not_matter(kind):
    shuffled = OBSERVATIONS.where(np.random.default_rng(0).permutation(len(OBSERVATIONS)))
    one, other = analyse(kind), analyse(kind, observations=shuffled)
    assert_same(other.mean(0), one.mean(0))
    if kind in EXACT or kind in APPROXIMATE:
        assert_same_covariance(moments(other)[1], moments(one)[1])


@pytest.mark.parametrize("kind", EXACT)
def test_observations_may_come_in_parts(kind):
    """Independent errors: half of the observations after the other half is all of them at once."""
    first, second = (OBSERVATIONS.where(np.arange(len(OBSERVATIONS)) % 2 == k) for k in (0, 1))
    one, parts = analyse(kind), analyse(kind, analyse(kind, observations=first), second)
    assert_same(parts.mean(0), one.mean(0))
    assert_same_covariance(moments(parts)[1], moments(one)[1])


@pytest.mark.parametrize("kind", sorted(STOCHASTIC))
def test_perturbations_of_observations_in_turn_are_independent(kind):
    """A second report from each station at the same time: with the first one's perturbations the spread is 17 % off."""
    members, again = ensemble(3000), with_values(OBSERVATIONS, OBSERVATIONS.value + 0.1 * OBSERVATIONS.error)
    found = analyse(kind, analyse(kind, members), again)
    wanted = kalman(X_B, kalman(X_B, moments(members)[1])[1])[1]
    variance = [(covariance.diagonal() / SCALE**2)[SPACE.mask].sum() for covariance in (moments(found)[1], wanted)]
    assert float(variance[0] / variance[1]) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_repeated_observation_is_one_with_half_the_variance(kind):
    twice = Observations.concatenate([OBSERVATIONS, OBSERVATIONS])
    surer = Observations(*(getattr(OBSERVATIONS, n) for n in ("time", "variable", "lat", "lon", "value")),
                         OBSERVATIONS.error / 2**0.5, OBSERVATIONS.withheld)  # fmt: skip
    assert_same(analyse(kind, observations=twice).mean(0), analyse(kind, observations=surer).mean(0))


@pytest.mark.parametrize("kind", KINDS)
def test_unbiased_and_as_wrong_as_it_says(kind):
    """Truth and members from one distribution, 100 times: errors average to 0, and the spread is the error's size."""
    cases, count = 100, 120
    covariance, generator = coupled_covariance(SPACE), torch.Generator().manual_seed(11)
    truth = X_B + torch.where(SPACE.mask, covariance.sample(torch.zeros(cases, SPACE.size).double(), generator), 0.0)
    method = filter_of(kind)
    members = ensemble(count, (cases,), seed=12)
    few = OBSERVATIONS.where(np.arange(6))
    network = method.network(few, members)
    exact = network.operator(truth)
    value = exact + network.error * torch.randn(exact.shape, generator=generator).double()
    after = method.assimilate(members, value, network)
    before, error = (((m.mean(-2) - truth) / SCALE)[:, SPACE.mask] for m in (members, after))
    # Of 53 means of 100 errors one exceeds 4.5 standard errors once in 3000 draws.
    assert bool((error.mean(0).abs() < 4.5 * error.std(0) / cases**0.5).all())
    assert error.square().mean() < 0.9 * before.square().mean()
    spread = (normalized(after)[..., SPACE.mask].square().sum(-2) / (count - 1)).mean().sqrt()
    # 6 observations by 120 members: sampling costs a few per cent; denkf keeps more spread by design.
    assert 0.88 < float(spread / error.square().mean().sqrt()) < (1.3 if kind in APPROXIMATE else 1.08)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_elements(kind):
    batch = torch.stack([ensemble(seed=s) for s in (3, 4, 5)])
    method = filter_of(kind)
    network = method.network(OBSERVATIONS, batch)
    value = torch.as_tensor(OBSERVATIONS.value) + torch.arange(3).double().unsqueeze(-1)
    together = method.assimilate(batch, value, network, Random([7, 8, 9]))
    for k, seed in enumerate((7, 8, 9)):
        alone = method.assimilate(batch[k : k + 1], value[k : k + 1], network, Random([seed]))
        assert_same(together[k], alone[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("update", ["increment", "replace"])
def test_latent_with_an_invertible_linear_transform_is_model_space(kind, update):
    """A transform of full rank loses nothing: E and D only change the coordinates."""
    transform = Linear(fit(background(SPACE, (200,), seed=3), None, SPACE.mask / SCALE**2))
    method = filter_of(kind, transform=transform, update=update)
    method.analysis(MEMBERS.float(), OBSERVATIONS)  # leaves the transform's digits as they are
    assert_same(method.analysis(MEMBERS, OBSERVATIONS).state, analyse(kind), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_latent_with_few_modes_stays_in_their_span_or_keeps_the_rest(kind):
    transform = Linear(fit(background(SPACE, (200,), seed=3), 5, SPACE.mask / SCALE**2))
    replaced = analyse(kind, transform=transform, update="replace")
    assert_same(torch.where(SPACE.mask, transform(replaced) - replaced, 0.0), torch.zeros_like(replaced))
    kept = analyse(kind, transform=transform)
    assert_same(kept - transform(kept), MEMBERS - transform(MEMBERS), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rotation_keeps_mean_and_covariance(kind):
    plain, turned = analyse(kind), analyse(kind, rotate=True)
    if kind in EXACT or kind in APPROXIMATE:
        assert_same(turned.mean(0), plain.mean(0))
        assert_same_covariance(moments(turned)[1], moments(plain)[1])
    assert float(((turned - plain) / SCALE).abs().max()) > 0.01


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("component", ["atmosphere", "ocean"])
def test_weak_coupling_is_the_component_by_itself(kind, component):
    where = SPACE.slice_of(component)
    found = analyse(kind, components=[component])
    own = OBSERVATIONS.where(np.isin(OBSERVATIONS.variable, SPACE[component].variables))
    wanted = MEMBERS.clone()
    wanted[:, where] = analyse(kind, observations=own)[:, where]
    assert_same(found, wanted)
    other = torch.ones(SPACE.size, dtype=torch.bool)
    other[where] = False
    assert torch.equal(found[:, other], MEMBERS[:, other])


@pytest.mark.parametrize("kind", KINDS)
def test_without_observations_nothing_changes(kind):
    withheld = with_values(OBSERVATIONS, OBSERVATIONS.value, np.ones(len(OBSERVATIONS), dtype=bool))
    for observations in (Observations.empty(), withheld):
        found = filter_of(kind, inflation={"kind": "multiplicative", "factor": 1.1}).analysis(MEMBERS, observations)
        assert torch.equal(found.state, MEMBERS)
        assert found.statistics == {}
        network = filter_of(kind).network(observations, MEMBERS)
        assert torch.equal(filter_of(kind).assimilate(MEMBERS, torch.as_tensor(observations.value), network), MEMBERS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_analysis_does_not_depend_on_those_before_it(kind):
    """A run that is interrupted goes on in another process, whose filter has drawn nothing yet."""
    later = dataclasses.replace(OBSERVATIONS, time=OBSERVATIONS.time - 21600)
    method = filter_of(kind, rotate=True)
    first = method.analysis(MEMBERS, OBSERVATIONS).state
    second = method.analysis(MEMBERS, later).state
    assert torch.equal(filter_of(kind, rotate=True).analysis(MEMBERS, later).state, second)
    assert not torch.equal(second, first)


@pytest.mark.parametrize("kind", KINDS)
def test_analysis_says_what_it_did(kind):
    found = filter_of(kind).analysis(MEMBERS, OBSERVATIONS)
    assert found.innovation.shape == (len(MEMBERS), len(OBSERVATIONS))
    assert torch.equal(found.state, MEMBERS + found.increment)
    assert_same(found.latent_increment, found.increment)
    assert sum(s["count"] for s in found.statistics.values()) == len(OBSERVATIONS)
    for statistics in found.statistics.values():
        assert statistics["residual_rms"] < statistics["innovation_rms"]
    before, after = (((m.mean(0) - TRUTH) / SCALE).norm() for m in (MEMBERS, found.state))
    assert after < before
    assert not found.increment[:, ~SPACE.mask].any()


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_follows(kind):
    exact = analyse(kind).mean(0)
    single = analyse(kind, MEMBERS.float())
    assert single.dtype == torch.float32
    assert_same(single.mean(0).double(), exact, 0.02)
    mixed = analyse(kind, dtype="float32")
    assert mixed.dtype == torch.float64
    assert_same(mixed.mean(0), exact, 0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_refused(kind):
    method = filter_of(kind)
    with pytest.raises(PipelineError, match=r"an ensemble \(\.\.\., N, n\), N at least 2"):
        method.analysis(MEMBERS[0], OBSERVATIONS)
    with pytest.raises(PipelineError, match="not finite; the model failed"):
        method.analysis(MEMBERS * torch.nan, OBSERVATIONS)
    with pytest.raises(PipelineError, match="the background is the ensemble"):
        method.analysis(MEMBERS, OBSERVATIONS, ensemble=MEMBERS)
    for options, message in (
        ({"update": "add"}, "choose one of increment, replace"),
        ({"dtype": "int8"}, "choose one of float32, float64"),
        ({"components": ["sea"]}, "unknown 'sea'"),
        ({"inflation": {"kind": "rtsp", "alpha": 0.5}}, "did you mean 'rtps'"),
    ):
        with pytest.raises(PipelineError, match=message):
            filter_of(kind, **options)


def test_global_filters_refuse_a_localization():
    with pytest.raises(PipelineError, match="this filter is global; choose letkf or eakf"):
        filter_of("etkf", localization={"kind": "gaspari_cohn", "half_width": 1000.0})
    with pytest.raises(PipelineError, match="localization is missing"):
        filter_of("letkf", localization=None).analysis(MEMBERS, OBSERVATIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_members_and_values_that_cannot_be_are_refused(kind):
    method = filter_of(kind)
    network, value = method.network(OBSERVATIONS, MEMBERS), torch.as_tensor(OBSERVATIONS.value)
    for members in (MEMBERS[:1], MEMBERS[0]):
        with pytest.raises(PipelineError, match="N at least 2; got"):
            method.assimilate(members, value, network)
    missing = value.clone()
    missing[3] = torch.nan
    with pytest.raises(PipelineError, match=r"1 of \d+ observed values are not finite; leave"):
        method.assimilate(MEMBERS, missing, network)
