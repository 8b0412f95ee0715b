"""The fixture `slurm`: a private one-node SLURM for the whole test session, and Snakemake commands that use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from private_slurm import PrivateSlurm, need_slurm

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "profiles" / "slurm"
# What docs/slurm.md names for a SLURM without an accounting database, and shorter waits for a quiet machine.
OVERRIDES = (
    "--slurm-status-command=squeue",
    "--slurm-no-account",
    "--slurm-init-seconds-before-status-checks=2",
    "--seconds-between-status-checks=2",
    "--latency-wait=5",
)


@dataclass(frozen=True)
class Cluster:
    """What a test needs of the private SLURM: the environment of every command, and the profile under test."""

    slurm: PrivateSlurm
    profile: Path = PROFILE
    overrides: tuple[str, ...] = OVERRIDES

    @property
    def env(self) -> dict[str, str]:
        """Environment with SLURM's commands and this Python's `snakemake` first on PATH."""
        wrappers, rest = self.slurm.env["PATH"].split(os.pathsep, 1)
        return self.slurm.env | {"PATH": os.pathsep.join([wrappers, str(Path(sys.executable).parent), rest])}

    def snakemake(
        self, folder: Path, *arguments: str, timeout: float = 300, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        """Run Snakemake on SLURM in a folder; the profile is read from the repository, `environment` adds variables."""
        env = self.env | (environment or {})
        command = ["snakemake", f"--profile={self.profile}", *self.overrides, *arguments]
        return subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def jobs(self) -> list[tuple[str, ...]]:
        """Every job the controller remembers: (partition, tasks, gres, state, comment), oldest first."""
        lines = self.slurm.client("squeue", "--states=all", "--noheader", "--sort=i", "--format=%P|%C|%b|%T|%k")
        return [tuple(line.split("|")) for line in lines.splitlines()]


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A running private SLURM. Missing commands skip the test, but fail it in CI (CI=true)."""
    need_slurm()
    # Not pytest's own folder: the path of munge's socket may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="private-slurm-"))
    try:
        with PrivateSlurm(folder) as private:
            yield Cluster(private)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
