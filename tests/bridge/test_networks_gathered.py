"""Gather, infer, scatter over ranks: the bits of a network per rank, and errors that every rank hears of."""

import json
import os
import subprocess

import pytest

from pipeline import bridge
from pipeline.bridge.networks_gathered import _assign

PROGRAM = """
import json
import sys
import numpy as np
import torch
from mpi4py import MPI
from torch import nn
from pipeline import bridge
from pipeline.bridge.networks import NetworkCallback
from pipeline.bridge.networks_gathered import GatheredCallback
from pipeline.errors import PipelineError

torch.set_num_threads(1)
comm = MPI.COMM_WORLD
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8)).double().eval()
rng = np.random.default_rng(comm.rank)
field = lambda n: np.asfortranarray(rng.standard_normal((8, n)))
results = {}

def same_bits():
    # numbers of columns that differ between ranks, that grow, shrink and vanish
    leader_loads = network if comm.rank == 0 else "absent.pt2"  # the others never look at it
    gathered = GatheredCallback(leader_loads, comm, block=100, reproducible=True, device="cpu")
    own = NetworkCallback(network, block=100, reproducible=True, device="cpu")
    same = []
    for n in (1, 7, 7, 250, 250, 3, 0, 40):
        x = field(n + 30 * comm.rank if n != 40 else 40 * comm.rank)
        y, z = np.zeros_like(x), np.zeros_like(x)
        gathered(x, y)
        own(x, z)
        same.append(np.array_equal(y, z) and (x.size == 0 or np.ptp(y) > 0))
    gathered.close()
    return all(same) and gathered.group.size == 2

def from_fortran():
    model = bridge.load(sys.argv[1], comm)
    model.tool_init(comm.py2f(), 4, 3)
    line = nn.Linear(1, 1).double()
    with torch.no_grad():
        line.weight.fill_(2.0), line.bias.fill_(1.0)
    before = model.tool_get_field(4, 3)
    model.register("analysis", GatheredCallback(line, comm, features="none", device="cpu"))
    model.tool_step(0.0, 1)
    return np.array_equal(model.tool_get_field(4, 3), 2 * before + 1)

def error_of(inputs, *arrays):
    callback = GatheredCallback(network, comm, inputs=inputs, device="cpu")
    try:
        callback(*arrays)
        text = "no error"
    except PipelineError as error:
        text = str(error)
    callback.inputs = 1
    x = field(2)
    callback(x, x)  # and the next call works
    return text

def absent():
    try:
        GatheredCallback("absent.pt2", comm, device="cpu")
    except PipelineError as error:
        return str(error)

results = {
    "bits": same_bits(),
    "fortran": from_fortran(),
    "few": error_of(2, field(3)),
    "ranks": error_of(1, field(3)[: 7 + comm.rank], field(3)),
    "shape": error_of(1, field(3), np.zeros((6, 3), order="F")),
    "one": error_of(1, field(3), field(3 + comm.rank)),  # on rank 1 input and output do not fit
    "absent": absent(),
}
results = comm.gather(results)
if comm.rank == 0:
    print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def ranks(tmp_path_factory, toy_path):
    """What each of two ranks found."""
    script = tmp_path_factory.mktemp("gathered") / "main.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        bridge.mpi_command(2, str(script), str(toy_path)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=dict(os.environ),  # without what this process's own MPI has put into its environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_gathered_columns_have_the_bits_of_a_network_per_rank(ranks):
    assert [rank["bits"] for rank in ranks] == [True, True]


def test_from_fortran_on_two_ranks(ranks):
    assert [rank["fortran"] for rank in ranks] == [True, True]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("few", "expected 2 inputs and 1 outputs, Fortran passed 1 arrays"),
        ("ranks", "the ranks pass different numbers of inputs and outputs (rank 0: 7 and 8, rank 1: 8 and 8)"),
        ("shape", "(6, 8) came out for 6 columns, the output arrays hold (6, 6)"),
        ("one", "arrays of shapes (8, 3), (8, 4) hold different numbers of columns"),
        ("absent", "absent.pt2: No such file or directory"),
    ],
)
def test_an_error_is_raised_on_all_ranks(ranks, case, message):
    assert all(message in rank[case] for rank in ranks), ranks


def test_the_rank_that_failed_is_named_to_the_others(ranks):
    assert [rank["one"].startswith("rank 1: network:") for rank in ranks] == [True, False]


@pytest.mark.parametrize(
    ("seen", "devices"),
    [
        ([()] * 3, ["cpu 0"] * 3),
        ([("a", "b")] * 4, ["cuda:0 1", "cuda:0 1", "cuda:1 2", "cuda:1 2"]),
        ([("a", "b")] * 3, ["cuda:0 1", "cuda:0 1", "cuda:1 2"]),
        ([("a",), ("b",), ("a",), ("b",)], ["cuda:0 1", "cuda:0 2", "cuda:0 1", "cuda:0 2"]),
        ([("a", "b")], ["cuda:0 1"]),
    ],
    ids=["no-gpu", "shared", "uneven", "slurm-gives-one-each", "alone"],
)
def test_ranks_are_grouped_by_the_device_they_share(seen, devices):
    assert ["{} {}".format(*_assign(seen, rank)) for rank in range(len(seen))] == devices
