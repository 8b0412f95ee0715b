"""A kill -9 of the workflow, or of one MPI rank, then the same command: it ends bit for bit as an undisturbed run."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
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


def runs_model(process: psutil.Process, folder: Path) -> bool:
    """Whether a process is one of the model's ranks that work in a folder."""
    try:
        command, place = process.cmdline(), process.cwd()
    except psutil.Error:
        return False
    program = Path(command[0]).name if command else ""
    return "python" in program and {"workflow/scripts/run_model.py", "mpi4py"} <= set(command) and Path(place) == folder


def ranks_in(folder: Path) -> list[psutil.Process]:
    """The model's ranks that work in a folder, whoever started them."""
    return [process for process in psutil.process_iter() if runs_model(process, folder.resolve())]


def ranks_below(run: subprocess.Popen, folder: Path) -> list[psutil.Process]:
    """The model's ranks of one run; those that a killed run left behind may still be on their way out."""
    try:
        below = psutil.Process(run.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in below if runs_model(process, folder.resolve())]


def kill_a_rank(run: subprocess.Popen, folder: Path) -> bool:
    """Kill the youngest rank of a run if it has one now."""
    for rank in reversed(ranks_below(run, folder)):
        with contextlib.suppress(psutil.NoSuchProcess):
            rank.kill()
            return True
    return False


def wait_for(seconds: float, condition: Callable, *arguments: object):
    """What a condition gives as soon as it is true, or nothing."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if value := condition(*arguments):
            return value
        time.sleep(0.05)
    return None


@pytest.fixture(scope="module")
def resumed(project, finished):
    """Results of a run that was killed again and again: the workflow alone, one rank, everything at once."""
    for delay, victim in ((2.0, "workflow"), (1.0, "rank"), (3.0, "group"), (1.5, "workflow"), (2.5, "rank")):
        run = project.start(config=CONFIG)
        if victim != "group":
            assert wait_for(60, ranks_below, run, project.folder)
        time.sleep(delay)
        if victim == "rank":
            assert wait_for(60, kill_a_rank, run, project.folder)
            assert run.wait(300) != 0
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
    assert not ranks_in(project.folder)
    assert subprocess.run(["pgrep", "-f", str(project.folder)], capture_output=True).returncode == 1
