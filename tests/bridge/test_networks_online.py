"""A parameterization learnt while a Fortran model runs, and put in the place of the routine it was learnt from."""

import copy
import importlib.util
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline import bridge
from pipeline.bridge.networks_online import OnlineLearner
from pipeline.errors import PipelineError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "lorenz96"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("learn_closure", EXAMPLE / "learn_closure.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lorenz(tmp_path_factory, example):
    """The two-scale model on its attractor."""
    model = bridge.load(bridge.build(EXAMPLE / "lorenz96.yaml", tmp_path_factory.mktemp("lorenz96")))
    model.tool_init()
    model.tool_run(500, example.DT)
    return model


def test_the_closure_is_learnt_and_replaces_the_fast_variables(lorenz, example):
    """Errors after 0.5 time units are about 4 without closure and below 1 with it; X then varies as in the full model.

    Its standard deviation is 5.1 in the full model and 7.4 without closure; over 15 time units it wanders by tenths.
    """
    learner = example.learn(lorenz, goal=0.8)
    assert learner.skill > 0.8
    lorenz.register("subgrid", learner.emulator(device="cpu"))
    errors = example.forecast_errors(lorenz, starts=10, steps=100)
    assert errors[example.EMULATED] < 0.35 * errors[example.NEGLECTED]
    full, emulated, none = (example.climate(lorenz, closure, 3000)[1] for closure in (0, 1, 2))
    assert abs(emulated - full) < 0.5 * abs(none - full)


def test_a_goal_out_of_reach_is_an_error(lorenz, example):
    lorenz.tool_init()
    with pytest.raises(PipelineError, match="after 600 steps the network explains"):
        example.learn(lorenz, goal=0.9999, most=600)
    lorenz.register("learn", None)


def samples(n, seed=0):
    """y = (sin 2x, x^2): far from order one, as model variables are."""
    x = np.random.default_rng(seed).uniform(-1.5, 1.5, (1, n))
    return np.asfortranarray(300.0 + 10 * x), np.asfortranarray(np.concatenate([1e5 + np.sin(2 * x), 1e-6 * x**2]))


def learner(**options):
    torch.manual_seed(3)
    network = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 2)).double()
    return OnlineLearner(network, warmup=200, window=500, learning_rate=1e-2, **options)


def test_skill_is_of_samples_not_yet_learnt_and_scales_are_those_of_the_data():
    online = learner()
    for k in range(300):
        online(*samples(16, seed=k))
        if k == 20:
            assert online.skill == -np.inf, "not enough samples yet"
    model = online._model
    assert model.mean_x.item() == pytest.approx(300, abs=1)
    assert model.scale_y[1].item() == pytest.approx(0.67e-6, rel=0.2)
    x, y = samples(400, seed=999)
    out = np.zeros_like(y)
    online.emulator()(x, out)
    error = ((out - y) ** 2).mean(axis=1) / y.var(axis=1)
    assert np.all(error < 0.05)


def test_the_memory_is_a_ring_of_the_latest_columns():
    online = learner(capacity=100)
    for k in range(30):
        online(*samples(16, seed=k))
    latest = np.concatenate([samples(16, seed=k)[0][0] for k in range(30)])[-100:]
    assert sorted(online._x[:, 0].tolist()) == sorted(latest.tolist())


def test_an_emulator_does_not_change_with_what_is_learnt_later():
    online = learner()
    for k in range(20):
        online(*samples(16, seed=k))
    emulator = online.emulator()
    x, y = samples(5)
    first, second = np.zeros_like(y), np.zeros_like(y)
    emulator(x, first)
    before = copy.deepcopy(online.network.state_dict())
    online(*samples(16, seed=77))
    emulator(x, second)
    assert np.array_equal(first, second)
    assert any(not torch.equal(before[key], value) for key, value in online.network.state_dict().items())


TWO_RANKS = """
import numpy as np
import torch
from mpi4py import MPI
from torch import nn
from pipeline.bridge.networks_online import OnlineLearner
comm = MPI.COMM_WORLD
torch.set_num_threads(1)
torch.manual_seed(comm.rank)
network = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)).double()
online = OnlineLearner(network, comm=comm, warmup=100, window=300, learning_rate=2e-2, seed=comm.rank)
rng = np.random.default_rng(comm.rank)
for _ in range(150):
    half = rng.uniform(0, 2, (1, 16)) - 2 * comm.rank      # each rank sees one half of the domain
    online(np.asfortranarray(half), np.asfortranarray(np.sin(half)))
x = np.asfortranarray(np.linspace(-2, 2, 41)[None])
y = np.zeros_like(x)
online.emulator()(x, y)
weights = comm.gather([p.detach().numpy() for p in network.parameters()])
if comm.rank == 0:
    print(all(np.array_equal(a, b) for a, b in zip(*weights)), np.abs(y - np.sin(x)).max() < 0.15)
"""


def test_ranks_learn_one_network_together(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(TWO_RANKS)
    # The environment without what this process's own MPI has put into it.
    command, environment = bridge.mpi_command(2, str(script)), dict(os.environ)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.stdout.split() == ["True", "True"], done.stderr
