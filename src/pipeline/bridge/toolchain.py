"""Running compilers and build commands: everything goes to one log, the first relevant lines to the user."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import PipelineError

_RELEVANT = re.compile(
    r"\berror\b|fatal|undefined (reference|symbol)|cannot (find|open)|no such file|not found|multiple definition|-fPIC",
    re.IGNORECASE,
)
_PACKAGES = {
    "mpif90": ("libopenmpi-dev openmpi-bin gfortran", "openmpi"),
    "mpicc": ("libopenmpi-dev openmpi-bin gcc", "openmpi"),
    "mpirun": ("openmpi-bin", "openmpi"),
    "gfortran": ("gfortran", "gcc"),
    "nf-config": ("libnetcdff-dev", "netcdf-fortran"),
    "nc-config": ("libnetcdf-dev", "netcdf"),
    "cmake": ("cmake", "cmake"),
    "ninja": ("ninja-build", "ninja"),
    "ldd": ("libc-bin", "glibc"),
}


class Toolchain:
    """Runs commands of one build and keeps their output in a log.

    Args:
        model: name of the model, for messages.
        log: the log file; emptied.
        environment: variables on top of the process's own.
    """

    def __init__(self, model: str, log: Path, environment: Mapping[str, str]):
        self.model, self.log = model, log
        beside_python = str(Path(sys.executable).parent)
        path = os.pathsep.join([beside_python, os.environ.get("PATH", os.defpath)])
        self.environment = {**os.environ, "PATH": path, **environment}
        log.write_text("")

    def find(self, program: str) -> str:
        """Absolute path of a program.

        Raises:
            PipelineError: it is not on PATH; the message names the package and the module that bring it.
        """
        found = shutil.which(program, path=self.environment["PATH"])
        if found:
            return found
        package, module = _PACKAGES.get(Path(program).name, (Path(program).name, Path(program).name))
        raise PipelineError(
            f"model {self.model}: command {program!r} not found; install it (Debian: apt-get install {package}), "
            f"load it (cluster: module load {module}) or name another one in the model's configuration"
        )

    def run(self, step: str, command: Sequence[str], cwd: Path) -> str:
        """Run a command and return what it printed, standard error included.

        Raises:
            PipelineError: it failed; the message has the first relevant lines and the log's path.
        """
        words = [self.find(command[0]), *command[1:]]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        done = subprocess.run(words, cwd=cwd, env=self.environment, **streams)
        with self.log.open("a") as log:
            log.write(f"$ cd {cwd}; {shlex.join(words)}\n{done.stdout}\n")
        if done.returncode:
            raise self.failure(step, done.stdout, done.returncode)
        return done.stdout

    def failure(self, step: str, output: str, code: int | None = None) -> PipelineError:
        """The error of a step: its first relevant lines and where the rest is."""
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        first = [line for line in lines if _RELEVANT.search(line)][:3] or lines[-3:] or [f"exit code {code}"]
        return PipelineError(f"model {self.model}: {step} failed: " + "\n  ".join(first) + f"\n  full log: {self.log}")
