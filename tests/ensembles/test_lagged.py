"""Members are the forecasts of the last cycles that are valid now."""

import pytest
import torch

from pipeline.ensembles.lagged import Lagged
from pipeline.errors import PipelineError


def test_members_are_valid_at_one_time_and_come_from_successive_cycles():
    """Against forecasts of three steps each, kept by the cycle they began in; x counts steps, analyses add 100."""

    def step(x):
        return 1.1 * x + 1.0

    lagged, x, begun = Lagged(3), torch.zeros(4), {}
    for cycle in range(6):
        found = lagged.members()
        assert (found is None) == (cycle < 3)
        if found is not None:
            wanted = [begun[cycle - lead][lead] for lead in (1, 2, 3)]  # the youngest first
            torch.testing.assert_close(found, torch.stack(wanted))
        begun[cycle] = [x := x + 100.0 * cycle]
        for _ in range(3):
            begun[cycle].append(step(begun[cycle][-1]))
        x = lagged.advance(x, step)
        assert torch.equal(x, begun[cycle][1])


def test_one_forecast_is_no_ensemble():
    with pytest.raises(PipelineError, match="members 1"):
        Lagged(1)
