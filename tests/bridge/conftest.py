"""The small Fortran model of the bridge's tests, built once."""

import fcntl
import json
import os
import shutil
import subprocess
import time
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


@pytest.fixture(scope="session")
def twin_path(toy_path, tmp_path_factory):
    """The same model once more, with a state and a command line of its own."""
    folder = tmp_path_factory.mktemp("twin")
    shutil.copy(toy_path, folder)
    record = json.loads((toy_path.parent / "model.json").read_text())
    record["config"]["runtime"]["arguments"] = ["twin", "--members", "3", "more"]
    (folder / "model.json").write_text(json.dumps(record))
    return folder / toy_path.name


@pytest.fixture
def run_ranks(tmp_path, toy_path):
    """Run a program on `ranks` processes; it finds the module's path in argv[1].

    With `until_free` also the time when the lock of that file, which a rank holds, is given up: the end of the rank.
    """

    def run(ranks, program, timeout=300.0, until_free=None):
        script = tmp_path / "main.py"
        script.write_text(program)
        command = bridge.mpi_command(ranks, str(script), str(toy_path))
        # Not what MPI has added to the environment of this process, in which mpirun would see another mpirun.
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": dict(os.environ)}
        with subprocess.Popen(command, **streams) as process:
            end = until_free and wait_for_end(process, until_free, timeout)
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            finally:
                process.terminate()  # nothing, where it has ended
        done = subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
        return (done, end) if until_free else done

    return run


def wait_for_end(process, path, timeout):
    """Wait until the file is locked by the program, then until it is free again; the time of that."""
    deadline = time.monotonic() + timeout
    was_held = False
    with path.open("w") as file:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                was_held = True
            else:
                if was_held:
                    break
                fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(0.01)
    return time.time()
