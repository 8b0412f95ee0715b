"""Nature runs, the unit of the errors, stations, forecast pairs, and what the networks leave behind."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file

from pipeline.errors import PipelineError
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Grid, air_sea_space
from pipeline.testbed.errors import forecast_pairs
from pipeline.testbed.observing import Observing
from pipeline.testbed.world import World, make_nature


def test_nature_runs_follow_the_model_and_are_split_by_trajectory(world):
    states = world.nature
    assert states.shape == (32, 3, world.space.size)
    torch.testing.assert_close(world.forecast(states[4], 3), states[7], rtol=1e-4, atol=1e-4 * float(states.std()))
    assert len(world.training_states()) == 16 * 2
    assert float(world.training_states().abs().max()) <= 1.0 + 1e-6
    kept = world.normalization.denormalize(world.validation_states(8))
    torch.testing.assert_close(kept, states[::8, -1], rtol=1e-5, atol=1e-5 * float(states.std()))


def test_the_unit_of_errors_is_the_deviation_of_anomalies(world):
    """Against the definition, and: two independent states are about sqrt(2) deviations apart."""
    flat = world.nature[::4].flatten(0, 1).double()
    anomalies, w = flat - flat.mean(0), world.space.weights
    for name in ("psi_upper", "psi_lower"):
        own = world.space.index(name)
        wanted = ((anomalies[:, own].square() * w[own]).sum(-1) / w[own].sum()).mean().sqrt()
        torch.testing.assert_close(world.deviation[own][0], wanted, rtol=1e-5, atol=0.0)
    shifted = world.nature[3] + 0.5 * world.deviation
    assert world.distance(shifted, world.nature[3]) == pytest.approx(0.5, rel=1e-5)
    torch.testing.assert_close(
        world.squares(shifted, world.nature[3]), torch.full((3,), 0.25).double(), rtol=1e-4, atol=0
    )


def test_a_missing_run_and_another_model_are_named(world, tmp_path):
    with pytest.raises(PipelineError, match="make the nature runs first"):
        _ = World(world.plan, 1, tmp_path / "nothing.safetensors").nature
    with pytest.raises(PipelineError, match="lorenz96 is no model that spins itself up"):
        make_nature({**world.plan, "model": {"kind": "lorenz96"}}, 1, tmp_path / "x.safetensors")


def test_stations_report_with_their_error_and_their_gaps(world):
    observing, truth = Observing(world), world.nature[-1, -1]
    exact = Interpolation(world.space, observing.observe(truth, 0))
    departures, count = [], []
    for seed in range(60):
        seen = observing.observe(truth, seed, factor=3.0)
        count.append(len(seen))
        departures.append((seen.value - Interpolation(world.space, seen)(truth.double()).numpy()) / seen.error)
    assert np.concatenate(departures).std() == pytest.approx(1.0, abs=0.05)
    assert np.mean(count) == pytest.approx(2 * 20 * 0.9, abs=0.8)
    told, untold = (observing.observe(truth, 5, factor=3.0, told=t) for t in (True, False))
    np.testing.assert_array_equal(told.value, untold.value)
    np.testing.assert_allclose(told.error, 3 * untold.error)
    assert len(exact.observations) == len(observing.observe(truth, 0))  # every station stands on a cell
    assert float(observing.coverage.sum()) == pytest.approx(2 * 20 * 0.9)
    assert observing.nominal["psi_upper"] == pytest.approx(0.03 * float(world.deviation[0]))


def test_forecast_pairs_are_valid_at_one_time_and_apart_by_their_first_errors(world):
    long, short = forecast_pairs(world)
    apart = world.distance(long, short)
    assert 0.05 < apart < 1.0
    exact = World({**world.plan, "errors": {**world.plan["errors"], "share": 1e-9}}, 1, world.file)
    assert exact.distance(*forecast_pairs(exact)) < 1e-3


def test_error_statistics_are_those_of_their_definition(world, folder):
    found = json.loads((folder / "errors" / "latent.json").read_text())
    assert set(found) == {
        "diagonality_b_latent", "diagonality_b_model", "diagonality_r_latent", "reconstruction", "o2lnet_alone",
        "regression_alone",
    }  # fmt: skip
    assert all(np.isfinite(v) and v >= 0 for v in found.values())
    assert found["regression_alone"] < found["o2lnet_alone"]  # one epoch of training
    for name, size in (("background", 16), ("observation", 16)):
        variance = xr.load_dataset(folder / "errors" / f"{name}.nc")["variance"]
        assert variance.shape == (size,)
        assert bool((variance > 0).all())
    assert xr.load_dataset(folder / "errors" / "spectral.nc")["deviation"].shape == (2, 8)


def test_stations_stand_in_each_component_and_at_sea_alone():
    sea = Grid(np.array([-30.0, 0.0, 30.0]), np.arange(0.0, 360.0, 30.0), np.array([-45.0, -15.0, 15.0, 45.0]))
    mask = np.ones(sea.shape, dtype=bool)
    mask[:, :4] = False
    space = air_sea_space(sea, dataclasses.replace(sea, mask=mask))
    plan = {"observations": {"count": 20, "variables": (), "gaps": 0.0, "error_share": 0.1}}
    stub = SimpleNamespace(space=space, plan=plan, seed=1, deviation=torch.ones(space.size))
    observing = Observing(stub)
    assert set(observing.variables) == {"ps", "ta", "ua", "va", "sst", "ssu", "ssv", "ssh"}
    assert all(len(set(cells)) == 20 for cells in observing.stations.values())
    assert set(observing.stations["atmosphere"]) != set(observing.stations["ocean"])
    assert mask.ravel()[observing.stations["ocean"]].all()
    truth = torch.randn(space.size, generator=torch.Generator().manual_seed(0))
    truth[space.index("ps")] += 1e5
    truth[space.index("ta")] += 280.0
    seen = observing.observe(truth, 3)
    assert len(Interpolation(space, seen).observations) == len(seen) == 8 * 20
    index = np.concatenate(
        [
            space.index(v).start + observing.stations["ocean" if v[0] == "s" else "atmosphere"]
            for v in observing.variables
        ]
    )
    assert np.abs(seen.value - truth[torch.from_numpy(index)].numpy()).max() < 0.5
    assert torch.equal(observing.coverage.nonzero().flatten().sort().values, torch.from_numpy(np.sort(index)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variables": ("psi",)}, "no variable 'psi'; choose from psi_upper, psi_lower"),
        ({"count": 9999}, "count 9999, "),
    ],
)
def test_stations_that_cannot_be_are_named(world, change, message):
    plan = world.plan | {"observations": world.plan["observations"] | change}
    with pytest.raises(PipelineError, match=message):
        _ = Observing(World(plan, 1, world.file)).stations


def test_pairs_start_at_the_last_time_whose_memory_was_kept(world, tmp_path):
    n, times, which = world.space.size, torch.tensor([0, 3, 5]), torch.tensor([0, 1, 1])
    stored = {"states": torch.randn(6, 2, n), "memory": torch.randn(3, 2, 4).double(), "interval": torch.tensor(2)}
    save_file(stored, tmp_path / "nature.safetensors")
    found = World(world.plan, 1, tmp_path / "nature.safetensors").starts(times, which)
    assert torch.equal(found[:, :n], stored["states"][[0, 2, 4], which].double())
    assert torch.equal(found[:, n:], stored["memory"][[0, 1, 2], which])
    assert torch.equal(world.starts(times, which), world.nature[times, which])  # a model without memory
