"""Anomalies of the joined air-sea state: their mean, their season, and what is refused."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from pipeline import times
from pipeline.ensembles._season import YEAR
from pipeline.ensembles.interface import BATCH, Interface
from pipeline.errors import PipelineError
from pipeline.spaces import Component, Grid, Space

GRID = Grid(np.array([-30.0, 30.0]), np.array([0.0, 120.0, 240.0]), np.array([-60.0, 0.0, 60.0]))
SPACE = Space((Component("atmosphere", GRID, ("ps",)), Component("ocean", GRID, ("sst",))))


@dataclass
class Record:
    """States in memory, with the interface of `datasets.training.Vectors`."""

    states: torch.Tensor
    interval_hours: int = 24
    space: Space = SPACE

    @property
    def time(self) -> np.ndarray:
        return times.to_datetime(np.arange(len(self.states)) * self.interval_hours * 3600)

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, sample: int) -> torch.Tensor:
        return self.states[sample]


def record(days: int, season: float = 0.0) -> Record:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(days, SPACE.size, generator=generator, dtype=torch.float64)
    phase = 2 * np.pi * torch.arange(days, dtype=torch.float64) * 86400.0 / YEAR
    return Record(noise + season * torch.cos(phase - 0.7)[:, None] + 280.0)


def test_anomalies_are_those_of_evenly_spread_states():
    days = record(2 * BATCH + 3)
    found = Interface(members=11).anomalies(days)
    chosen = np.linspace(0, len(days) - 1, 11).round().astype(int)
    expected = days.states[chosen] - days.states[chosen].mean(0)
    np.testing.assert_allclose(found["x"], expected, atol=1e-10)
    np.testing.assert_array_equal(found["time"], chosen * 86400)


def test_the_season_is_taken_out():
    with_season = Interface(members=40, harmonics=1).anomalies(record(730, season=50.0))["x"].values
    without = Interface(members=40, harmonics=1).anomalies(record(730))["x"].values
    np.testing.assert_allclose(with_season, without, atol=1e-8)
    left_in = Interface(members=40).anomalies(record(730, season=50.0))["x"].values
    assert left_in.std() > 20 * without.std()


def test_two_harmonics_are_taken_out_and_written_down():
    noise, phase = record(730), 2 * np.pi * torch.arange(730, dtype=torch.float64) * 86400.0 / YEAR
    semiannual = Record(noise.states + 30.0 * torch.sin(2 * phase)[:, None])
    found, wanted = (Interface(members=40, harmonics=2).anomalies(r) for r in (semiannual, noise))
    np.testing.assert_allclose(found["x"], wanted["x"], atol=1e-8)
    assert found.attrs == {"kind": "interface", "harmonics": 2}


def test_every_state_may_be_a_member_and_land_may_stand_still():
    mask = np.ones(GRID.shape, dtype=bool)
    mask[1, 2] = False
    land = Space((Component("atmosphere", GRID, ("ps",)), Component("ocean", replace(GRID, mask=mask), ("sst",))))
    days = Record(record(5).states, space=land)
    days.states[:, ~land.mask] = 0.0
    found = Interface(members=5).anomalies(days)["x"].values
    np.testing.assert_allclose(found, days.states - days.states.mean(0), atol=1e-10)
    assert not found[:, ~land.mask].any()


def test_bad_input_is_refused():
    with pytest.raises(PipelineError, match="30 states for 40 members"):
        Interface(members=40).anomalies(record(30))
    with pytest.raises(PipelineError, match="hold no seasonal cycle"):
        Interface(members=10, harmonics=2).anomalies(record(100))
    still = record(20)
    still.states[:, 3] = 1.0
    with pytest.raises(PipelineError, match="1 elements are the same in all members"):
        Interface(members=10).anomalies(still)
    for options in ({"members": 1}, {"harmonics": -1}):
        with pytest.raises(PipelineError, match="ensembles/interface"):
            Interface(**options)
