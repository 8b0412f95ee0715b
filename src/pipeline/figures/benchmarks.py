"""Methods on a small model: error and spread beside published errors, CPU time, rank histograms."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pipeline.figures import style

_ERROR, _SPREAD = "#1f77b4", "#ff7f0e"


def draw(scores: dict[str, xr.Dataset], timing: dict[str, dict], rows: dict[str, dict], title: str) -> Figure:
    """Scores above, a small rank histogram for each ensemble below.

    Args:
        scores, timing: of `benchmark.cycle`, by row.
        rows: `members`, and `rmse` and `cpu_seconds` that are published, None where nothing is.
        title: of the figure.
    """
    style.use()
    ensembles = [name for name in scores if rows[name]["members"] > 1]
    columns = 4
    lines = -(-len(ensembles) // columns)
    figure = plt.figure(figsize=(9.0, 0.27 * len(scores) + 1.6 + 1.3 * lines))
    upper, lower = figure.subfigures(2, 1, height_ratios=[0.27 * len(scores) + 1.2, max(1.3 * lines, 0.1)])
    upper.suptitle(title, fontsize=10)
    error, cpu = upper.subplots(1, 2, sharey=True, width_ratios=[2, 1])
    _errors(error, scores, rows)
    _costs(cpu, timing, rows)
    error.invert_yaxis()
    if lines:
        panels = lower.subplots(lines, columns, squeeze=False)
        for axes in panels.flat:
            axes.axis("off")
        for axes, name in zip(panels.flat, ensembles, strict=False):
            _ranks(axes, name, scores[name]["rank_histogram"].values.sum(axis=0))
    return figure


def _errors(axes: Axes, scores: dict[str, xr.Dataset], rows: dict[str, dict]) -> None:
    place = np.arange(len(scores))
    rmse = [_per_seed(s, "rmse") for s in scores.values()]
    deviation = [np.nanstd(values) for values in rmse]
    mean = [np.nanmean(values) for values in rmse]
    axes.errorbar(mean, place, xerr=deviation, fmt="o", ms=4, color=_ERROR, label="RMSE, deviation of the seeds")
    spread = [np.nanmean(_per_seed(s, "spread")) if rows[name]["members"] > 1 else np.nan for name, s in scores.items()]
    axes.plot(spread, place, "|", ms=9, mew=2, color=_SPREAD, label="spread")
    published = [np.nan if rows[name]["rmse"] is None else rows[name]["rmse"] for name in scores]
    axes.plot(published, place, "kx", ms=6, label="published RMSE")
    axes.set_yticks(place, [_label(name, rows[name]["members"]) for name in scores])
    _logarithmic(axes, "analysis, units of the state")
    axes.legend(loc="lower right")


def _costs(axes: Axes, timing: dict[str, dict], rows: dict[str, dict]) -> None:
    place = np.arange(len(timing))
    axes.plot([t["cpu_seconds_per_1000_cycles"] for t in timing.values()], place, "o", ms=4, color="0.4", label="ours")
    published = [np.nan if rows[name]["cpu_seconds"] is None else rows[name]["cpu_seconds"] for name in timing]
    axes.plot(published, place, "kx", ms=6, label="published")
    _logarithmic(axes, "CPU s per 1000 cycles and seed")


def _logarithmic(axes: Axes, label: str) -> None:
    axes.set(xlabel=label, xscale="log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="both", color="0.92", lw=0.6)


def _ranks(axes: Axes, name: str, counts: np.ndarray) -> None:
    axes.axis("on")
    frequency = counts / max(counts.sum(), 1) * len(counts)
    axes.bar(np.arange(len(counts)), frequency, 1.0, color=_ERROR)
    axes.axhline(1.0, color="k", lw=0.6)
    axes.set(title=f"rank of the truth: {name}", xticks=[], ylim=(0, max(2.0, 1.1 * frequency.max())))
    axes.title.set_fontsize(7)
    axes.tick_params(labelsize=6)


def _per_seed(scores: xr.Dataset, key: str) -> Any:
    return scores[key].mean("cycle").values


def _label(name: str, members: int) -> str:
    return f"{name} ({members})" if members > 1 else name
