"""The climate model as a function of states: its air on pressure levels, its memory, and what an analysis changes."""

import numpy as np
import pytest
import torch

from pipeline.bridge import FortranError
from pipeline.errors import PipelineError
from pipeline.models.climate_air import ClimateAir

LEVELS = (200, 500, 850)


@pytest.fixture
def options(climate_states):
    return climate_states | {"levels": LEVELS}


@pytest.fixture
def model(options):
    model = ClimateAir(**options)
    yield model
    model.climate.finalize()


@pytest.fixture
def state(model):
    """A day after a start with some weather in it."""
    return model.spun_up(1, days=2.0, seed=3)[0]


def fields(model, x):
    return {name: x[model.space.index(name)] for name in model.space.components[0].variables}


def test_a_state_is_the_fields_and_a_restart(model, state):
    assert model.space.components[0].variables == (*(f"{v}_{p}" for v in "uvt" for p in LEVELS), "ps")
    assert state.shape == (model.space.size + model.memory,)
    found = fields(model, state)
    assert 9.5e4 < float(found["ps"].mean()) < 1.05e5
    assert 180 < float(found["t_200"].mean()) < float(found["t_500"].mean()) < float(found["t_850"].mean()) < 320
    model.climate.set_memory(state[2 * model.space.size :])
    sigma = 0.9  # of the lowest of five levels, where the air's wind is the interface's
    _, _, ua, _ = model.climate.state()[: 4 * 32 * 64].reshape(4, -1)
    lowest = model.climate.air(np.array([sigma * 1e5]))[0].flatten()
    assert float((lowest - ua).abs().mean()) < 0.05 * float(ua.abs().mean())


def test_steps_are_the_models_own_and_a_batch_is_its_elements(model, state):
    after = model.step(torch.stack([state, state]))
    assert torch.equal(after[0], after[1])
    model.climate.set_memory(state[2 * model.space.size :])
    model.climate.run_until(model.climate.time + np.timedelta64(6, "h"))
    assert torch.equal(model.climate.memory(), after[0][2 * model.space.size :])
    twice = model.step(model.step(state))
    assert torch.equal(model.step(after)[1], twice)


def test_what_an_analysis_changes_is_added_before_the_step(model, state):
    """One kelvin everywhere is one kelvin everywhere; what is not changed keeps its bits."""
    n, warmer = model.space.size, state.clone()
    for level in LEVELS:
        warmer[model.space.index(f"t_{level}")] += 1.0
    model.hold(warmer)
    held = model.held()
    before, after = fields(model, state[:n]), fields(model, held[:n])
    for level in LEVELS:
        torch.testing.assert_close(after[f"t_{level}"], before[f"t_{level}"] + 1.0, rtol=0, atol=1e-9)
        assert torch.equal(after[f"u_{level}"], before[f"u_{level}"])
    assert torch.equal(after["ps"], before["ps"])
    assert torch.equal(held[:n], held[n : 2 * n])
    model.hold(state)
    assert torch.equal(model.held(), state)


def test_an_increment_between_levels_is_linear_in_log_pressure(model, state):
    """T of 500 hPa alone: the model's levels between 200 and 850 hPa get their shares, those beyond nothing."""
    sigma, ps = np.arange(5) / 5 + 0.1, float(fields(model, state)["ps"].mean())  # five equal layers
    means = []
    for change in (0.0, 1.0):
        x = state.clone()
        x[model.space.index("t_500")] += change
        model.hold(x)
        means.append(model.climate.air(sigma * ps)[10:15].mean(dim=(1, 2)))
    wanted = np.interp(np.log(sigma * ps), np.log(model.pressure), [0.0, 1.0, 0.0])
    np.testing.assert_allclose(means[1] - means[0], wanted, atol=0.02)


def test_spun_up_states_depend_on_the_seed_alone(model, state):
    again = model.spun_up(2, days=2.0, seed=3)
    assert torch.equal(again[0], state)
    assert not torch.equal(again[1], state)
    assert not torch.equal(model.spun_up(1, days=2.0, seed=4)[0], state)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variables": ("u", "w")}, "no variable 'w'; choose from u, v, t, q"),
        ({"levels": (850, 500)}, "pressure levels have to be positive and to rise"),
        ({"seconds": 5000}, "cannot be reached .* in steps of 7200 seconds"),
    ],
)
def test_what_cannot_be_is_refused(options, changes, message):
    with pytest.raises((PipelineError, FortranError), match=message):
        ClimateAir(**options | changes).spun_up(1, days=0.5)


def test_a_memory_of_another_size_and_arrays_that_do_not_fit_are_refused(model, state):
    with pytest.raises(
        FortranError, match=f"a state in memory has {model.memory - model.space.size} numbers, given: 7"
    ):
        model.climate.set_memory(torch.zeros(7).double())
    model.climate.set_memory(state[2 * model.space.size :])
    with pytest.raises(FortranError, match="an increment of u, v or t is not a number"):
        model.hold(torch.where(torch.arange(len(state)) == 5, torch.nan, state))
