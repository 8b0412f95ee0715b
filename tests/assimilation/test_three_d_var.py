"""3D-Var against the Kalman analysis, in model space and in latent space; couplings, options, refusals."""

import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr
from stand_ins import background, coupled_covariance, kalman, observe, per_element, small_space, with_values

from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.diagonal import Diagonal
from pipeline.covariances.ensemble import Ensemble
from pipeline.covariances.hybrid import Hybrid
from pipeline.covariances.identity import Identity as UnitCovariance
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Space
from pipeline.transforms.identity import Identity
from pipeline.transforms.linear import Linear, fit

SPACE = small_space()
TRUTH, X_B = background(SPACE, seed=1), background(SPACE, seed=2)
OBSERVATIONS = observe(SPACE, TRUTH)
SCALE = per_element(SPACE, {"ps": 300.0, "ta": 2.0, "sst": 1.0, "ssh": 0.1})


def method(transform=None, covariance=None, **options) -> ThreeDVar:
    options = {"minimizer": "gauss_newton", "iterations": 500, "tolerance": 1e-12, **options}
    return ThreeDVar(
        transform if transform is not None else Identity(),
        covariance if covariance is not None else coupled_covariance(SPACE),
        Interpolation,
        SPACE,
        **options,
    )


def dense(covariance) -> torch.Tensor:
    return covariance(torch.eye(SPACE.size).double())


def assert_same(found: torch.Tensor, wanted: torch.Tensor, tolerance: float = 1e-10) -> None:
    """Equal in units of each variable's standard deviation."""
    assert float(((found - wanted) / SCALE).abs().max()) < tolerance


def whitening(rank: int | None = None) -> Linear:
    return Linear(fit(background(SPACE, (200,), seed=3), rank, SPACE.mask / SCALE**2))


# L-BFGS ends where rounding hides the decrease of J, at the root of the machine's precision; Adam where its steps end.
TOLERANCES = {"gauss_newton": 1e-10, "lbfgs": 1e-5, "adam": 1e-2}
MINIMIZERS = {"adam": {"iterations": 3000, "learning_rate": 0.05, "stop": 200, "patience": 20}}


@pytest.mark.parametrize("minimizer", TOLERANCES)
def test_model_space_is_the_kalman_analysis(minimizer):
    covariance = coupled_covariance(SPACE)
    found = method(covariance=covariance, minimizer=minimizer, **MINIMIZERS.get(minimizer, {}))
    wanted = kalman(X_B, dense(covariance), OBSERVATIONS, SPACE)
    assert_same(found.analysis(X_B, OBSERVATIONS).state, wanted, TOLERANCES[minimizer])


def test_both_controls_come_to_the_same_analysis():
    transform, covariance = whitening(), Diagonal(torch.linspace(0.5, 2.0, 50).double())
    found = [
        method(transform, covariance, control=control, minimizer="lbfgs").analysis(X_B, OBSERVATIONS).state
        for control in ("preconditioned", "direct")
    ]
    assert_same(found[1], found[0], 1e-6)


def test_increments_themselves_are_no_control_of_a_covariance_without_inverse():
    """To its pseudo-inverse an increment outside the members' span costs nothing: the background would be forgotten."""
    transform, static = whitening(), Diagonal(torch.linspace(0.5, 2.0, 50).double())
    members = Ensemble(xr.Dataset({"z": (("member", "latent"), transform.encode(background(SPACE, (5,))).numpy())}))
    for covariance in (members, Hybrid(1.0, static, members)):
        with pytest.raises(PipelineError, match="set control: preconditioned"):
            method(transform, covariance, control="direct", minimizer="lbfgs").analysis(X_B, OBSERVATIONS)
    found = [
        method(transform, Hybrid(0.5, static, members), control=control, minimizer="lbfgs").analysis(X_B, OBSERVATIONS)
        for control in ("preconditioned", "direct")
    ]
    assert_same(found[1].state, found[0].state, 1e-5)


@pytest.mark.parametrize("update", ["increment", "replace"])
def test_latent_with_a_whitening_is_the_kalman_analysis(update):
    transform = whitening()
    b = transform.decoder.T @ transform.decoder  # D B D^T with B = I
    x_b = transform(X_B)  # in the span of the modes, where both updates agree
    found = method(transform, UnitCovariance(), update=update).analysis(x_b, OBSERVATIONS)
    assert_same(found.state, kalman(x_b, b, OBSERVATIONS, SPACE))


def test_latent_equals_model_space_with_the_covariance_it_implies():
    """D(z) = L z with the square root of a model-space B, and B = I: the same analysis from two different codes."""
    transform, covariance = whitening(), coupled_covariance(SPACE)
    root = covariance.sqrt(torch.eye(SPACE.size + 8).double())
    symmetric = torch.linalg.cholesky(root.T @ root).T
    transform.mean, transform.decoder, transform.encoder = torch.zeros(SPACE.size).double(), symmetric, symmetric
    transform.encoder = torch.linalg.inv(symmetric).T
    latent = method(transform, UnitCovariance()).analysis(X_B, OBSERVATIONS)
    assert_same(latent.state, method(covariance=covariance).analysis(X_B, OBSERVATIONS).state)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_hybrid_ends_and_middle(alpha):
    members, static = background(SPACE, (9,), seed=5), coupled_covariance(SPACE)
    hybrid = method(covariance=Hybrid(alpha, static, Ensemble()))
    found = hybrid.analysis(X_B, OBSERVATIONS, ensemble=members)
    b = (1 - alpha) * dense(static) + alpha * torch.cov(members.T)
    assert_same(found.state, kalman(X_B, b, OBSERVATIONS, SPACE), 1e-9)


def test_analysis_is_nearer_to_observations_and_truth():
    found = method().analysis(X_B, OBSERVATIONS)
    error = ((X_B - TRUTH) / SCALE).norm(), ((found.state - TRUTH) / SCALE).norm()
    assert error[1] < error[0]
    for statistics in found.statistics.values():
        assert statistics["residual_rms"] < statistics["innovation_rms"]
    assert sum(s["count"] for s in found.statistics.values()) == len(OBSERVATIONS)


@pytest.mark.parametrize("minimizer", ["adam", "lbfgs", "gauss_newton"])
def test_order_of_observations_does_not_matter(minimizer):
    shuffled = OBSERVATIONS.where(np.random.default_rng(0).permutation(len(OBSERVATIONS)))
    options = {"minimizer": minimizer, "iterations": 60, "learning_rate": 0.1}
    found = [method(**options).analysis(X_B, o).state for o in (OBSERVATIONS, shuffled)]
    assert_same(found[1], found[0], 1e-6 if minimizer == "lbfgs" else 1e-10)


@pytest.mark.parametrize("minimizer", ["adam", "lbfgs", "gauss_newton"])
def test_a_batch_is_its_elements(minimizer):
    batch = background(SPACE, (2, 3), seed=6)
    options = {"minimizer": minimizer, "iterations": 80, "learning_rate": 0.1, "batch_size": 4}
    found = method(**options).analysis(batch, OBSERVATIONS)
    assert found.history["background"].shape[1:] == (2, 3)
    assert found.innovation.shape == (2, 3, len(OBSERVATIONS))
    for i, j in np.ndindex(2, 3):
        alone = method(**options).analysis(batch[i, j], OBSERVATIONS)
        assert_same(found.state[i, j], alone.state, 1e-6 if minimizer == "lbfgs" else 1e-10)
    assert method(**options).analysis(batch[:0], OBSERVATIONS).state.shape == (0, 3, SPACE.size)


@pytest.mark.parametrize("component", ["atmosphere", "ocean"])
def test_weak_coupling_is_the_component_by_itself(component):
    """With correlations between air and sea in B: its own block of B, its own observations, the other untouched."""
    covariance, where = coupled_covariance(SPACE), SPACE.slice_of(component)
    found = method(covariance=covariance, components=[component]).analysis(X_B, OBSERVATIONS)
    block = torch.zeros(SPACE.size, SPACE.size).double()
    block[where, where] = dense(covariance)[where, where]
    own = OBSERVATIONS.where(np.isin(OBSERVATIONS.variable, SPACE[component].variables))
    assert_same(found.state, kalman(X_B, block, own, SPACE))
    other = torch.ones(SPACE.size, dtype=torch.bool)
    other[where] = False
    assert torch.equal(found.state[other], X_B[other])
    assert set(found.statistics) <= set(SPACE[component].variables)


def test_strong_coupling_lets_the_air_be_seen_in_the_sea():
    ps = OBSERVATIONS.select(variable="ps")
    strong = method().analysis(X_B, ps).increment
    assert strong[SPACE.index("sst")].abs().max() > 0.01
    assert not strong[~SPACE.mask].any()


@pytest.mark.parametrize("update", ["increment", "replace"])
def test_without_observations_nothing_changes(update):
    transform = whitening(rank=5)
    withheld = with_values(OBSERVATIONS, OBSERVATIONS.value, np.ones(len(OBSERVATIONS), dtype=bool))
    sst = OBSERVATIONS.select(variable="sst")
    for o, components in ((Observations.empty(), None), (withheld, None), (sst, ["atmosphere"])):
        found = method(transform, UnitCovariance(), update=update, components=components).analysis(X_B, o)
        assert torch.equal(found.state, X_B)
        assert found.statistics == {}
        assert not found.increment.any()


def test_withheld_observations_are_not_seen():
    withheld = np.arange(len(OBSERVATIONS)) % 3 == 0
    part = with_values(OBSERVATIONS, OBSERVATIONS.value, withheld)
    found = method().analysis(X_B, part)
    assert_same(found.state, method().analysis(X_B, OBSERVATIONS.where(~withheld)).state)


def test_coefficient_scales_the_increment():
    full, part = (method(coefficient=c).analysis(X_B, OBSERVATIONS) for c in (1.0, 0.6))
    torch.testing.assert_close(part.increment, 0.6 * full.increment, rtol=1e-12, atol=0.0)
    assert torch.equal(part.state, X_B + part.increment)


def test_each_component_may_take_a_share_of_its_own():
    full = method().analysis(X_B, OBSERVATIONS)
    part = method(coefficient={"ocean": 0.2, "atmosphere": 1.0}).analysis(X_B, OBSERVATIONS)
    air, sea = SPACE.slice_of("atmosphere"), SPACE.slice_of("ocean")
    torch.testing.assert_close(part.increment[..., air], full.increment[..., air], rtol=1e-12, atol=0.0)
    torch.testing.assert_close(part.increment[..., sea], 0.2 * full.increment[..., sea], rtol=1e-12, atol=0.0)
    assert float(full.increment[..., sea].abs().max()) > 0.0
    assert torch.equal(part.latent_increment, full.latent_increment)


def test_increment_keeps_what_the_decoder_cannot_hold():
    """Five modes of 56: `replace` loses the background outside their span, `increment` keeps it."""
    transform = whitening(rank=5)
    kept = method(transform, UnitCovariance(), update="increment").analysis(X_B, OBSERVATIONS)
    lost = method(transform, UnitCovariance(), update="replace").analysis(X_B, OBSERVATIONS)
    outside = X_B - transform(X_B)
    remainder = [a.state - transform(a.state) for a in (kept, lost)]
    assert_same(remainder[0], outside)
    assert_same(torch.where(SPACE.mask, remainder[1], 0.0), torch.zeros_like(X_B))
    assert (outside / SCALE).abs().max() > 0.5


def test_representativeness_adds_to_the_variance():
    inflated = Observations(
        **{f.name: getattr(OBSERVATIONS, f.name) for f in dataclasses.fields(OBSERVATIONS) if f.name != "error"},
        error=np.where(OBSERVATIONS.variable == "sst", np.hypot(OBSERVATIONS.error, 0.4), OBSERVATIONS.error),
    )
    found = method(representativeness={"sst": 0.4}).analysis(X_B, OBSERVATIONS).state
    assert_same(found, method().analysis(X_B, inflated).state)


def test_single_precision_states_stay_single_and_double_can_work_in_single():
    found = method(iterations=100).analysis(X_B.float(), OBSERVATIONS)
    assert found.state.dtype == torch.float32
    exact = method().analysis(X_B, OBSERVATIONS).state
    assert_same(found.state.double(), exact, 0.02)
    mixed = method(iterations=100, dtype="float32").analysis(X_B, OBSERVATIONS)
    assert mixed.state.dtype == torch.float64
    assert_same(mixed.state, exact, 0.02)


def test_bad_input_is_refused():
    broken = with_values(OBSERVATIONS, OBSERVATIONS.value.copy())
    broken.value[3] = np.nan  # behind the back of the checks at construction
    with pytest.raises(PipelineError, match=r"missing value in 1 of 20 rows.*nan"):
        method().analysis(X_B, broken)
    with pytest.raises(PipelineError, match="2 elements of the background are not finite"):
        method().analysis(torch.where(torch.arange(SPACE.size) < 2, torch.nan, X_B), OBSERVATIONS)
    with pytest.raises(PipelineError, match="12 elements, the space 56"):
        method().analysis(X_B[:12], OBSERVATIONS)
    with pytest.raises(PipelineError, match="does not use an ensemble"):
        method(covariance=UnitCovariance()).analysis(X_B, OBSERVATIONS, ensemble=background(SPACE, (4,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"update": "add"}, "update 'add' is unknown; choose one of increment, replace"),
        ({"minimizer": "newton"}, "choose one of adam, lbfgs, gauss_newton"),
        ({"components": ["sea"]}, "unknown 'sea'; choose from atmosphere, ocean"),
        ({"iterations": 0}, "iterations 0 must be positive"),
        ({"minimizer": "gauss_newton", "control": "direct"}, "needs control: preconditioned"),
        ({"dtype": "int8"}, "choose one of float32, float64"),
        ({"coefficient": float("nan")}, r"coefficient nan is outside \(0, 1\]"),
        ({"coefficient": -1.0}, r"coefficient -1.0 is outside \(0, 1\]"),
        ({"coefficient": {"ocean": 0.2}}, "{ocean: 0.2} must name each of atmosphere, ocean"),
        ({"coefficient": {"ocean": 0.2, "air": 1.0}}, "must name each of atmosphere, ocean"),
        ({"coefficient": {"ocean": 1.2, "atmosphere": 1.0}}, r"ocean: 1.2, atmosphere: 1.0} must lie in \[0, 1\]"),
        ({"coefficient": {"ocean": float("nan"), "atmosphere": 1.0}}, r"must lie in \[0, 1\]"),
        ({"coefficient": {"ocean": 0.0, "atmosphere": 0.0}}, "not be 0 for all"),
        ({"representativeness": {"stt": 0.1}}, "representativeness of 'stt'; the state has ps, ta, sst, ssh"),
        ({"representativeness": {"sst": float("nan")}}, "sst nan must be 0 or more"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(PipelineError, match=message):
        method(**options)


def test_a_space_of_one_component_needs_no_restriction():
    sea = Space((SPACE["ocean"],))
    where = SPACE.slice_of("ocean")
    covariance = coupled_covariance(SPACE)
    root = torch.linalg.cholesky(dense(covariance)[where, where])
    transform = Linear(fit(background(SPACE, (60,))[:, where]))
    transform.mean, transform.decoder = torch.zeros(sea.size).double(), root.T
    transform.encoder = torch.linalg.inv(root)
    sst = OBSERVATIONS.select(variable="sst")
    alone = ThreeDVar(transform, UnitCovariance(), Interpolation, sea, minimizer="gauss_newton", tolerance=1e-12)
    weak = method(covariance=covariance, components=["ocean"]).analysis(X_B, OBSERVATIONS).state
    assert float(((alone.analysis(X_B[where], sst).state - weak[where]) / SCALE[where]).abs().max()) < 1e-10
