"""Small workflows through a real SLURM with the project's own profile: plain, MPI and GPU rules, and retries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import private_slurm
import pytest
import yaml

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]
# The rules bear names that profiles/slurm/config.yaml knows, so that what it sets for them is what is tested.
SNAKEFILE = """
rule all:
    input: "merged.json"

rule statistics:
    output: "plain.json"
    resources: mem_mb=500
    shell: "python describe.py {output}"

rule cycle_segment:
    input: "plain.json"
    output: "mpi.json"
    resources: tasks=2, mem_mb=1000
    shell: "{resources.mpi} -n {resources.tasks} python describe.py {output}"

rule train_vae:
    input: "plain.json"
    output: "gpu.json"
    threads: 2
    resources: gpu=1, mem_mb=500
    shell: "python describe.py {output}"

rule merge:
    input: "plain.json", "mpi.json", "gpu.json"
    output: "merged.json"
    localrule: True
    shell: "cat {input} > {output}"
"""
# Who am I? Under MPI, ranks add up their numbers plus one: 1 + 2 on two ranks.
DESCRIBE = """
import json, os, sys
keys = ("SLURM_JOB_PARTITION", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
found = {key: os.environ.get(key) for key in keys}
if "mpi" in sys.argv[1]:
    from mpi4py import MPI
    found |= {"size": MPI.COMM_WORLD.size, "sum": MPI.COMM_WORLD.allreduce(MPI.COMM_WORLD.rank + 1)}
    if MPI.COMM_WORLD.rank:
        sys.exit()
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
"""
FAILING = """
rule flaky:
    output: "flaky.txt"
    resources: mem_mb=lambda wildcards, attempt: 300 * attempt
    shell: "echo try >> tries; test $(wc -l < tries) -ge 2 && echo {resources.mem_mb} > {output}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory where the profile's relative paths hold."""
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    (tmp_path / "describe.py").write_text(DESCRIBE)
    return tmp_path


def test_plain_mpi_and_gpu_rules(slurm, folder):
    (folder / "Snakefile").write_text(SNAKEFILE)
    before = len(slurm.jobs())
    finished = slurm.snakemake(folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr

    plain, mpi, gpu = (json.loads((folder / f"{name}.json").read_text()) for name in ("plain", "mpi", "gpu"))
    assert plain["SLURM_JOB_PARTITION"] == "cpu"
    assert not plain["CUDA_VISIBLE_DEVICES"]
    assert (mpi["size"], mpi["sum"]) == (2, 3)
    assert mpi["SLURM_JOB_PARTITION"] == "cpu"
    assert gpu["SLURM_JOB_PARTITION"] == "gpu"
    assert gpu["CUDA_VISIBLE_DEVICES"] == "0"
    jobs = slurm.jobs()[before:]
    assert [job[3] for job in jobs] == ["COMPLETED"] * 3
    assert len({plain["SLURM_JOB_ID"], mpi["SLURM_JOB_ID"], gpu["SLURM_JOB_ID"]}) == 3


def test_failed_job_is_submitted_again_with_more(slurm, folder):
    (folder / "Snakefile").write_text(FAILING)
    before = len(slurm.jobs())
    finished = slurm.snakemake(folder, "flaky")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (folder / "flaky.txt").read_text().split() == ["600"]
    assert [job[3] for job in slurm.jobs()[before:]] == ["FAILED", "COMPLETED"]


def test_missing_slurm_is_a_skip_here_and_a_failure_in_ci(monkeypatch):
    monkeypatch.setattr(private_slurm, "DAEMONS", ("no-such-daemon",))
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="no-such-daemon"):
        private_slurm.need_slurm()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-daemon"):
        private_slurm.need_slurm()


def test_profile_gives_mpi_to_the_mpi_rules_alone():
    """The profile names rules; a renamed or new one has to be renamed or added there too."""
    text = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    rules = re.split(r"^\s*rule (\w+):$", text, flags=re.MULTILINE)[1:]
    bodies = dict(zip(rules[::2], rules[1::2], strict=True))
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())["set-resources"]
    mpi_rules = {name for name, body in bodies.items() if re.search(r"shell:\s+RUN_MODEL", body)}
    derived = re.findall(r"use rule (\w+) as (\w+) with", text)
    mpi_rules |= {name for base, name in derived if base in mpi_rules}
    assert mpi_rules == {name for name, resources in profile.items() if "mpi" in resources}
    assert set(profile) <= set(bodies) | {name for _, name in derived}


def test_nothing_listens_beyond_loopback(slurm):
    """The daemons' sockets, as the kernel lists them, are bound to 127.0.0.1."""
    listening = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            listening[fields[9]] = fields[1]
    owned = set()
    for process in slurm.slurm.processes:
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            link = str(descriptor.readlink())
            if link.startswith("socket:["):
                owned.add(link[8:-1])
    addresses = {listening[inode].split(":")[0] for inode in owned & set(listening)}
    assert addresses == {"0100007F"}
