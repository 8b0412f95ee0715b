"""The climate model as a function of states of which the air-sea interface is seen."""

import pytest
import torch

from pipeline.models.climate_interface import ClimateInterface


@pytest.fixture
def model(climate_states):
    model = ClimateInterface(**climate_states)
    yield model
    model.climate.finalize()


def test_a_state_holds_the_eight_variables(model):
    state = model.spun_up(1, days=1.0)[0]
    assert model.space.names == ("atmosphere", "ocean")
    assert state.shape == (model.space.size + model.memory,)
    model.hold(state)
    assert torch.equal(model.climate.state(), state[: model.space.size])


def test_an_analysis_of_the_sea_changes_the_forecast_of_the_air(model):
    """Both components take their increments, and the coupling carries them on."""
    n, state = model.space.size, model.spun_up(1, days=1.0)[0]
    warmer, sst, air = state.clone(), model.space.index("sst"), model.space.slice_of("atmosphere")
    warmer[sst] += 0.5 * model.space.mask[sst]
    model.hold(warmer)
    held = model.held()
    torch.testing.assert_close(held[:n][sst], warmer[sst], rtol=0, atol=1e-10)
    assert torch.equal(held[air], state[air])
    after, undisturbed = model.step(torch.stack([warmer, state]))
    assert 0.3 < float((after - undisturbed)[sst][model.space.mask[sst]].mean()) < 0.6
    assert float((after - undisturbed)[model.space.index("ta")].mean()) > 0
