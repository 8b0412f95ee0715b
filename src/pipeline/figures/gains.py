"""Each method's error against the weakly coupled one's, per cent, variable by variable with confidence intervals."""

from __future__ import annotations

import re
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pipeline.figures import style

PATTERN = re.compile(r"rmse_([a-z]+)_(\w+)_against_wcda")
LEFT_OUT = ("ctl",)
"""A free run's errors would set the scale."""


def draw(rows: list[dict[str, Any]]) -> Figure:
    """One panel per variable, one line per method; small marks are the seeds, thin lines the interval of their mean.

    Args:
        rows: of summary.json.
    """
    style.use()
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if (match := PATTERN.fullmatch(row["name"])) and match[2] not in LEFT_OUT:
            found.setdefault(match[1], {})[match[2]] = row
    methods = list(dict.fromkeys(method for by_method in found.values() for method in by_method))
    colours = style.colours(methods)
    columns = min(4, len(found))
    lines = -(-len(found) // columns)
    size = (1.0 + 2.0 * columns, lines * (0.9 + 0.22 * len(methods)))
    figure, panels = plt.subplots(lines, columns, figsize=size, sharey=True, squeeze=False)
    for axes, (variable, by_method) in zip(panels.ravel(), found.items(), strict=False):
        for y, method in enumerate(methods):
            row = by_method[method]
            colour = colours[method]
            axes.plot(row["interval_95"], [y, y], color=colour, lw=2.5, alpha=0.6, solid_capstyle="butt")
            if "seeds_interval_95" in row:
                axes.plot(row["seeds_interval_95"], [y, y], color=colour, lw=0.8)
            axes.plot(row["by_seed"], np.full(len(row["by_seed"]), y), "|", color=colour, ms=6)
            axes.plot(row["ours"], y, "o", color=colour, ms=4)
        axes.margins(y=0.15)
        axes.axvline(0.0, color="k", lw=0.8)
        axes.set(title=style.axis_label(variable).split(" (")[0], xlabel="change of RMSE (%)")
        axes.set_yticks(range(len(methods)), [method.upper() for method in methods])
    panels[0, 0].invert_yaxis()
    for axes in panels.ravel()[len(found) :]:
        axes.set_visible(False)
    return figure
