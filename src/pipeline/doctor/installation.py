"""Where the project lives: Python, its packages, and room on the disks."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from pipeline.doctor.machine import Finding, Machine

PYTHON = ((3, 11), (3, 13))
SPACE = (5, 20)  # GiB: too little to run the demonstration; little


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


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _differs(name: str, version: str) -> bool:
    return (_installed(name) or "").partition("+")[0] != version.partition("+")[0]
