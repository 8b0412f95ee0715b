"""The machine that is examined: its programs and processes, and what a check has to say of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}


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
            text = read(self.processes / str(process) / "stat")
            process = int(text.rpartition(")")[2].split()[1]) if text else 0
        return process in wanted

    def holds(self, process: int, lock: Path) -> bool:
        """Whether the kernel's list of locks has this one; a file that names a process may be older than it."""
        try:
            line = rf"^\d+: (FLOCK|POSIX) .* {process} [0-9a-f]+:[0-9a-f]+:{lock.stat().st_ino} "  # no `->`, who waits
        except OSError:
            return False
        return bool(re.search(line, read(self.processes / "locks"), re.MULTILINE))

    def _numbers(self) -> list[int]:
        return [int(p.name) for p in self.processes.iterdir() if p.name.isdigit()]

    def _words(self, process: int) -> str:
        return read(self.processes / str(process) / "cmdline").replace("\0", " ")

    def _folder(self, process: int) -> Path | None:
        try:
            return (self.processes / str(process) / "cwd").resolve(strict=True)
        except OSError:
            return None


def package(debian: str, module: str) -> str:
    """How a missing package is had."""
    return f"apt-get install {debian} (Debian), or module load {module} (cluster)"


def read(path: Path) -> str:
    """The text of a file; empty where it cannot be read, as of a process that has just ended."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
