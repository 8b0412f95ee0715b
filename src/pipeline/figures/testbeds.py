"""A testbed's methods: errors of analyses and forecasts, in time, their cost, and what their own sigma is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from pipeline.figures import style

_STAGES = {"analysis": ("o", "#1f77b4"), "forecast_1d": ("s", "#ff7f0e"), "forecast_5d": ("^", "#d62728")}


def draw(
    scores: Mapping[str, Mapping[str, list]], series: Mapping[str, xr.Dataset], bases: set[str], title: str
) -> Figure:
    """Errors of every row, of all and of each variable, and costs above, errors in time below.

    Args:
        scores: of `testbed.cycles`, by row.
        series: analysis errors in time, by row.
        bases: rows whose errors in time are drawn.
        title: of the figure.
    """
    style.use()
    variables = _variables(scores)
    figure = plt.figure(figsize=(8.0 + 0.38 * len(variables), 0.27 * len(scores) + 4.4))
    upper, lower = figure.subfigures(2, 1, height_ratios=[0.27 * len(scores) + 1.4, 3.0])
    upper.suptitle(title, fontsize=10)
    widths = [2.6, 0.38 * len(variables), 1.3] if len(variables) > 1 else [2.6, 1.3]
    panels = upper.subplots(1, len(widths), sharey=True, width_ratios=widths)
    _errors(panels[0], scores)
    if len(variables) > 1:
        _by_variable(panels[1], scores, variables)
    _costs(panels[-1], scores)
    panels[0].set_ylim(len(scores) - 0.5, -0.5)
    _in_time(lower.subplots(), {name: series[name] for name in series if name in bases})
    return figure


def _variables(scores: Mapping[str, Mapping[str, list]]) -> list[str]:
    first = next(iter(scores.values()))
    return [score.removeprefix("analysis_of_") for score in first if score.startswith("analysis_of_")]


def _errors(axes: Axes, scores: Mapping[str, Mapping[str, list]]) -> None:
    place = np.arange(len(scores))
    for stage, (marker, colour) in _STAGES.items():
        # No forecasts are made from an ensemble.
        if not any(stage in s for s in scores.values()):
            continue
        values = np.array([s.get(stage, np.full(len(s["analysis"]), np.nan)) for s in scores.values()])
        axes.plot(values.mean(1), place, marker, ms=4, color=colour, label=stage.replace("_", ", "))
        axes.hlines(place, values.min(1), values.max(1), color=colour, lw=1)
    axes.set_yticks(place, [name.replace("_", " ") for name in scores])
    axes.set(xlabel="error (deviations), range of seeds")
    _logarithmic(axes, "x")
    axes.grid(axis="both", color="0.92", lw=0.6)
    axes.legend(loc="best", fontsize=7)


def _by_variable(axes: Axes, scores: Mapping[str, Mapping[str, list]], variables: list[str]) -> None:
    """The analysis error of every variable as a number, coloured within its column from least to largest."""
    values = np.array([[np.mean(s[f"analysis_of_{v}"]) for v in variables] for s in scores.values()])
    logs = np.log(values)
    least, most = np.nanmin(logs, axis=0), np.nanmax(logs, axis=0)  # a free run may end in NaN
    shade = (logs - least) / np.maximum(most - least, 1e-12)
    axes.imshow(shade, cmap="Blues", vmin=0.0, vmax=2.0, aspect="auto")  # up to half: numbers stay legible
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.3f}".lstrip("0") if value < 1 else f"{value:.2f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=6)
    axes.set_xticks(range(len(variables)), [style.LABELS.get(v, (v,))[0] for v in variables], fontsize=7)
    axes.set(xlabel="analysis, by variable")
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def _costs(axes: Axes, scores: Mapping[str, Mapping[str, list]]) -> None:
    place = np.arange(len(scores))
    seconds = np.array([np.mean(s.get("cpu_seconds", [np.nan])) for s in scores.values()])
    axes.plot(seconds, place, "o", ms=4, color="0.4")
    axes.set(xlabel="CPU s per analysis")
    known = seconds[np.isfinite(seconds)]
    if known.size and known.max() > 20 * known.min():
        _logarithmic(axes, "x")
    else:  # lengths from zero show the ratios
        axes.set_xlim(left=0)
    axes.grid(axis="both", color="0.92", lw=0.6)


def _logarithmic(axes: Axes, direction: str) -> None:
    """A logarithmic axis with ticks at 1, 2 and 5 times powers of ten."""
    axes.set(**{f"{direction}scale": "log"})
    axis = getattr(axes, f"{direction}axis")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _in_time(axes: Axes, series: Mapping[str, xr.Dataset]) -> None:
    colours: Any = plt.get_cmap("tab10").colors
    for k, (name, dataset) in enumerate(series.items()):
        mean = np.sqrt((dataset["error"] ** 2).mean("seed"))
        axes.plot(
            dataset["day"], mean, ls="-" if k < 10 else "--", lw=1, color=colours[k % 10], label=name.replace("_", " ")
        )
    axes.set(xlabel="day", ylabel="analysis error")
    _logarithmic(axes, "y")
    axes.grid(axis="both", color="0.92", lw=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
