"""What holds for every model in PyTorch: tangent-linear, adjoint, batches, precision."""

import pytest
import torch

from pipeline import registry

TORCH = [kind for kind in registry.kinds("models") if hasattr(registry.find("models", kind), "rest")]
OPTIONS = {"quasi_geostrophic": {"truncation": 5}}
"""Small sizes."""


@pytest.fixture(params=TORCH)
def model(request):
    return registry.build("models", request.param, **OPTIONS.get(request.param, {}))


def states(model, *lead: int) -> torch.Tensor:
    """Some steps after a disturbance of the state of rest, float64."""
    noise = torch.randn(*lead, model.space.size, generator=torch.Generator().manual_seed(0)).double()
    x = model.rest() + 0.1 * size(model) * noise
    for _ in range(20):
        x = model.step(x)
    return x


def size(model) -> float:
    """Of a state."""
    return float(model.rest().abs().max()) or 10.0


def test_there_are_models():
    assert {"lorenz63", "lorenz96", "quasi_geostrophic"} <= set(TORCH)


def test_tangent_linear_by_finite_differences_and_adjoint_by_dot_product(model):
    x = states(model)
    dx, y = (torch.randn(x.shape, generator=torch.Generator().manual_seed(k)).double() for k in (1, 2))
    dx = size(model) * dx
    _, tangent = torch.func.jvp(model.step, (x,), (dx,))
    h = 1e-5
    difference = (model.step(x + h * dx) - model.step(x - h * dx)) / (2 * h)
    assert float((tangent - difference).norm() / tangent.norm()) < 1e-7
    (adjoint,) = torch.func.vjp(model.step, x)[1](y)
    assert float(y @ tangent) == pytest.approx(float(adjoint @ dx), rel=1e-11)


def test_a_batch_is_its_elements_and_single_precision_follows(model):
    x = states(model, 2, 3)
    after = model.step(x)
    assert after.dtype == torch.float64
    torch.testing.assert_close(after[1, 2], model.step(x[1, 2]), rtol=1e-12, atol=1e-12 * size(model))
    single = model.to(torch.float32) if isinstance(model, torch.nn.Module) else model
    found = single.step(x.float())
    assert found.dtype == torch.float32
    assert float((found.double() - after).norm() / after.norm()) < 1e-5
