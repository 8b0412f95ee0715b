"""The workflow's own costs: Python controller against a plain Fortran driver, stages, and Snakemake's overhead.

    make bench AREA=workflow

Both programs run the same model from the same namelist on two ranks, in turn, so that a busy machine disturbs both.
The stages are those of the last `make run` (SIZE=demo by default), which is started if there is none.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import ROOT, publish, row

from pipeline.config import nature_start, resolve
from pipeline.figures.timing import collect
from pipeline.models.namelist import write_namelist

REPEATS = 5
DAYS = 10
CONTROLLER = """
import sys, time
from pathlib import Path
from mpi4py import MPI
from pipeline import bridge
from pipeline.models.climate import Climate
model = Climate(bridge.load(Path(sys.argv[1])), MPI.COMM_WORLD, sys.argv[2])
MPI.COMM_WORLD.barrier()
begun = time.perf_counter()
for _ in range(int(sys.argv[3])):
    model.step()
MPI.COMM_WORLD.barrier()
seconds = time.perf_counter() - begun
model.write_restart(sys.argv[4])
if MPI.COMM_WORLD.rank == 0:
    print(seconds)
"""


def main() -> None:
    """Measure and publish."""
    size = os.environ.get("SIZE", "demo")
    os.chdir(ROOT)
    config = resolve({"size": size})
    run_workflow("--until", "build_model", "grid", size=size)
    publish("workflow", [*controller_against_driver(config), *stages(config, size)])


def controller_against_driver(config) -> list[dict]:
    """Seconds of the time loop alone, and whether both leave the same restart."""
    module = Path(config.build_dir) / "models" / config.model.name / f"{config.model.name}.so"
    driver = next(module.parent.rglob("climate_main"))
    grid = f"{config.build_dir}/grids/{config.size}/grid.nc"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        namelist = folder / "model.nml"
        write_namelist(namelist, json.loads(config.model.model_dump_json()), {"grid": grid}, str(nature_start(config)))
        text = namelist.read_text()
        namelist.write_text(
            text + f"\n&driver_nml\n days = {DAYS}.0, report_days = 1000.0,\n restart_out = 'driver.nc'\n/\n"
        )
        script = folder / "controller.py"
        script.write_text(CONTROLLER)
        steps = str(DAYS * 12)
        controller = [
            sys.executable,
            "-m",
            "mpi4py",
            str(script),
            str(module.resolve()),
            "model.nml",
            steps,
            "python.nc",
        ]
        pairs = []
        for _ in range(REPEATS):
            table = mpirun([str(driver.resolve()), "model.nml"], folder).splitlines()
            fortran = float([line for line in table if not line.startswith("#")][-1].split()[1])
            python = float(mpirun(controller, folder).splitlines()[-1])
            pairs.append((python, fortran))
        same = (folder / "driver.nc").read_bytes() == (folder / "python.nc").read_bytes()
    ratio = statistics.median(python / fortran for python, fortran in pairs)
    best = min(p for p, _ in pairs) / min(f for _, f in pairs)
    peer = f"plain Fortran driver, {DAYS} days, {REPEATS} pairs"
    return [
        row("controller_time_ratio_median", ratio, "1", "lower", 1.01, peer),
        row("controller_time_ratio_of_best", best, "1", "lower", 1.01, peer),
        row("controller_same_restart", float(same), "1 = yes", "higher", 1.0, peer),
        row("driver_seconds_per_day", min(f for _, f in pairs) / DAYS, "s", "lower"),
    ]


def mpirun(command: list[str], folder: Path) -> str:
    """Standard output of a command on two ranks."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    full = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", "2", *command]
    return subprocess.run(full, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def stages(config, size: str) -> list[dict]:
    """Wall time and peak memory of each rule, and what Snakemake adds when there is nothing to do."""
    results = Path(config.results_dir) / config.experiment / size
    run_workflow(size=size)
    begun = time.perf_counter()
    run_workflow("--quiet", "all", size=size)
    idle = time.perf_counter() - begun
    files = [
        p
        for folder in (Path(config.build_dir) / "models", Path(config.build_dir) / "grids" / size, results)
        for p in sorted(folder.rglob("*.tsv"))
    ]
    timing = collect(files)
    rows = [row(f"stage_{r.rule}", r.seconds, "s", "lower") for r in timing.itertuples()]
    return [
        *rows,
        row("sum_of_stages", float(timing["seconds"].sum()), "s", "lower", 900.0 if size == "demo" else 300.0),
        row("peak_memory_of_a_job", float(timing["mebibytes"].max()) / 1024, "GiB", "lower", 8.0),
        row("snakemake_with_nothing_to_do", idle, "s", "lower"),
    ]


def run_workflow(*arguments: str, size: str) -> None:
    """Snakemake with the local profile."""
    command = ["snakemake", "--profile", "profiles/local", *arguments, "--config", f"size={size}"]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
