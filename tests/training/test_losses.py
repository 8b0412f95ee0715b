import numpy as np
import pytest
import torch
import training_toy as toy
from torch.distributions import Independent, Normal
from torch.distributions import kl_divergence as reference_divergence

from pipeline.errors import PipelineError
from pipeline.training import kl_divergence, reference_statistics


def test_divergence_is_that_of_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    mu, log_variance = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    q = Independent(Normal(mu, (0.5 * log_variance).exp()), 1)
    p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    torch.testing.assert_close(kl_divergence(mu, log_variance), reference_divergence(q, p))
    assert kl_divergence(torch.zeros(3), torch.zeros(3)) == 0


def test_loss_is_the_sum_written_out():
    states = toy.states(6)
    task = toy.objective(states, beta=1e-3).eval()
    terms, space = task(states), toy.space()
    with torch.no_grad():
        x, mu, log_variance = task.network(states)
    expected = []
    for component in space.components:
        sea, weights = component.grid.mask, component.grid.weights
        for name in component.variables:
            error = ((x - states) / task.network.scale)[:, space.index(name)].reshape(-1, *component.grid.shape).numpy()
            expected.append(np.mean([(e[sea] ** 2 * weights[sea]).sum() / weights[sea].sum() for e in error]))
    assert terms["reconstruction"].item() == pytest.approx(np.mean(expected), rel=1e-4)
    divergence = kl_divergence(mu, log_variance).mean().item()
    assert terms["kl"].item() == pytest.approx(divergence, rel=1e-5)
    assert terms["loss"].item() == pytest.approx(np.mean(expected) + 1e-3 * divergence, rel=1e-4)


def test_land_does_not_count():
    states = toy.states(4)
    task = toy.objective(states).eval()
    ash = torch.where(toy.space().mask, states, torch.tensor(50.0))
    assert task(ash)["loss"] == task(states)["loss"]


def test_learned_variance_has_its_minimum_at_the_error():
    """d/ds [MSE e^-s + s] = 0 at s = log MSE."""
    states = toy.states(6)
    task = toy.objective(states, beta=0.0, learned=True).eval()
    scale = [task.network.scale[i][0].square() for i in task.slices]
    mse = torch.stack([task(states)[f"mse_{n}"] / c for n, c in zip(task.names, scale, strict=True)])
    task.log_variance.data = mse.detach().log()
    task(states)["loss"].backward()
    torch.testing.assert_close(task.log_variance.grad, torch.zeros(8), atol=1e-5, rtol=0)


def test_learned_variance_is_fixed_unless_asked_for():
    task = toy.objective(toy.states(4))
    assert not task.log_variance.requires_grad


def test_statistics_are_those_of_numpy():
    states, space = toy.states(20), toy.space()
    mean, scale = reference_statistics(iter(states), space)
    np.testing.assert_allclose(mean, states.double().mean(0), atol=1e-6)
    i = space.index("sst")
    variance = states.double().var(0, unbiased=False)[i]
    np.testing.assert_allclose(scale[i], float((variance * space.weights[i]).sum().sqrt()), rtol=1e-5)


def test_statistics_refuse_what_has_no_spread():
    with pytest.raises(PipelineError, match="ps is the same in all 3 states"):
        reference_statistics(torch.ones(3, toy.space().size), toy.space())
    with pytest.raises(PipelineError, match="1 states are too few"):
        reference_statistics(toy.states(1), toy.space())
