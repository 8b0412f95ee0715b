"""Who works here: SLURM, workflows and the jobs that outlived them."""

from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path

from pipeline.doctor.machine import Finding, Machine, read


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


def _holder(lock: Path) -> int:
    """The process of this machine that a lock file names, see `pipeline.locks`; 0 for none."""
    try:
        holder = json.loads(read(lock) or "{}")
        return int(holder["pid"]) if holder.get("host") == socket.gethostname() else 0
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0
