"""Two models in one process: each has its own state, settings and errors."""

import subprocess
import sys

import pytest

from pipeline import bridge


@pytest.fixture
def twin(toy, twin_path):
    from mpi4py import MPI

    model = bridge.load(twin_path)
    model.tool_init(MPI.COMM_SELF.py2f(), 2, 2)
    return model


def test_each_has_its_own_state(toy, twin):
    assert twin.tool_get_field(2, 2).tolist() == [[101.0, 201.0], [102.0, 202.0]]
    assert toy.tool_get_total() == 2430.0
    with pytest.raises(bridge.FortranStop):
        twin.tool_fail(1)
    assert toy.broken_by is None
    toy.tool_step(0.1, 0)


def test_each_has_its_own_command_line(toy, twin):
    """The run-time library, which keeps it, is one for both."""
    for _ in range(2):
        assert toy.tool_argument()[0] == 2
        assert twin.tool_argument()[0] == 3


def test_one_calls_the_other_in_a_callback(toy, twin):
    """An error of the inner model is an exception in the callback of the outer one, and Fortran goes on from there."""
    seen = []

    def analysis(x):
        with pytest.raises(bridge.FortranStop, match="negative mass"):
            twin.tool_fail(2)
        seen.append(twin.broken_by is not None)
        x[0, 0] = -1.0

    toy.register("analysis", analysis)
    toy.tool_step(0.0, 1)
    assert seen == [True]
    assert toy.tool_get_field(4, 3)[0, 0] == -1.0
    assert toy.tool_argument()[0] == 2


@pytest.mark.parametrize(("how", "text"), [(7, "floating-point division by zero"), (13, "MPI: MPI_ERR_RANK")])
def test_what_is_handled_once_per_process_finds_the_model_that_failed(toy_path, twin_path, how, text):
    program = f"""
from mpi4py import MPI
from pipeline import bridge
models = [bridge.load(path) for path in ({str(toy_path)!r}, {str(twin_path)!r})]
for model in models:
    model.floating_traps = True
    model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
for model in models:
    try:
        model.tool_fail({how})
    except bridge.FortranError as error:
        print(error, [m.broken_by is None for m in models])
        model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    assert all(text in line for line in lines)
    assert [line[line.index("[") :] for line in lines] == ["[False, True]", "[True, False]"]
