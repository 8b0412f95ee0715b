"""The small Fortran model of the bridge's tests, built once."""

import os
import subprocess
from pathlib import Path

import pytest

from pipeline import bridge

HERE = Path(__file__).parent
YAML = HERE / "fortran" / "toy.yaml"


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory):
    return bridge.build(YAML, tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def _toy(toy_path):
    from mpi4py import MPI

    return bridge.load(toy_path, MPI.COMM_SELF)


@pytest.fixture
def toy(_toy):
    """The model on this process, freshly started with a 4x3 field, x(i, j) = i + 100 j; no callback registered."""
    from mpi4py import MPI

    _toy.register("analysis", None)
    _toy.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
    return _toy


@pytest.fixture
def run_ranks(tmp_path, toy_path):
    """Run a program on `ranks` processes; it finds the module's path in argv[1]."""

    def run(ranks, program, timeout=60.0):
        script = tmp_path / "main.py"
        script.write_text(program)
        command = bridge.mpi_command(ranks, str(script), str(toy_path))
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=dict(os.environ))

    return run
