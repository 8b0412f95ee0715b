"""The cost's gradient, and minimisers on costs whose course is known."""

import pytest
import torch
from stand_ins import background, coupled_covariance, observe, per_element, small_space
from torch import nn

from pipeline.assimilation._cost import CONTROLS, Cost, ObservationTerm
from pipeline.assimilation._gauss_newton import conjugate_gradient
from pipeline.assimilation._minimizers import LBFGS, Adam
from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.identity import Identity
from pipeline.errors import PipelineError
from pipeline.observations.operators import Interpolation
from pipeline.transforms.base import Transform

SPACE = small_space()
SCALE = per_element(SPACE, {"ps": 300.0, "ta": 2.0, "sst": 1.0, "ssh": 0.1})
X_B = background(SPACE, seed=2)
OBSERVATIONS = observe(SPACE, background(SPACE, seed=1))


class Bent(Transform):
    """A smooth decoder with curvature `bend`, from 10 latent variables."""

    def __init__(self, bend: float) -> None:
        super().__init__()
        self.bend = bend
        w = torch.randn(10, SPACE.size, generator=torch.Generator().manual_seed(4)).double()
        self.w, self.mean = nn.Parameter(w * SCALE / 3), background(SPACE, seed=2)

    def encode(self, x):
        return torch.zeros(*x.shape[:-1], 10).to(x)

    def decode(self, z):
        return self.mean + (z + self.bend * torch.sin(3 * z)) @ self.w


def _cost(control: str, bend: float) -> tuple[Cost, torch.Tensor]:
    operator = Interpolation(SPACE, OBSERVATIONS)
    value, error = (torch.as_tensor(a) for a in (operator.observations.value, operator.observations.error))
    transform = Bent(bend)
    cost = Cost(CONTROLS[control](Identity(0.8)), ObservationTerm(operator, value, error), transform.decode)
    return cost, torch.randn(3, 10, generator=torch.Generator().manual_seed(9)).double()


@pytest.mark.parametrize("control", CONTROLS)
def test_gradient_of_the_cost_by_finite_differences(control):
    cost, v = _cost(control, bend=0.2)
    v.requires_grad_()
    gradient = torch.autograd.grad(sum(cost(v)).sum(), v)[0]
    direction = torch.randn(v.shape, generator=torch.Generator().manual_seed(8)).double()
    h = 1e-5
    with torch.no_grad():
        slope = (sum(cost(v + h * direction)) - sum(cost(v - h * direction))) / (2 * h)
    torch.testing.assert_close(slope, (gradient * direction).sum(-1), rtol=1e-7, atol=1e-6)


def test_terms_of_the_cost_are_their_definition():
    covariance, dz = coupled_covariance(SPACE), background(SPACE, seed=4) - X_B
    b = covariance(torch.eye(SPACE.size).double())
    wanted = 0.5 * dz @ torch.linalg.solve(b, dz)
    assert float(CONTROLS["direct"](covariance)(dz)) == pytest.approx(float(wanted), rel=1e-10)
    v = covariance.inverse_sqrt(dz)
    preconditioned = CONTROLS["preconditioned"](covariance)
    assert float(preconditioned(v)) == pytest.approx(float(wanted), rel=1e-10)
    torch.testing.assert_close(preconditioned.increment(v), dz, rtol=1e-10, atol=1e-10)
    operator = Interpolation(SPACE, OBSERVATIONS)
    y, sigma = OBSERVATIONS.value, OBSERVATIONS.error
    term = ObservationTerm(operator, torch.as_tensor(y), torch.as_tensor(sigma))
    wanted = 0.5 * (((y - operator(X_B).numpy()) / sigma) ** 2).sum()
    assert float(term(X_B)) == pytest.approx(wanted, rel=1e-12)


def test_products_of_the_linearised_operator_are_adjoint():
    """(F p) . q = p . (F^T q), the products that Gauss-Newton is made of."""
    cost, v = _cost("preconditioned", bend=0.2)
    p = torch.randn(v.shape, generator=torch.Generator().manual_seed(6)).double()
    f, transposed = torch.func.vjp(cost.normalized_departure, v)
    q = torch.randn(f.shape, generator=torch.Generator().manual_seed(7)).double()
    forward = torch.func.jvp(cost.normalized_departure, (v,), (p,))[1]
    torch.testing.assert_close((forward * q).sum(), (p * transposed(q)[0]).sum(), rtol=1e-12, atol=0.0)


def test_conjugate_gradient_solves_each_row():
    a = torch.randn(9, 9, generator=torch.Generator().manual_seed(1)).double()
    a = a @ a.T + torch.eye(9).double()
    b = torch.randn(4, 9, generator=torch.Generator().manual_seed(2)).double()
    b[2] = 0.0
    x, count = conjugate_gradient(lambda p: p @ a, b, 100, 1e-13)
    torch.testing.assert_close(x @ a, b, rtol=1e-10, atol=1e-10)
    assert int(count[2]) == 0
    assert int(count.max()) <= 12


@pytest.mark.parametrize("rate", [1.5, 0.9])
def test_best_iterate_is_kept(rate):
    """A step too large throws Adam back and forth over the minimum: its last iterate is worse than an earlier one."""

    def cost(v):
        return 0.5 * (v**2).sum(-1), 2.0 * ((v - 1.0) ** 2).sum(-1)

    minimum = Adam(12, rate, patience=100, stop=100)(cost, torch.tensor([[3.0], [0.5]]).double())
    j = minimum.background + minimum.observation
    kept = sum(cost(minimum.v))
    assert torch.equal(kept, j.min(0).values)
    assert bool((kept < j[-1]).all())


def test_a_cost_that_breaks_down_ends_with_the_best_iterate():
    def cost(v):
        return torch.where(v > 0.5, torch.nan, 1.0 - v).sum(-1), 0.0 * v.sum(-1)

    minimum = Adam(50, 0.1, patience=100, stop=100)(cost, torch.zeros(1, 1).double())
    assert float(minimum.v) == pytest.approx(0.5, abs=0.11)
    assert len(minimum.background) < 10


def test_adam_stops_without_gain_and_halving_gets_nearer():
    """On |v|, where a fixed step oscillates for ever, the final distance is the final step."""

    def cost(v):
        return v.abs().sum(-1), 0 * v.sum(-1)

    fixed, halved = (Adam(400, 0.3, patience, stop=60)(cost, torch.ones(1, 1)) for patience in (1000, 5))
    assert int(halved.iterations) < 400
    assert float(halved.v.abs()) < 0.1 * float(fixed.v.abs())


@pytest.mark.parametrize("bend", [0.0, 0.05, 0.3])
def test_gauss_newton_finds_a_minimum_of_a_bent_cost(bend):
    method = ThreeDVar(
        Bent(bend), Identity(), Interpolation, SPACE, minimizer="gauss_newton", tolerance=1e-9, iterations=500
    )
    found = method.analysis(X_B, OBSERVATIONS)
    j = found.history["background"] + found.history["observation"]
    cost, _ = _cost("preconditioned", bend)
    cost = Cost(CONTROLS["preconditioned"](Identity()), cost.observation, Bent(bend).decode)
    v = found.latent_increment.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sum(cost(v)), v)
    start = torch.zeros(10).double().requires_grad_()
    (first,) = torch.autograd.grad(sum(cost(start)), start)
    assert gradient.norm() < (1e-8 if bend <= 0.05 else 1e-2) * first.norm()
    assert j.min() == pytest.approx(float(sum(cost(v))), rel=1e-10)


def test_gauss_newton_needs_fewer_decodings_than_adam():
    adam = ThreeDVar(Bent(0.05), Identity(), Interpolation, SPACE, learning_rate=0.1)
    newton = ThreeDVar(Bent(0.05), Identity(), Interpolation, SPACE, minimizer="gauss_newton")
    found = [m.analysis(X_B, OBSERVATIONS) for m in (adam, newton)]
    j = [(a.history["background"] + a.history["observation"]).min() for a in found]
    assert j[1] <= j[0] * (1 + 1e-3)
    assert int(found[1].iterations) < int(found[0].iterations) / 2


def test_lbfgs_records_every_evaluation():
    minimum = LBFGS(50, 1e-8)(lambda v: (0.5 * (v**2).sum(-1), ((v - 2) ** 2).sum(-1)), torch.zeros(1, 3).double())
    torch.testing.assert_close(minimum.v, torch.full((1, 3), 4 / 3).double())
    assert len(minimum.background) == int(minimum.iterations) + 1


def test_a_decoder_that_fails_is_refused():
    class Broken(Bent):
        def decode(self, z):
            return super().decode(z) * torch.nan

    method = ThreeDVar(Broken(0.0), Identity(), Interpolation, SPACE)
    with pytest.raises(PipelineError, match="cost of the background is not finite"):
        method.analysis(X_B, OBSERVATIONS)
