"""A kill -9 of the workflow, or of one MPI rank, then the same command: it ends bit for bit as an undisturbed run."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from contents import fingerprint

CONFIG = ("size=test", "results_dir=killed")
UNDISTURBED = ("log", "tsv", "png")
"""Logs, timings and figures (which show timings) may differ; everything else may not."""


def fingerprints(folder: Path) -> dict[str, str]:
    """Hash of each result, by its path."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix.lstrip(".") not in UNDISTURBED)
    kept = (p for p in files if p.name not in ("timing.json", "summary.json"))
    return {str(p.relative_to(folder)): fingerprint(p) for p in kept}


def ranks_of(folder: Path) -> list[int]:
    """Process ids of the model's ranks that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            same_folder = (process / "cwd").resolve() == folder.resolve()
            command = (process / "cmdline").read_bytes().split(b"\0")
            runs_model = b"workflow/scripts/run_model.py" in command and b"mpi4py" in command
            if same_folder and runs_model and b"python" in command[0].rpartition(b"/")[2]:
                found.append(int(process.name))
    return sorted(found)


def wait_for(condition, seconds: float):
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if value := condition():
            return value
        time.sleep(0.05)
    return None


@pytest.fixture(scope="module")
def resumed(project, finished):
    """Results of a run that was killed again and again: the workflow alone, one rank, everything at once."""
    for delay, victim in ((2.0, "workflow"), (1.0, "rank"), (3.0, "group"), (1.5, "workflow"), (2.5, "rank")):
        run = project.start(config=CONFIG)
        ranks = wait_for(lambda: ranks_of(project.folder), 60) if victim != "group" else None
        time.sleep(delay)
        if victim == "rank" and ranks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(ranks[-1], signal.SIGKILL)
            run.wait(300)
        elif victim == "workflow":
            run.kill()
            run.wait()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    done = project.snakemake(config=CONFIG)
    assert done.returncode == 0, done.stdout[-6000:]
    return project.folder / "killed" / "climate_scda" / "test"


def test_a_killed_run_ends_as_an_undisturbed_one(finished, resumed):
    expected, found = fingerprints(finished), fingerprints(resumed)
    assert found.keys() == expected.keys()
    different = [name for name in expected if found[name] != expected[name]]
    assert not different


def test_nothing_half_written_stays_behind(resumed):
    assert not [p for p in resumed.rglob(".*") if ".partial" in p.name or p.name.startswith(".checkpoint_")]


def test_no_orphan_stays_behind(project, resumed):
    assert not ranks_of(project.folder)
    assert subprocess.run(["pgrep", "-f", str(project.folder)], capture_output=True).returncode == 1
