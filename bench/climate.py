"""The climate model's speed: make bench AREA=climate.

CPU seconds per model day, as the driver counts them around its steps (start and files left out), of runs of some days
on one rank, in turn; a rank of two counts what it waits for the other, so on a busy machine the figures of two
ranks are upper bounds. Years are extrapolated from these days. The filter's case is the verification program's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import f90nml
from report import ROOT, publish, row

from pipeline import bridge
from pipeline.datasets import grid_file
from pipeline.verification.programs import build

DAYS = 4
TEMPLATES = {"dry": ROOT / "config/models/climate.nml", "moist": ROOT / "config/models/climate_moist.nml"}
PAPER = {
    "atmos_trunc": 47, "atmos_nlon": 144, "atmos_nlat": 96, "atmos_nlev": 24, "atmos_dt": 1800,
    "ocean_nlon": 360, "ocean_nlat": 200, "ocean_nlev": 50,
}  # fmt: skip
YEAR = 365


def main() -> None:
    """Measure and publish."""
    work = ROOT / "build" / "bench" / "climate"
    programs = build("climate", ROOT / "build" / "verification" / "climate")
    rows, days = [], {}
    for name, template in TEMPLATES.items():
        sizes = {ranks: speed(programs, work, template, ranks) for ranks in (1, 2)}
        days[name] = {ranks: sum(parts) for ranks, parts in sizes.items()}
        air, sea = sizes[1]
        target = 0.3 if name == "moist" else None
        rows.append(row(f"atmosphere_{name}_T31L8", air, "core-s/day", "lower", target, "fluxes and land included"))
        rows.append(row(f"ocean_{name}_90x50x10", sea, "core-s/day", "lower"))
        year = YEAR * days[name][2]
        rows.append(row(f"year_{name}_2_ranks", year, "s", "lower", 180.0, f"{DAYS} days, extrapolated"))
        gain = days[name][1] / days[name][2]
        rows.append(row(f"two_ranks_{name}", gain, "1", "higher", 1.8, "one rank"))
    rows.append(row("moist_over_dry", days["moist"][1] / days["dry"][1], "1", "lower"))
    paper = sum(speed(programs, work, TEMPLATES["dry"], 1, days=0.25, sizes=PAPER))
    rows.append(row("paper_size", paper, "core-s/day", "lower", 25.0, "6 hours, extrapolated"))
    publish("climate", rows + filter_cost(programs))


def speed(
    programs: Path, work: Path, template: Path, ranks: int, days: float = DAYS, sizes: dict[str, int] | None = None
) -> tuple[float, float]:
    """CPU seconds per model day of atmosphere and ocean on the busiest rank."""
    case(work, template, sizes or {}, {"days": days, "report_days": 1000.0})
    printed = launched(ranks, programs / "climate_main", "run.nml", folder=work)
    found = re.search(r"^# CPU seconds per model day.*: +(\S+) +(\S+)$", printed, re.MULTILINE)
    assert found, printed
    return float(found[1]), float(found[2])


def case(work: Path, template: Path, sizes: dict[str, int], driver: dict[str, float]) -> Path:
    """A folder that holds the namelist run.nml of a model of some sizes, and its grid."""
    settings = f90nml.read(template)
    climate = settings["climate_nml"] | sizes
    known = f90nml.read(TEMPLATES["dry"])["climate_nml"] | climate
    air, sea = ((known[f"{part}_nlon"], known[f"{part}_nlat"]) for part in ("atmos", "ocean"))
    grid = work / f"grid_{air[0]}_{sea[0]}.nc"
    if not grid.exists():
        work.mkdir(parents=True, exist_ok=True)
        grid_file.write(grid, air, sea)
    settings["climate_nml"] = climate | {"grid_file": grid.name}
    settings["driver_nml"] = driver
    settings.write(work / "run.nml", force=True)
    return work


def filter_cost(programs: Path) -> list[dict]:
    """10,000 observations on the paper's grids, on one rank."""
    printed = launched(1, programs / "test_mpi_da_paper_long", folder=programs)
    rows = []
    for name, target in (("ocean_cpu_seconds", 5.0), ("atmosphere_cpu_seconds", 5.0)):
        value = float(re.search(rf"^{name} +(\S+)", printed, re.MULTILINE)[1])  # type: ignore[index]
        rows.append(row(f"filter_{name}", value, "core-s", "lower", target, "10,000 observations, 20 members"))
    return rows


def launched(ranks: int, program: Path, *arguments: str, folder: Path) -> str:
    """What a Fortran program prints on some ranks."""
    prefix = bridge.mpi_command(ranks)
    command = [*prefix[: prefix.index(sys.executable)], str(program), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=dict(os.environ), check=False)
    if done.returncode:
        raise SystemExit(f"{program.name} on {ranks} ranks failed:\n{done.stdout[-500:]}{done.stderr[-1500:]}")
    return done.stdout


if __name__ == "__main__":
    main()
