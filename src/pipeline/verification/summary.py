"""summary.json: what the experiment gave beside what the paper reports, every number from the run's own tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.datasets import grid_file, oisst
from pipeline.datasets.regridding import regrid
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import VOCABULARY, Grid
from pipeline.trajectory import open_trajectory
from pipeline.verification.cycles import Chains
from pipeline.verification.metrics import bootstrap_interval, pattern_correlation, rmse, student_interval
from pipeline.verification.profiles import UNITS

PAPER_PS_RMSE = {"wcda": 4.81, "scda": 4.62}
"""Hf2pMDA, July-December 1982, in the paper's unit; our twin differs, so only the ratio is comparable."""
PAPER_GAINS = {("ps", "scda"): 100.0 * (PAPER_PS_RMSE["scda"] / PAPER_PS_RMSE["wcda"] - 1.0), ("sst", "scda"): 0.0}
PAPER_STATE_SIZE, PAPER_LATENT_SIZE = 343_296, 20_480
PAPER_RECONSTRUCTION = 1e-2
"""Hf2pMDA: reconstruction error of order 1e-2 of the range."""
LARGE = 1.5
"""An error is large that exceeds this many times the median of the weakly coupled one's."""


def row(name: str, ours: float, unit: str, better: str, paper: float | None = None, **extra: Any) -> dict[str, Any]:
    """One row of summary.json; `better` is `higher`, `lower` or `equal`."""
    return {"name": name, "ours": float(ours), "paper": paper, "unit": unit, "better": better} | extra


def cycle_rows(table: pd.DataFrame, begin: np.datetime64) -> list[dict[str, Any]]:
    """RMSE of each method after the burn-in, with confidence intervals, and each method against weak coupling."""
    scored = table[(table["stage"] == "analysis") & (table["time"] >= begin)]
    series = scored.groupby(["variable", "method", "time"], sort=False)["rmse"].mean()
    rows = []
    for (variable, method), values in series.groupby(level=["variable", "method"], sort=False):
        interval = bootstrap_interval(values.to_numpy())
        unit = VOCABULARY[variable].units
        rows.append(row(f"rmse_{variable}_{method}", values.mean(), unit, "lower", interval_95=interval))
    return rows + gains(scored) + ordinary_rows(scored)


def gains(scored: pd.DataFrame) -> list[dict[str, Any]]:
    """Change of each method's error against the weakly coupled one's, per cent of it, paired in seed and time.

    `interval_95` is that of the mean over time (moving blocks) of the mean over seeds: other times, the same truths.
    `by_seed` shows the seeds apart; `seeds_interval_95`, of three seeds or more, is that of their mean: other truths.
    """
    rows = []
    for variable, errors in _beside_weak(scored):
        weak = errors.pop("wcda")
        for method, values in errors.items():
            change = 100.0 * (values - weak) / weak.groupby("seed").transform("mean")
            paper = PAPER_GAINS.get((variable, str(method)))
            interval = bootstrap_interval(change.groupby("time").mean().to_numpy())
            by_seed = change.groupby("seed").mean()
            extra = {"interval_95": interval} | _by_seed(by_seed)
            rows.append(row(f"rmse_{variable}_{method}_against_wcda", change.mean(), "%", "lower", paper, **extra))
    return rows


def _by_seed(means: pd.Series) -> dict[str, Any]:
    """Seeds apart, and the interval of their mean where there are three or more."""
    interval = {"seeds_interval_95": student_interval(means.to_numpy())} if len(means) > 2 else {}
    return {"by_seed": means.tolist()} | interval


def _beside_weak(scored: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Errors (seed and time, method) of each variable that weak coupling is scored on."""
    for variable, table in scored.groupby("variable", sort=False):
        errors = table.pivot_table("rmse", ["seed", "time"], "method", sort=False)
        if "wcda" in errors:
            yield str(variable), errors


def ordinary_rows(scored: pd.DataFrame) -> list[dict[str, Any]]:
    """What a mean over months hides: errors at ordinary times, and how often a method loses the truth for a while.

    `median_<variable>_<method>_against_wcda` is the change of the median over time in per cent of weak coupling's,
    mean over seeds; `large_<variable>_<method>` the share of analyses whose error exceeds `LARGE` times that median.
    """
    rows = []
    for variable, errors in _beside_weak(scored):
        medians = errors.groupby("seed").median()
        change = 100.0 * (medians.div(medians["wcda"], axis=0) - 1.0).drop(columns="wcda")
        large = 100.0 * errors.gt(LARGE * errors["wcda"].groupby("seed").transform("median"), axis=0)
        for method, values in change.items():
            extra = {"by_seed": values.tolist()}
            rows.append(row(f"median_{variable}_{method}_against_wcda", values.mean(), "%", "lower", **extra))
        for method, values in large.items():
            extra = {"by_seed": values.groupby("seed").mean().tolist()}
            rows.append(row(f"large_{variable}_{method}", values.mean(), "%", "lower", **extra))
    return rows


def profile_rows(table: pd.DataFrame, begin: np.datetime64) -> list[dict[str, Any]]:
    """RMSE aloft and at depth after the burn-in, mean over levels, times and seeds.

    `levels_<variable>_<method>_against_wcda` is its change in per cent of the weakly coupled one's, by seed and with
    the interval of the mean over seeds; snapshots are too few for one in time.
    """
    scored = table[table["time"] >= begin]
    means = scored.groupby(["variable", "method"], sort=False)["rmse"].mean()
    rows = [
        row(f"rmse_{variable}_levels_{method}", value, UNITS[variable], "lower")
        for (variable, method), value in means.items()
    ]
    for variable, errors in _beside_weak(scored):
        mean = errors.groupby("seed").mean()
        change = 100.0 * (mean.div(mean["wcda"], axis=0) - 1.0).drop(columns="wcda")
        for method, values in change.items():
            name = f"levels_{variable}_{method}_against_wcda"
            rows.append(row(name, values.mean(), "%", "lower", **_by_seed(values)))
    return rows


def reconstruction_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Normalised reconstruction error of each variable."""
    return [
        row(f"reconstruction_{r.variable}", r.rmse_normalised, "of range", "lower", PAPER_RECONSTRUCTION)
        for r in table.itertuples()
    ]


def balance_rows(tendencies: pd.DataFrame) -> list[dict[str, Any]]:
    """Surface pressure tendency in the first coupling interval after an analysis against the last before it."""
    ratio = tendencies["tendency_after"] / tendencies["tendency_before"]
    medians = ratio.groupby(tendencies["method"], sort=False).median()
    return [row(f"ps_tendency_after_before_{method}", value, "1", "lower") for method, value in medians.items()]


def wave_rows(table: pd.DataFrame, begin: np.datetime64) -> list[dict[str, Any]]:
    """Waves along the equator in the error of surface pressure after the burn-in: rms of all their wavenumbers."""
    scored = table[table["time"] >= begin]
    power = (0.5 * scored["amplitude"] ** 2).groupby([scored[name] for name in ("method", "seed", "time")], sort=False)
    means = power.sum().groupby("method", sort=False).mean() ** 0.5
    return [row(f"equatorial_waves_ps_{method}", value, "Pa", "lower") for method, value in means.items()]


def network_rows(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Elements of the state and of the latent vector, as the trained network has them."""
    shapes = [component["shape"] + [len(component["variables"])] for component in model["space"].values()]
    state = sum(int(np.prod(shape)) for shape in shapes)
    latent = int(np.prod([model["options"]["latent_channels"], *model["options"]["latent_grid"]]))
    return [
        row("state_size", state, "elements", "equal", PAPER_STATE_SIZE),
        row("latent_size", latent, "elements", "equal", PAPER_LATENT_SIZE),
    ]


def cost_rows(timing: dict[str, list[str]], days: float, seeds: int) -> list[dict[str, Any]]:
    """Seconds per simulated day that each method spends in forecast, filter and analysis.

    Args:
        timing: method -> `timing.json` of its segments, those of all seeds.
        days: length of the cycles of a seed.
        seeds: their number.
    """
    rows = []
    for method, files in timing.items():
        segments = [json.loads(Path(file).read_text()) for file in files]
        for part in ("forecast", "filter", "analysis"):
            seconds = sum(segment[part] for segment in segments)
            if seconds:
                rows.append(row(f"{part}_seconds_per_day_{method}", seconds / (days * seeds), "s", "lower"))
    return rows


def climatology_rows(runs: Chains, file: str, grid_path: str) -> list[dict[str, Any]]:
    """Analysed SST on a calendar day against the climatology of an OISST file of that day, sst - anom.

    Args:
        runs: method -> seed -> trajectory files; methods whose cycles do not reach that day are left out.
        file: of one OISST day, whose month and day are what counts.
        grid_path: grid.nc.
    """
    grid = grid_file.read(grid_path)["ocean"]
    normal = regrid(oisst.climatology(file), grid, fill="none")["sst"]
    sea = Grid(grid.lat, grid.lon, grid.lat_bounds, grid.mask & np.isfinite(normal.values))
    rows = []
    for method, seeds in runs.items():
        analysis = open_trajectory(next(iter(seeds.values())), "ocean")["sst"].sel(stage="analysis")
        same_day = analysis["time"].dt.dayofyear == normal["time"].dt.dayofyear
        if not same_day.any():
            continue
        mean = analysis.sel(time=same_day).mean("time")
        rows.append(row(f"sst_climatology_rmse_{method}", rmse(mean, normal, sea), "degC", "lower"))
        correlation = pattern_correlation(mean, normal.fillna(0.0), sea)
        rows.append(row(f"sst_climatology_correlation_{method}", correlation, "1", "higher"))
    return rows


def write(path: Path, rows: list[dict[str, Any]], provenance: dict[str, Any]) -> None:
    """Write summary.json, whole or not at all."""
    with atomic(path) as partial:
        partial.write_text(json.dumps({"provenance": provenance, "rows": rows}, indent=1) + "\n")


def show(folder: Path) -> None:
    """Print the table of an experiment and where its figures are.

    Raises:
        PipelineError: the folder holds no summary.json.
    """
    path = folder / "summary.json"
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; run the experiment first (make run)")
    table = Table(title=f"{folder}")
    for column in ("", "ours", "95 %", "paper", "unit", "better"):
        table.add_column(column, justify="left" if column in ("", "unit", "better") else "right", no_wrap=True)
    for entry in json.loads(path.read_text())["rows"]:
        interval = " to ".join(f"{v:.3g}" for v in entry.get("interval_95", ()))
        paper = "" if entry["paper"] is None else f"{entry['paper']:.4g}"
        table.add_row(entry["name"], f"{entry['ours']:.4g}", interval, paper, entry["unit"], entry["better"])
    # Wide enough for the longest name also where the output is no terminal.
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for figure in sorted((folder / "figures").glob("*.png")):
        console.print(f"figure  {figure}", highlight=False)
    if (report := folder / "report.zip").is_file():
        console.print(f"report  {report}", highlight=False)
