"""What is recorded comes back, from files and from checkpoints, bit for bit."""

import numpy as np
import pytest
import torch

from contents import fingerprint
from pipeline.errors import PipelineError
from pipeline.spaces import Grid, air_sea_space
from pipeline.trajectory import Trajectory, open_costs, open_trajectory


@pytest.fixture
def space():
    bounds = np.linspace(-60, 60, 5)
    lat = 0.5 * (bounds[1:] + bounds[:-1])
    mask = np.ones((4, 6), dtype=bool)
    mask[1, 2] = False
    return air_sea_space(Grid(lat, np.arange(6) * 60.0, bounds), Grid(lat, np.arange(6) * 60.0 + 30, bounds, mask))


def record(space, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    run = Trajectory(space)
    for k in range(steps):
        states = {s: torch.randn(space.size, generator=generator).double() for s in ("background", "analysis")}
        run.append(
            np.datetime64("2010-01-01T06:00:00") + np.timedelta64(6 * k, "h"), states, {"ps_tendency_last": float(k)}
        )
    run.append_cost(np.arange(5.0), np.arange(5.0, 0.0, -1.0))
    run.append_cost(np.arange(3.0), np.arange(3.0, 0.0, -1.0))
    return run


def test_a_file_holds_the_states_and_the_costs(space, tmp_path):
    run = record(space, 3)
    run.write(tmp_path / "trajectory.nc", {"code": "x"})
    for name in space.names:
        stored = open_trajectory([tmp_path / "trajectory.nc"], name)
        expected = space.split(torch.from_numpy(np.stack(run.states["analysis"])))[name]
        mask = space[name].grid.mask
        for k, variable in enumerate(space[name].variables):
            values = stored[variable].sel(stage="analysis").values
            np.testing.assert_array_equal(values[:, mask], expected[:, k].numpy()[:, mask])
            assert np.isnan(values[:, ~mask]).all()
    costs = open_costs([tmp_path / "trajectory.nc"])
    assert costs["cost_observation"].shape == (2, 5)
    assert np.isnan(costs["cost_observation"][1, 3:]).all()


def test_costs_of_segments_with_early_stops_are_joined(space, tmp_path):
    long, short = record(space, 1), record(space, 1)
    short.costs = short.costs[1:]
    for name, run in (("long", long), ("short", short)):
        run.write(tmp_path / f"{name}.nc", {})
    costs = open_costs([tmp_path / "long.nc", tmp_path / "short.nc"])
    assert costs["cost_background"].shape == (3, 5)
    assert np.isnan(costs["cost_background"][2, 3:]).all()


def test_a_checkpoint_continues_bit_for_bit(space, tmp_path):
    run = record(space, 4)
    run.save(tmp_path / "record.npz")
    again = Trajectory(space)
    again.load(tmp_path / "record.npz")
    for name, one in (("a", run), ("b", again)):
        one.write(tmp_path / f"{name}.nc", {"code": "x"})
    assert fingerprint(tmp_path / "a.nc") == fingerprint(tmp_path / "b.nc")


def test_a_run_without_records_can_be_saved(space, tmp_path):
    Trajectory(space, ()).save(tmp_path / "record.npz")
    Trajectory(space, ()).load(tmp_path / "record.npz")


def test_a_truncated_file_is_named(space, tmp_path):
    path = tmp_path / "trajectory.nc"
    record(space, 2).write(path, {})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(PipelineError, match=r"trajectory\.nc: not a readable trajectory"):
        open_trajectory([path], "ocean")


def test_segments_without_a_variational_analysis_hold_no_costs(space, tmp_path):
    run = record(space, 1)
    run.costs = []
    run.write(tmp_path / "free.nc", {})
    assert open_costs([tmp_path / "free.nc"]) is None
