"""What the machine has and lacks for this project, and how to mend it: `python -m pipeline doctor`.

Each check looks at one thing and says what it found. Only the standard library is imported, so that the doctor can
still speak where the environment is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.doctor.installation import disk, environment
from pipeline.doctor.jobs import orphans, slurm, workflow_lock
from pipeline.doctor.machine import Finding, Machine
from pipeline.doctor.toolchain import compiler, mpi, netcdf

__all__ = [
    "CHECKS", "Finding", "Machine", "compiler", "disk", "environment", "examine", "mpi", "netcdf", "orphans", "slurm",
    "workflow_lock",
]  # fmt: skip

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
