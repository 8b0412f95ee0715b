"""The project's own workflow at size `test` through SLURM: MPI rules on the cpu partition, training on the gpu one."""

from __future__ import annotations

import json

import pytest

from project import Project

pytestmark = pytest.mark.slurm


def test_the_experiment_runs_on_slurm(slurm, tmp_path):
    project = Project(tmp_path)
    environment = {name: project.env[name] for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    before = len(slurm.jobs())
    done = slurm.snakemake(tmp_path, "--config", "size=test", environment=environment, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]

    summary = json.loads((tmp_path / "results" / "climate_scda" / "test" / "summary.json").read_text())
    assert {"rmse_sst_scda", "rmse_ps_scda"} <= {row["name"] for row in summary["rows"]}
    jobs = slurm.jobs()[before:]
    assert {state for _, _, _, state, _ in jobs} == {"COMPLETED"}
    for rule in ("cycle_segment", "truth_segment", "nature_segment", "branch"):
        assert {(partition, cpus) for partition, cpus, *_ in of_rule(jobs, rule)} == {("cpu", "2")}
    ((partition, *_),) = of_rule(jobs, "train_vae")
    assert partition == "gpu"


def of_rule(jobs, rule):
    """Jobs of a rule, whose name Snakemake puts into the comment."""
    return [job for job in jobs if job[-1].startswith(f"rule_{rule}")]
