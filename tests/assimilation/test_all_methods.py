"""What holds for every registered method, and the compositions: optimal interpolation, MSHea."""

import dataclasses

import numpy as np
import pytest
import torch
from filters import KINDS as FILTERS
from filters import OBSERVATIONS, SCALE, SPACE, TRUTH, X_B, assert_same, ensemble, filter_of, kalman, moments
from observers import NOMINAL, Passes, Units, at_cells
from stand_ins import Rotation, coupled_covariance, with_values

from pipeline import registry
from pipeline.assimilation import build
from pipeline.assimilation._trajectory import Trajectory
from pipeline.assimilation.letkf import LETKF
from pipeline.covariances.diagonal import Diagonal
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation

STATES = ensemble(400, seed=8)
CONTEXT = {"space": SPACE, "operator": Interpolation, "normalization": Units(), "nominal": NOMINAL}

MODEL = Rotation()

VARIATIONAL = {"transform": {"kind": "identity"}, "minimizer": "gauss_newton", "tolerance": 1e-12, "iterations": 500}
OPTIMAL = {"kind": "ensemble_optimal_interpolation", "filter": {"kind": "etkf"}, "states": STATES}
CONFIGURATIONS = {
    "three_d_var": VARIATIONAL | {"covariance": coupled_covariance(SPACE)},
    "four_d_var": VARIATIONAL | {"covariance": coupled_covariance(SPACE), "model": MODEL},
    "ensemble_optimal_interpolation": {k: v for k, v in OPTIMAL.items() if k != "kind"},
    "mshea": {"scales": {"one": OPTIMAL, "other": OPTIMAL | {"states": STATES[:200]}}},
    "hloba": {
        "transform": {"kind": "identity"},
        "covariance": Diagonal(SCALE),
        "observers": {"kind": "latent_observer", "network": Passes(), "covariance": Diagonal(0.4 * SCALE)},
    },
}


def predict(observations: Observations) -> Trajectory:
    """H, along the forecast where observations are later than the background."""
    return Trajectory(MODEL, Interpolation, SPACE, observations)


def along_the_forecast() -> Observations:
    """The observations at one of four times each, with values of the truth by then and their noise."""
    late = dataclasses.replace(OBSERVATIONS, time=MODEL.seconds * np.sort(np.arange(len(OBSERVATIONS)) % 4))
    noise = OBSERVATIONS.value - Interpolation(SPACE, OBSERVATIONS)(TRUTH).numpy()
    return with_values(late, predict(late)(TRUTH).numpy() + noise)


SEEN = {"hloba": at_cells(TRUTH), "four_d_var": along_the_forecast()}
"""Observations of its own, for a kind that sees whole cells, or a window."""
SUBOPTIMAL = {"hloba": 0.7, "mshea": 1.1}
"""Kinds that do not know all of B, and what their error may be at most, over the background's or the optimal one."""


@pytest.fixture(params=registry.kinds("assimilation"))
def method(request):
    """Every method, a background for it, and observations."""
    observations = SEEN.get(request.param, OBSERVATIONS)
    if request.param in FILTERS:
        return filter_of(request.param), ensemble(), observations
    assert request.param in CONFIGURATIONS, f"add a configuration of assimilation/{request.param} to the tests"
    return build({"kind": request.param, **CONFIGURATIONS[request.param]}, **CONTEXT), X_B, observations


def mean(state: torch.Tensor) -> torch.Tensor:
    return state.mean(0) if state.ndim == 2 else state


def test_order_of_observations_does_not_matter(method):
    method, background, observations = method
    shuffled = observations.where(np.random.default_rng(3).permutation(len(observations)))
    found = [mean(method.analysis(background, o).state) for o in (observations, shuffled)]
    assert_same(found[1], found[0], 1e-9)


def test_analysis_is_nearer_to_the_truth_and_to_the_observations(method):
    method, background, observations = method
    found = method.analysis(background, observations)
    before, after = (((mean(x) - TRUTH) / SCALE).norm() for x in (background, found.state))
    assert after < before
    for statistics in found.statistics.values():
        assert statistics["residual_rms"] < statistics["innovation_rms"]


def test_observations_that_agree_with_the_background_leave_its_mean(method):
    method, background, observations = method
    seen = predict(observations)(mean(background)).numpy()
    assert_same(mean(method.analysis(background, with_values(observations, seen)).state), mean(background), 1e-9)


def test_without_observations_nothing_changes(method):
    method, background, _ = method
    found = method.analysis(background, Observations.empty())
    assert torch.equal(found.state, background)
    assert found.statistics == {}
    assert not found.increment.any()


def test_single_precision_in_between_costs_no_digits(method):
    method, background, observations = method
    before = method.analysis(background, observations).state
    single = method.analysis(background.float(), observations).state
    assert single.dtype == torch.float32
    assert_same(mean(single).double(), mean(before), 0.02)
    assert torch.equal(method.analysis(background, observations).state, before)


def test_land_stays_as_it_is(method):
    method, background, observations = method
    assert not method.analysis(background, observations).increment[..., ~SPACE.mask].any()


def test_increment_is_linear_in_the_innovation(method):
    """Twice the departure from the mean is twice the increment of the mean; no Monte Carlo noise is left in it."""
    method, background, observations = method
    seen = predict(observations)(mean(background)).numpy()
    twice = with_values(observations, seen + 2 * (observations.value - seen))
    one, two = (mean(method.analysis(background, o).increment) for o in (observations, twice))
    assert_same(two, 2 * one, 1e-8)


def posterior(b: torch.Tensor, g: Trajectory) -> torch.Tensor:
    """B - B G^T (G B G^T + R)^-1 G B of an affine G, (n, n)."""
    rows = (g(X_B + torch.eye(SPACE.size).double()) - g(X_B)).T
    r = torch.as_tensor(g.observations.error**2).diag()
    return b - b @ rows.T @ torch.linalg.solve(rows @ b @ rows.T + r, rows @ b)


@pytest.mark.parametrize("kind", [kind for kind in registry.kinds("assimilation") if kind not in FILTERS])
def test_unbiased_and_as_wrong_as_theory_says(kind):
    """100 truths about one background: errors average to 0; their size is the Kalman filter's where B is known.

    For ensemble filters see `test_ensemble_filters`, where members are drawn as well.
    """
    cases, generator, covariance = 100, torch.Generator().manual_seed(11), coupled_covariance(SPACE)
    # Sampling errors are far above what a minimisation leaves at 1e-4.
    rough = {"tolerance": 1e-4} if "minimizer" in CONFIGURATIONS[kind] else {}
    method = build({"kind": kind, **CONFIGURATIONS[kind], **rough}, **CONTEXT)
    observations, rng, errors = SEEN.get(kind, OBSERVATIONS), np.random.default_rng(5), []
    operator = predict(observations)
    departures = covariance.sample(torch.zeros(cases, SPACE.size).double(), generator)
    for truth in X_B + torch.where(SPACE.mask, departures, 0.0):
        value = operator(truth).numpy() + observations.error * rng.standard_normal(len(observations))
        errors.append((method.analysis(X_B, with_values(observations, value)).state - truth) / SCALE)
    error = torch.stack(errors)[:, SPACE.mask]
    # Of 53 means of 100 errors one exceeds 4.5 standard errors once in 3000 draws.
    assert bool((error.mean(0).abs() < 4.5 * error.std(0) / cases**0.5).all())
    before = (departures / SCALE)[:, SPACE.mask].square().mean().sqrt()
    b = covariance.sqrt(torch.eye(covariance.control(X_B).shape[-1]).double())
    a = posterior(b.T @ b, operator)
    least = (a.diagonal() / SCALE**2)[SPACE.mask].mean().sqrt()
    size = error.square().mean().sqrt()
    assert size < (SUBOPTIMAL["hloba"] * before if kind == "hloba" else SUBOPTIMAL.get(kind, 1.06) * least)
    assert kind == "hloba" or size > 0.94 * least


@pytest.mark.parametrize("kind", FILTERS)
def test_optimal_interpolation_is_the_kalman_gain_of_its_states_with_any_filter(kind):
    wanted = kalman(X_B, 0.5 * moments(STATES)[1])[0]
    inner = filter_of(kind)
    found = build(OPTIMAL | {"filter": inner, "scale": 0.5}, **CONTEXT).analysis(X_B, OBSERVATIONS)
    assert_same(found.state, wanted)
    assert_same(found.increment, wanted - X_B)


@pytest.mark.parametrize("reference", ["forecast", "mean"])
def test_what_states_hold_on_land_is_not_read(reference):
    torn = torch.where(SPACE.mask, STATES, torch.nan)
    x_b = torch.where(SPACE.mask, X_B, 3.0)
    found, wanted = (
        build(OPTIMAL | {"reference": reference, "states": states}, **CONTEXT).analysis(x_b, OBSERVATIONS)
        for states in (torn, STATES)
    )
    assert torch.equal(found.state, wanted.state)
    assert bool(found.state.isfinite().all())
    assert not found.increment[~SPACE.mask].any()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda states: states[:, :-1], r"states of 55 elements, the space has 56 \(atmosphere 24, ocean 32\)"),
        (lambda states: states[:, :1], "states of 1 elements, the space has 56"),
        (
            lambda states: states.index_put(
                (torch.tensor([7, 7, 9]), torch.tensor([0, 5, 0])), torch.tensor(torch.inf).double()
            ),
            "states: 3 unmasked elements are not finite, in 2 of 400 members, the first is number 8",
        ),
    ],
)
def test_states_of_another_space_or_not_finite_are_refused(spoil, message):
    states = spoil(STATES)
    with pytest.raises(PipelineError, match=message):
        build(OPTIMAL | {"states": states}, **CONTEXT)
    with pytest.raises(PipelineError, match=message):
        build({k: v for k, v in OPTIMAL.items() if k != "states"}, **CONTEXT).analysis(X_B, OBSERVATIONS, states)


def test_more_states_than_elements_are_carried_by_their_rank():
    many = ensemble(150, seed=9)
    method = build(OPTIMAL | {"states": many}, **CONTEXT)
    assert len(method.fixed[1]) == SPACE.size + 1
    assert_same(method.analysis(X_B, OBSERVATIONS).state, kalman(X_B, moments(many)[1])[0])


def test_the_ensemble_of_the_day_takes_the_fixed_ones_place():
    day = ensemble(9, seed=21)
    found = build(OPTIMAL, **CONTEXT).analysis(X_B, OBSERVATIONS, ensemble=day)
    assert_same(found.state, kalman(X_B, moments(day)[1])[0])


def test_interpolation_proper_corrects_the_mean_of_the_states():
    found = build(OPTIMAL | {"reference": "mean"}, **CONTEXT)
    network = found.network(OBSERVATIONS, X_B)
    state = found.assimilate(X_B[None], torch.as_tensor(OBSERVATIONS.value), network)[0]
    wanted = kalman(*moments(STATES))[0]
    assert_same(state, wanted)
    analysis = found.analysis(X_B, OBSERVATIONS)
    assert_same(analysis.state, wanted)
    assert_same(analysis.increment, wanted - X_B)
    nothing = OBSERVATIONS.where(np.zeros(len(OBSERVATIONS), dtype=bool))
    assert_same(found.analysis(X_B, nothing).state, moments(STATES)[0])


def test_multiscale_increments_are_the_weighted_sum():
    scales = {"long": OPTIMAL, "short": OPTIMAL | {"states": STATES[:200]}}
    weights = {"long": 0.7, "short": 0.2}
    found = build({"kind": "mshea", "scales": scales, "weights": weights}, **CONTEXT)
    parts = {k: kalman(X_B, moments(s)[1])[0] - X_B for k, s in (("long", STATES), ("short", STATES[:200]))}
    wanted = X_B + 0.7 * parts["long"] + 0.2 * parts["short"]
    analysis = found.analysis(X_B, OBSERVATIONS)
    assert_same(analysis.state, wanted)
    operator = Interpolation(SPACE, OBSERVATIONS)
    residual = torch.as_tensor(OBSERVATIONS.value) - operator(analysis.state)
    torch.testing.assert_close(analysis.residual, residual, rtol=1e-9, atol=1e-7)
    batch = found.assimilate(
        X_B.expand(2, 1, -1), torch.as_tensor(OBSERVATIONS.value).expand(2, -1), found.network(OBSERVATIONS, X_B)
    )
    assert_same(batch[1, 0], wanted)


def test_weak_coupling_in_parts_by_the_ensemble_of_the_day():
    """A part per component, none with states of its own: each is the analysis of its component alone."""
    day = ensemble(seed=5)
    parts = {
        name: {"kind": "ensemble_optimal_interpolation", "filter": {"kind": "etkf", "components": [name]}}
        for name in SPACE.names
    }
    both = build({"kind": "mshea", "scales": parts, "weights": dict.fromkeys(parts, 1.0)}, **CONTEXT)
    alone = [build(part, **CONTEXT).analysis(X_B, OBSERVATIONS, ensemble=day).increment for part in parts.values()]
    assert_same(both.analysis(X_B, OBSERVATIONS, ensemble=day).increment, sum(alone))
    sea = OBSERVATIONS.where(OBSERVATIONS.variable == "sst")
    assert_same(
        both.analysis(X_B, sea, ensemble=day).increment,
        build(parts["ocean"], **CONTEXT).analysis(X_B, sea, ensemble=day).increment,
    )
    with pytest.raises(PipelineError, match="each scale has its own states"):
        build({"kind": "mshea", "scales": {"one": OPTIMAL}}, **CONTEXT).analysis(X_B, OBSERVATIONS, ensemble=day)


def test_weak_parts_report_all_that_was_observed():
    """Of three parts the ocean's has anomalies of its own; the third sees the air again and adds no observation."""
    air, sea = ({"kind": "etkf", "components": [name]} for name in SPACE.names)
    parts = {"air": OPTIMAL | {"filter": air}, "sea": OPTIMAL | {"filter": sea, "states": STATES[:200]}}
    parts["slow"] = parts["air"] | {"states": STATES[200:]}
    weights = {"air": 0.7, "sea": 0.9, "slow": 0.3}
    method = build({"kind": "mshea", "scales": parts, "weights": weights}, **CONTEXT)
    found = method.analysis(X_B, OBSERVATIONS)
    alone = {name: build(part, **CONTEXT).analysis(X_B, OBSERVATIONS).increment for name, part in parts.items()}
    assert_same(found.increment, sum(weights[name] * dx for name, dx in alone.items()))

    operator = Interpolation(SPACE, OBSERVATIONS)
    assert set(found.statistics) == set(operator.observations.variable) == {"ps", "ta", "sst"}
    for name, statistics in found.statistics.items():
        rows = operator.observations.variable == name
        value, error = (torch.as_tensor(getattr(operator.observations, k))[rows] for k in ("value", "error"))
        assert statistics["count"] == rows.sum()
        d, r = value - operator(X_B)[rows], value - operator(found.state)[rows]
        assert statistics["innovation_rms"] == pytest.approx(float(d.square().mean().sqrt()), rel=1e-9)
        assert statistics["residual_rms"] == pytest.approx(float(r.square().mean().sqrt()), rel=1e-9)
        assert statistics["normalized_innovation"] == pytest.approx(float((d / error).square().mean()), rel=1e-9)


def test_weak_parts_cycle_on_their_own_observations():
    """A batch of two backgrounds with values of their own: each is its analysis by parts."""
    parts = {name: OPTIMAL | {"filter": {"kind": "etkf", "components": [name]}} for name in SPACE.names}
    method = build({"kind": "mshea", "scales": parts, "weights": dict.fromkeys(parts, 1.0)}, **CONTEXT)
    values = [OBSERVATIONS.value, OBSERVATIONS.value + 0.1 * np.arange(len(OBSERVATIONS))]
    network = method.network(OBSERVATIONS, X_B)
    batch = method.assimilate(X_B.expand(2, 1, -1), torch.tensor(np.stack(values)), network)
    for k, value in enumerate(values):
        assert_same(batch[k, 0], method.analysis(X_B, dataclasses.replace(OBSERVATIONS, value=value)).state)


def test_the_ensemble_of_the_day_serves_scales_without_states_alone():
    day, fixed, free = ensemble(9, seed=21), OPTIMAL, {k: v for k, v in OPTIMAL.items() if k != "states"}
    method = build({"kind": "mshea", "scales": {"fixed": fixed, "day": free}}, **CONTEXT)
    found = method.analysis(X_B, OBSERVATIONS, ensemble=day)
    parts = [kalman(X_B, moments(states)[1])[0] - X_B for states in (STATES, day)]
    assert_same(found.increment, 0.5 * (parts[0] + parts[1]))
    assert torch.equal(found.latent_increment, found.increment)


def test_each_scale_cycles_with_its_own_localization():
    filters = ({"kind": "letkf", "localization": {"kind": "gaspari_cohn", "half_width": w}} for w in (800.0, 4000.0))
    scales = {name: OPTIMAL | {"filter": f, "states": STATES[:9]} for name, f in zip("ab", filters, strict=True)}
    method = build({"kind": "mshea", "scales": scales, "weights": {"a": 0.7, "b": 0.2}}, **CONTEXT)
    value = torch.as_tensor(OBSERVATIONS.value).expand(2, -1)
    batch = method.assimilate(X_B.expand(2, 1, -1), value, method.network(OBSERVATIONS, X_B))
    found = method.analysis(X_B, OBSERVATIONS)
    assert_same(batch[1, 0], found.state)
    alone = [build(scale, **CONTEXT).analysis(X_B, OBSERVATIONS).increment for scale in scales.values()]
    assert_same(found.increment, 0.7 * alone[0] + 0.2 * alone[1])


def test_the_neighbours_of_each_scale_are_found_once(monkeypatch):
    found, localize = [], LETKF.localize
    monkeypatch.setattr(LETKF, "localize", lambda self, *given: found.append(self) or localize(self, *given))
    inner = {"kind": "letkf", "localization": {"kind": "gaspari_cohn", "half_width": 800.0}}
    scales = {name: OPTIMAL | {"filter": inner, "states": STATES[:9]} for name in "ab"}
    build({"kind": "mshea", "scales": scales}, **CONTEXT).analysis(X_B, OBSERVATIONS)
    assert len(found) == 2


def test_weights_are_shared_equally_where_none_are_given():
    scales = {"one": OPTIMAL, "other": OPTIMAL | {"states": STATES[:200]}}
    found, given = (
        build({"kind": "mshea", "scales": scales} | weights, **CONTEXT).analysis(X_B, OBSERVATIONS).increment
        for weights in ({}, {"weights": {"one": 0.5, "other": 0.5}})
    )
    assert torch.equal(found, given)


def test_parts_without_observations_leave_the_background():
    parts = {n: OPTIMAL | {"filter": {"kind": "etkf", "components": [n]}} for n in SPACE.names}
    method = build({"kind": "mshea", "scales": parts}, **CONTEXT)
    assert torch.equal(method.analysis(X_B, Observations.empty()).state, X_B)
    sea = OBSERVATIONS.where(OBSERVATIONS.variable == "sst")
    found = method.analysis(X_B, sea)
    assert set(found.statistics) == {"sst"}
    where = SPACE.slice_of("atmosphere")
    assert torch.equal(found.state[where], X_B[where])


def test_multiscale_increments_can_be_capped():
    free = build({"kind": "mshea", "scales": {"one": OPTIMAL}}, **CONTEXT).analysis(X_B, OBSERVATIONS).increment
    cap = 0.5 * float(free[SPACE.index("sst")].abs().max())
    capped = build({"kind": "mshea", "scales": {"one": OPTIMAL}, "caps": {"sst": cap}}, **CONTEXT)
    found = capped.analysis(X_B, OBSERVATIONS).increment
    wanted = free.clone()
    wanted[SPACE.index("sst")] = wanted[SPACE.index("sst")].clamp(-cap, cap)
    assert_same(found, wanted)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (OPTIMAL | {"scale": 0.0}, "scale 0.0 must be positive"),
        (OPTIMAL | {"reference": "truth"}, "choose one of forecast, mean"),
        (OPTIMAL | {"states": STATES[0]}, r"states \(K, n\), K >= 2"),
        (OPTIMAL | {"states": "nowhere.nc"}, "nowhere.nc: no such file"),
        (OPTIMAL | {"filter": {"kind": "etfk"}}, "did you mean 'etkf'"),
        ({"kind": "mshea", "scales": {}}, "scales is empty"),
        ({"kind": "mshea", "scales": {"one": OPTIMAL}, "weights": {"two": 1.0}}, "weights of two for scales one"),
        ({"kind": "mshea", "scales": {"one": OPTIMAL}, "caps": {"snow": 1.0}}, "caps of 'snow'"),
        ({"kind": "mshea", "scales": {"one": OPTIMAL}, "caps": {"sst": -1.0}}, "cap -1.0 of sst must be positive"),
        ({"kind": "mshea", "scales": {"one": OPTIMAL}, "caps": {"sst": float("nan")}}, "cap nan of sst"),
        ({"kind": "mshea", "scales": {"one": OPTIMAL}, "weights": {"one": float("nan")}}, "weight nan of one"),
    ],
)
def test_compositions_that_cannot_be_are_refused(configuration, message):
    with pytest.raises(PipelineError, match=message):
        build(configuration, **CONTEXT)


def test_optimal_interpolation_without_states_says_so():
    method = build({k: v for k, v in OPTIMAL.items() if k != "states"}, **CONTEXT)
    with pytest.raises(PipelineError, match="no states; set `states`"):
        method.analysis(X_B, OBSERVATIONS)


def test_an_analysis_is_a_dataclass_of_the_backgrounds_shape():
    found = build(OPTIMAL, **CONTEXT).analysis(X_B.expand(2, 3, -1), OBSERVATIONS)
    assert found.state.shape == (2, 3, SPACE.size)
    assert found.iterations.shape == (2, 3)
    assert {f.name for f in dataclasses.fields(found)} >= {"state", "increment", "innovation"}
