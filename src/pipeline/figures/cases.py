"""The verification case by case: ours as points, the reference as a line, what the gate allows shaded.

Series and fields are those of `pipeline.verification.printed`; `pipeline.figures.case_panels` lists what is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from pipeline.figures import style
from pipeline.figures.case_panels import FAMILIES, Curves, Section
from pipeline.files import atomic

DPI = 100  # small files, for a page
GATE, BAR = "#cfe3cf", "#9cc79c"
FLOOR = 1e-17  # what a drift of nothing is drawn as


def draw_all(results: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    """Write verification-<family>.png into a folder, of all that results/verification/<model>.json holds."""
    style.use()
    plt.rcParams["savefig.dpi"] = DPI
    for family in FAMILIES:
        figure = draw(family, results)
        path = folder / f"verification-{family}.png"
        style.save(figure, path)
        plt.close(figure)
        _shrink(path)


def _shrink(path: Path) -> None:
    """Leave a PNG 256 colours, which is half its size or less."""
    with Image.open(path) as image, atomic(path) as partial:
        image.convert("RGB").quantize(256).save(partial, format="PNG", optimize=True)


def draw(family: str, results: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """The panels of a family, three beside each other (two where they are four); a case that has not been run is empty.

    Args:
        family: a name of `FAMILIES`.
        results: `rows`, `series` and `fields` of `printed.parse`.
    """
    panels = FAMILIES[family]
    columns = 2 if len(panels) == 4 else 3
    series = {entry["name"]: entry for entry in results.get("series", ())}
    fields = {entry["name"]: entry for entry in results.get("fields", ())}
    rows = {row["test"]: row for row in results["rows"]}
    with plt.rc_context({"font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5, "legend.fontsize": 6.5}):
        size = (8.4, 2.35 * len(panels) / columns)
        figure, axes = plt.subplots(len(panels) // columns, columns, figsize=size, squeeze=False)
        for panel, ax in zip(panels, axes.flat, strict=True):
            ax.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
            if isinstance(panel, Section):
                _section(ax, panel, fields)
            else:
                _curves(ax, panel, series, rows)
    return figure


def _curves(ax: Axes, panel: Curves, series: Mapping[str, Mapping], rows: Mapping[str, Mapping]) -> None:
    """Points, lines and gates of one panel."""
    known = {name: label for name, label in panel.series.items() if name in series}
    if not known:
        return _empty(ax)
    if any(known.values()):
        for place, (name, label) in enumerate(known.items()):
            _curve(ax, panel, series[name], f"C{place}", label)
    else:
        _curve(ax, panel, _joined([series[name] for name in known]), "k", "")
    for test in panel.rows.keys() & rows.keys():
        row = rows[test]
        _bar(ax, panel.rows[test], row["reference"], row["gate"])
        ax.plot(panel.rows[test], row["ours"], "ko", ms=3.2, clip_on=False)
    for x, y, marker, label in panel.cited:
        ax.plot(x, y, f"k{marker}", ms=3.5, lw=0, label=label or None, clip_on=False)
    if panel.drift:
        ax.axhspan(FLOOR, panel.drift, color=GATE, lw=0, zorder=0)
        ax.set(yscale="log", ylim=(FLOOR, 3.0 * panel.drift))
    if panel.log:
        ax.set_yscale("log")
    if panel.down:
        ax.set(ylim=panel.down[::-1], xlabel=panel.y, ylabel=panel.x)
    if any(known.values()):
        ax.legend()


def _joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Several series as one, along x."""
    keys = [key for key in ("x", "ours", "reference", "gate") if key in parts[0]]
    whole = {key: np.concatenate([part[key] for part in parts]) for key in keys}
    order = np.argsort(whole["x"])
    return {key: values[order] for key, values in whole.items()}


def _curve(ax: Axes, panel: Curves, curve: Mapping[str, Any], colour: str, label: str) -> None:
    """One series; where it has no reference its points are joined."""
    x, ours = np.asarray(curve["x"]), np.asarray(curve["ours"])
    if panel.drift:
        ours = np.maximum(np.abs(ours), FLOOR)
    reference, gate = (np.asarray(curve.get(key, ())) for key in ("reference", "gate"))
    if panel.departure:
        ours, reference = ours - reference, np.zeros_like(reference)
    fill = ax.fill_betweenx if panel.down else ax.fill_between
    if np.count_nonzero(gate) > 1:
        fill(x, reference - gate, reference + gate, color=GATE, lw=0, zorder=0)
    elif gate.any():
        at = np.argmax(gate)
        _bar(ax, x[at], reference[at], gate[at])
    points = {
        "ms": 3.2 if x.size < 50 else 2.0,
        "mew": 0.7,
        "mfc": "none",
        "color": colour,
        "label": label or None,
        "clip_on": False,
    }
    if reference.size:
        ax.plot(*_turned(panel, x, reference), "-", color="#d62728", lw=0.9, zorder=1)
        ax.plot(*_turned(panel, x, ours), "o", **points)
    else:
        ax.plot(*_turned(panel, x, ours), "o-", lw=0.7, **points)


def _bar(ax: Axes, x: float, reference: float, gate: float) -> None:
    """A gate that holds at one place."""
    ax.errorbar(x, reference, gate, fmt="_", color=BAR, lw=4, zorder=0, clip_on=False)


def _turned(panel: Curves, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (y, x) if panel.down else (x, y)


def _section(ax: Axes, panel: Section, fields: Mapping[str, Mapping]) -> None:
    if panel.name not in fields:
        return _empty(ax)
    x, y, values = (np.asarray(fields[panel.name][key]) for key in ("x", "y", "values"))
    filled = ax.contourf(x, y, values, levels=panel.levels, cmap=panel.colours, extend="both")
    ax.contour(x, y, values, levels=panel.levels[panel.levels != 0], colors="k", linewidths=0.3)
    ax.figure.colorbar(filled, ax=ax, shrink=0.9)
    if panel.down:
        ax.set_ylim(panel.down[::-1])


def _empty(ax: Axes) -> None:
    ax.text(0.5, 0.5, "not run", transform=ax.transAxes, ha="center", color="0.5")
