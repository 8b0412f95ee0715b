"""Members are the forecasts of the last cycles that are valid now."""

import pytest
import torch

from pipeline.ensembles.lagged import Carried, Lagged
from pipeline.errors import PipelineError


def test_members_are_valid_at_one_time_and_come_from_successive_cycles():
    """A forecast from cycle c holds 100 c + lead: what is asked for is known."""
    lagged = Lagged(3, 3600)
    for cycle in range(6):
        assert (lagged.members(3600 * cycle) is None) == (cycle < 3)
        lagged.add(3600 * cycle, torch.tensor([[100.0 * cycle + lead] for lead in (1, 2, 3)]))
    assert lagged.members(6 * 3600).flatten().tolist() == [501.0, 402.0, 303.0]
    assert len(lagged.forecasts) == 3


def test_carried_forecasts_are_the_lagged_ones():
    """With a model that is a function of the state alone, whatever the order of the steps."""

    def step(x):
        return 1.1 * x + 1.0

    lagged, carried, x = Lagged(3, 3600), Carried(3), torch.zeros(4)
    for cycle in range(6):
        found, wanted = carried.members(), lagged.members(3600 * cycle)
        assert (found is None) == (wanted is None)
        if found is not None:
            torch.testing.assert_close(found, wanted)
        forecast = [x := x + cycle]
        while len(forecast) < 4:
            forecast.append(step(forecast[-1]))
        lagged.add(3600 * cycle, torch.stack(forecast[1:]))
        x = carried.advance(x, step)
        assert torch.equal(x, forecast[1])
    with pytest.raises(PipelineError, match="members 1"):
        Carried(1)


def test_what_is_missing_or_does_not_fit():
    lagged = Lagged(2, 3600)
    lagged.add(0, torch.zeros(2, 5))
    lagged.add(7200, torch.zeros(2, 5))  # a cycle was left out
    assert lagged.members(3 * 3600) is None
    with pytest.raises(PipelineError, match="3 states were given, the members need 2"):
        lagged.add(3600, torch.zeros(3, 5))
    with pytest.raises(PipelineError, match="members 1"):
        Lagged(1)
    with pytest.raises(PipelineError, match="interval 0 positive"):
        Lagged(2, 0)
