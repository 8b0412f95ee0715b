"""A testbed's methods: errors of analyses and forecasts, in time, their cost, and what their own sigma is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from pipeline.figures import style

_STAGES = {"analysis": ("o", "#1f77b4"), "forecast_1d": ("s", "#ff7f0e"), "forecast_5d": ("^", "#d62728")}


def draw(
    scores: Mapping[str, Mapping[str, list]], series: Mapping[str, xr.Dataset], bases: set[str], title: str
) -> Figure:
    """Errors and costs of every row above, errors in time below.

    Args:
        scores: of `testbed.cycles`, by row.
        series: analysis errors in time, by row.
        bases: rows whose errors in time are drawn.
        title: of the figure.
    """
    style.use()
    figure = plt.figure(figsize=(9.0, 0.27 * len(scores) + 4.2))
    upper, lower = figure.subfigures(2, 1, height_ratios=[0.27 * len(scores) + 1.2, 3.0])
    upper.suptitle(title, fontsize=10)
    error, cost = upper.subplots(1, 2, sharey=True, width_ratios=[2, 1])
    _errors(error, scores)
    _costs(cost, scores)
    error.invert_yaxis()
    _in_time(lower.subplots(), {name: series[name] for name in series if name in bases})
    return figure


def _errors(axes: Axes, scores: Mapping[str, Mapping[str, list]]) -> None:
    place = np.arange(len(scores))
    for stage, (marker, colour) in _STAGES.items():
        # No forecasts are made from an ensemble.
        values = np.array([s.get(stage, np.full(len(s["analysis"]), np.nan)) for s in scores.values()])
        axes.plot(values.mean(1), place, marker, ms=4, color=colour, label=stage.replace("_", ", "))
        axes.hlines(place, values.min(1), values.max(1), color=colour, lw=1)
    axes.set_yticks(place, [name.replace("_", " ") for name in scores])
    axes.set(xlabel="error, standard deviations; lines span the seeds", xscale="log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([0.05, 0.1, 0.2, 0.5, 1.0])
    axes.grid(axis="both", color="0.92", lw=0.6)
    axes.legend(loc="best", fontsize=7)


def _costs(axes: Axes, scores: Mapping[str, Mapping[str, list]]) -> None:
    place = np.arange(len(scores))
    seconds = [np.mean(s.get("cpu_seconds", [np.nan])) for s in scores.values()]
    axes.plot(seconds, place, "o", ms=4, color="0.4")
    axes.set(xlabel="CPU s per analysis", xscale="log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="both", color="0.92", lw=0.6)


def _in_time(axes: Axes, series: Mapping[str, xr.Dataset]) -> None:
    colours: Any = plt.get_cmap("tab10").colors
    for k, (name, dataset) in enumerate(series.items()):
        mean = np.sqrt((dataset["error"] ** 2).mean("seed"))
        axes.plot(
            dataset["day"], mean, ls="-" if k < 10 else "--", lw=1, color=colours[k % 10], label=name.replace("_", " ")
        )
    axes.set(xlabel="day", ylabel="analysis error", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks([0.05, 0.1, 0.2, 0.5, 1.0])
    axes.grid(axis="both", color="0.92", lw=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
