"""How to start a program whose ranks each hold a part of a Fortran model.

Always through `python -m mpi4py`: an exception that nobody handles then aborts every rank, where it would otherwise
leave the others waiting for ever.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys

from pipeline.errors import PipelineError


def mpi_command(ranks: int, *arguments: str, threads: int = 1) -> list[str]:
    """Words of the command that runs a Python program on `ranks` processes.

    Args:
        ranks: number of processes; more than there are processors is allowed, they then yield while they wait.
        arguments: the program and its arguments, `main.py --days 5` or `-c "..."` or `-m package`.
        threads: OpenMP threads of each process.

    Raises:
        PipelineError: there is no mpirun.
    """
    mpirun = shutil.which("mpirun") or shutil.which("mpiexec")
    if not mpirun:
        raise PipelineError("command 'mpirun' not found; install MPI (Debian: apt-get install openmpi-bin) or load it")
    environment = [f"OMP_NUM_THREADS={threads}"]
    options = []
    if _is_openmpi(mpirun):
        if os.geteuid() == 0:
            environment += ["OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"]
        if ranks > len(os.sched_getaffinity(0)):
            options += ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
    return ["env", *environment, mpirun, *options, "-n", str(ranks), sys.executable, "-m", "mpi4py", *arguments]


@functools.cache
def _is_openmpi(mpirun: str) -> bool:
    version = subprocess.run([mpirun, "--version"], capture_output=True, text=True)
    return "Open MPI" in version.stdout + version.stderr
