"""4D-Var against the Kalman smoother, against 3D-Var, and in twin experiments; its gradient, its memory."""

import dataclasses

import numpy as np
import pytest
import torch
from stand_ins import Rotation, background, coupled_covariance, observe, per_element, small_space, with_values

from pipeline.assimilation import build
from pipeline.assimilation._cost import CONTROLS, Cost, ObservationTerm
from pipeline.assimilation._trajectory import Trajectory
from pipeline.assimilation.four_d_var import FourDVar
from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.identity import Identity as UnitCovariance
from pipeline.errors import PipelineError
from pipeline.models.lorenz96 import Lorenz96
from pipeline.models.quasi_geostrophic import QuasiGeostrophic
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.observations.selection import Selection, everything
from pipeline.transforms.identity import Identity
from pipeline.transforms.linear import Linear, fit

SPACE = small_space()
SCALE = per_element(SPACE, {"ps": 300.0, "ta": 2.0, "sst": 1.0, "ssh": 0.1})
HOUR = 3600


def timed(observations: Observations, hours: np.ndarray) -> Observations:
    columns = {f.name: getattr(observations, f.name) for f in dataclasses.fields(observations)}
    return Observations(**columns | {"time": np.asarray(hours) * HOUR})


TRUTH, X_B = background(SPACE, seed=1), background(SPACE, seed=2)
HOURS = np.arange(20) % 4
LINEAR = Rotation()


def along(model, x, observations) -> Observations:
    """The observations with values measured along the forecast of x, with noise."""
    kept = Trajectory(model, Interpolation, SPACE, observations).observations
    noise = kept.error * np.random.default_rng(5).standard_normal(len(kept))
    return with_values(kept, Trajectory(model, Interpolation, SPACE, kept)(x).numpy() + noise)


OBSERVATIONS = along(LINEAR, TRUTH, timed(observe(SPACE, TRUTH), HOURS))


def method(model=LINEAR, transform=None, covariance=None, **options) -> FourDVar:
    options = {"minimizer": "gauss_newton", "iterations": 2000, "tolerance": 1e-13, **options}
    covariance = covariance if covariance is not None else coupled_covariance(SPACE)
    return FourDVar(transform or Identity(), covariance, Interpolation, SPACE, model, **options)


def assert_same(found, wanted, tolerance=1e-10):
    assert float(((found - wanted) / SCALE)[SPACE.mask].abs().max()) < tolerance


def smoother(x_b: torch.Tensor, b: torch.Tensor, observations: Observations) -> tuple[torch.Tensor, torch.Tensor]:
    """Kalman filter over the window, then the backward sweep of Rauch, Tung and Striebel: means at start and end."""
    sea, a, mean = SPACE.mask, LINEAR.a, LINEAR.mean
    a, mean = a[sea][:, sea], mean[sea]
    x, p = x_b[sea] - mean, b[sea][:, sea]
    filtered, predicted = [], []
    for hour in range(4):
        if hour:
            x, p = a @ x, a @ p @ a.T
        predicted.append((x, p))
        o = observations.where(observations.time == hour * HOUR)
        h = Interpolation(SPACE, o)(torch.eye(SPACE.size).double()).T[:, sea]
        gain = p @ h.T @ torch.linalg.inv(h @ p @ h.T + torch.as_tensor(o.error**2).diag())
        x = x + gain @ (torch.as_tensor(o.value) - h @ (mean + x))
        p = (torch.eye(len(p)).double() - gain @ h) @ p
        filtered.append((x, p))
    smooth = filtered[-1][0]
    for hour in (2, 1, 0):
        x, p = filtered[hour]
        back = torch.linalg.solve(predicted[hour + 1][1], a @ p).T
        smooth = x + back @ (smooth - predicted[hour + 1][0])
    start, end = (torch.zeros(SPACE.size).double() for _ in range(2))
    start[sea], end[sea] = mean + smooth, mean + filtered[-1][0]
    return start, end


@pytest.mark.parametrize("minimizer", ["gauss_newton", "lbfgs"])
def test_weak_coupling_is_the_analysis_with_the_components_own_block(minimizer):
    """The model carries air into sea within the window; what is not returned must not explain an observation."""
    covariance = coupled_covariance(SPACE)
    b = torch.zeros(SPACE.size, SPACE.size).double()
    sea = SPACE.slice_of("ocean")
    b[sea, sea] = covariance(torch.eye(SPACE.size).double())[sea, sea]
    own = OBSERVATIONS.where(np.isin(OBSERVATIONS.variable, SPACE["ocean"].variables))
    g = Trajectory(LINEAR, Interpolation, SPACE, own)
    rows = (g(X_B + torch.eye(SPACE.size).double()) - g(X_B)).T
    gain = b @ rows.T @ torch.linalg.inv(rows @ b @ rows.T + torch.as_tensor(own.error**2).diag())
    wanted = X_B + gain @ (torch.as_tensor(g.observations.value) - g(X_B))
    tolerance = {"gauss_newton": 1e-10, "lbfgs": 1e-5}[minimizer]
    found = method(covariance=covariance, components=["ocean"], minimizer=minimizer).analysis(X_B, OBSERVATIONS)
    assert_same(found.state, wanted, tolerance)
    assert torch.equal(found.state[SPACE.slice_of("atmosphere")], X_B[SPACE.slice_of("atmosphere")])


def test_linear_model_is_the_kalman_smoother():
    covariance = coupled_covariance(SPACE)
    found = method(covariance=covariance).analysis(X_B, OBSERVATIONS)
    start, end = smoother(X_B, covariance(torch.eye(SPACE.size).double()), OBSERVATIONS)
    assert_same(found.state, start)
    forecast = found.state
    for _ in range(3):
        forecast = LINEAR.step(forecast)
    assert_same(forecast, end)  # the forecast from the analysis is the Kalman filter's last analysis


def test_latent_with_a_square_root_of_the_covariance_is_the_same():
    """D(v) = B^1/2 v and B = I by composition alone: latent 4D-Var = 4D-Var."""
    covariance = coupled_covariance(SPACE)
    dense = covariance(torch.eye(SPACE.size).double())
    transform = Linear(fit(background(SPACE, (60,), seed=3)))
    root = torch.linalg.cholesky(dense).T
    transform.mean, transform.decoder = torch.zeros(SPACE.size).double(), root
    transform.encoder = torch.linalg.inv(root).T
    latent = method(transform=transform, covariance=UnitCovariance()).analysis(X_B, OBSERVATIONS)
    assert_same(latent.state, smoother(X_B, dense, OBSERVATIONS)[0])


@pytest.mark.parametrize("update", ["increment", "replace"])
def test_observations_at_the_start_make_it_3d_var(update):
    now = timed(OBSERVATIONS, np.zeros(len(OBSERVATIONS)))
    options = {"minimizer": "gauss_newton", "iterations": 500, "tolerance": 1e-12, "update": update}
    three = ThreeDVar(Identity(), coupled_covariance(SPACE), Interpolation, SPACE, **options)
    assert torch.equal(method(Rotation(0.3), **options).analysis(X_B, now).state, three.analysis(X_B, now).state)


def test_order_and_times_of_the_clock_do_not_matter():
    begin = 315_360_000
    first = method().analysis(X_B, OBSERVATIONS).state
    shuffled = OBSERVATIONS.where(np.random.default_rng(0).permutation(len(OBSERVATIONS)))
    later = timed(shuffled, shuffled.time / HOUR + begin / HOUR)
    assert_same(method().analysis(X_B, later, time=begin).state, first)


def test_splitting_one_observation_into_two_less_exact_ones_changes_nothing():
    columns = {f.name: np.repeat(getattr(OBSERVATIONS, f.name), 2) for f in dataclasses.fields(OBSERVATIONS)}
    columns["error"] = columns["error"] * 2**0.5
    found = [method().analysis(X_B, o).state for o in (OBSERVATIONS, Observations(**columns))]
    assert_same(found[1], found[0])


def test_windows_in_a_row_are_one_window():
    """Splitting in time: the analysis of the first half, with its covariance, is the background of the second."""
    covariance = coupled_covariance(SPACE)
    dense, sea = covariance(torch.eye(SPACE.size).double()), SPACE.mask
    early = OBSERVATIONS.time < 2 * HOUR
    x_a = method(covariance=covariance).analysis(X_B, OBSERVATIONS.where(early)).state
    g = Trajectory(LINEAR, Interpolation, SPACE, OBSERVATIONS.where(early))
    jacobian = (g(LINEAR.mean + torch.eye(SPACE.size).double()) - g(LINEAR.mean)).T
    r = torch.as_tensor(g.observations.error**2).diag()
    a = dense - dense @ jacobian.T @ torch.linalg.solve(jacobian @ dense @ jacobian.T + r, jacobian @ dense)
    transform = Linear(fit(background(SPACE, (60,), seed=3)))
    root = torch.zeros_like(dense)
    root[np.ix_(sea, sea)] = torch.linalg.cholesky(0.5 * (a + a.T)[sea][:, sea])
    transform.mean, transform.decoder, transform.encoder = torch.zeros(SPACE.size).double(), root.T, root * 0
    second = method(transform=transform, covariance=UnitCovariance()).analysis(x_a, OBSERVATIONS.where(~early))
    assert_same(second.state, method(covariance=covariance).analysis(X_B, OBSERVATIONS).state)


def _cost(model, checkpoint=0) -> Cost:
    g = Trajectory(model, Interpolation, SPACE, along(model, TRUTH, OBSERVATIONS), checkpoint=checkpoint)
    term = ObservationTerm(g, torch.as_tensor(g.observations.value), torch.as_tensor(g.observations.error))
    return Cost(CONTROLS["preconditioned"](coupled_covariance(SPACE)), term, lambda dz: X_B + dz)


def _random(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("checkpoint", [0, 1, 2])
def test_gradient_by_finite_differences(checkpoint):
    cost = _cost(Rotation(0.3), checkpoint)
    v = _random((3, SPACE.size + 8), 1).requires_grad_()
    gradient = torch.autograd.grad(sum(cost(v)).sum(), v)[0]
    direction, h = _random(v.shape, 2), 1e-5
    with torch.no_grad():
        slope = (sum(cost(v + h * direction)) - sum(cost(v - h * direction))) / (2 * h)
    torch.testing.assert_close(slope, (gradient * direction).sum(-1), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("checkpoint", [0, 2])
def test_tangent_linear_and_adjoint_of_the_window_by_dot_product(checkpoint):
    cost = _cost(Rotation(0.3), checkpoint)
    v, p = _random((2, SPACE.size + 8), 1), _random((2, SPACE.size + 8), 2)
    f, transposed = torch.func.vjp(cost.normalized_departure, v)
    q = _random(f.shape, 3)
    forward = torch.func.jvp(cost.normalized_departure, (v,), (p,))[1]
    torch.testing.assert_close((forward * q).sum(), (p * transposed(q)[0]).sum(), rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("minimizer", ["adam", "lbfgs", "gauss_newton"])
def test_checkpoints_change_the_memory_and_nothing_else(minimizer):
    model = Rotation(0.3)
    options = {"minimizer": minimizer, "iterations": 30, "learning_rate": 0.1, "tolerance": 1e-6}
    whole, parts = (method(model, **options, checkpoint=k).analysis(X_B, OBSERVATIONS).state for k in (0, 2))
    assert_same(parts, whole, 1e-9)


def test_checkpoints_keep_less():
    """Bytes that autograd holds between the forecast and its adjoint: one state a segment against all of the steps."""
    model, kept = QuasiGeostrophic(5, seconds=7200), []
    last = Observations(*([a] for a in (24 * 7200, "psi_upper", 0.0, 0.0, 0.0, 1.0, False)))
    x = model.spun_up(1, days=1.0)[0].requires_grad_()
    for checkpoint in (0, 6):
        held: set[tuple[int, int]] = set()

        def pack(t, held=held):
            held.add((t.untyped_storage().data_ptr(), t.untyped_storage().nbytes()))
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            seen = Trajectory(model, Interpolation, model.space, last, checkpoint=checkpoint)(x)
        kept.append(sum(size for _, size in held))
        seen.sum().backward()
    assert kept[1] < 0.05 * kept[0]


def test_gauss_newton_takes_outer_loops_where_the_model_is_not_linear():
    model = Rotation(0.1)
    observations = along(model, TRUTH, OBSERVATIONS)
    newton = method(model, tolerance=1e-6).analysis(X_B, observations)
    full = method(model, minimizer="lbfgs", tolerance=1e-7, iterations=500).analysis(X_B, observations)
    j = [(a.history["background"] + a.history["observation"]).min() for a in (newton, full)]
    assert len(newton.history["background"]) > 2
    assert float(j[0]) == pytest.approx(float(j[1]), rel=1e-7)


def test_what_is_outside_the_window_is_refused():
    with pytest.raises(PipelineError, match="5 observations are outside the window, the first 10800 s after"):
        method(window_hours=2).analysis(X_B, OBSERVATIONS)
    with pytest.raises(PipelineError, match="20 observations are outside the window"):
        method().analysis(X_B, OBSERVATIONS, time=10**6)
    with pytest.raises(PipelineError, match="checkpoint -1"):
        method(checkpoint=-1)
    for hours in (-3, 0, float("nan"), float("inf")):
        with pytest.raises(PipelineError, match=f"window_hours {hours} must be positive and finite; leave it out"):
            method(window_hours=hours)


# Twin experiments


def test_cycles_on_lorenz_96_beat_3d_var():
    """All 40 variables, R = I, every six hours: 4D-Var over a day against 3D-Var, static B = 0.4 I in both."""
    model, cycles, slots = Lorenz96(), 24, 4
    network = everything(model.space, 1.0)
    torch.manual_seed(0)
    truth = 8.0 + torch.randn(40).double()
    for _ in range(400):
        truth = model.step(truth)
    x4 = x3 = truth + torch.randn(40).double()
    options = {"minimizer": "gauss_newton", "iterations": 40, "tolerance": 1e-2}
    four = FourDVar(Identity(), UnitCovariance(0.4), Selection, model.space, model, **options)
    three = ThreeDVar(Identity(), UnitCovariance(0.6), Selection, model.space, **options)
    errors = []
    for cycle in range(cycles):
        states, rows = [truth], []
        for slot in range(slots):
            y = truth + torch.randn(40).double()
            rows.append(dataclasses.replace(network, time=network.time + slot * model.seconds, value=y.numpy()))
            truth = model.step(truth)
            states.append(truth)
        x4 = four.analysis(x4, Observations.concatenate(rows)).state
        error3 = []
        for slot in range(slots):
            x3 = three.analysis(x3, rows[slot]).state
            error3.append((x3 - states[slot]).square().mean().sqrt())
            x3 = model.step(x3)
        error4 = []
        for slot in range(slots):
            error4.append((x4 - states[slot]).square().mean().sqrt())
            x4 = model.step(x4)
        if cycle >= 8:
            errors.append((torch.stack(error4).mean(), torch.stack(error3).mean()))
    e4, e3 = torch.tensor(errors).mean(0)
    assert e4 < 0.34
    assert e3 < 0.5
    assert e4 < 0.8 * e3


def test_quasi_geostrophic_twin_improves_what_was_not_observed():
    """Upper level observed at 300 places four times in 18 hours: the forecast of both levels improves."""
    model = QuasiGeostrophic(21)
    states = model.spun_up(2, days=30.0, seed=3)
    truth, b = states[0], 5e6
    rng = np.random.default_rng(1)
    count, error = 300, 1e6
    lat, lon = np.degrees(np.arcsin(rng.uniform(-0.99, 0.99, 4 * count))), rng.uniform(0, 360, 4 * count)
    hours = np.repeat([0, 6, 12, 18], count)
    columns = [hours * HOUR, np.full(4 * count, "psi_upper"), lat, lon]
    blank = Observations(*columns, np.zeros(4 * count), np.full(4 * count, error), np.zeros(4 * count))
    value = Trajectory(model, Interpolation, model.space, blank)(truth).numpy() + error * rng.standard_normal(4 * count)
    anomaly = states[1] - truth
    x_b = truth + b * anomaly / anomaly.std()
    four_d_var = build(
        {
            "kind": "four_d_var",
            "transform": {"kind": "identity"},
            "covariance": {"kind": "identity", "standard_deviation": b},
            "model": {"kind": "quasi_geostrophic", "truncation": 21},
            "minimizer": "gauss_newton",
            "iterations": 10,
            "window_hours": 18,
            "checkpoint": 1,
        },
        space=model.space,
        operator=Interpolation,
    )
    found = four_d_var.analysis(x_b, Observations(*columns, value, blank.error, blank.withheld))
    after = [x_b, found.state, truth]
    for _ in range(8):
        after = [model.step(x) for x in after]
    for level in ("psi_upper", "psi_lower"):
        where = model.space.index(level)
        assert (after[1] - after[2])[where].norm() < 0.75 * (after[0] - after[2])[where].norm()
