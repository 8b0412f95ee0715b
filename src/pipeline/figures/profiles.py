"""Errors aloft and at depth: mean RMSE of each method by level, air above, sea below."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style

PANELS = {
    "t": ("T (K)", "sigma"),
    "u": ("u (m s$^{-1}$)", "sigma"),
    "temp": ("T (°C)", "depth (m)"),
    "salt": ("S (psu)", "depth (m)"),
}
"""Variable: its axis and the label of the ordinate."""


def draw(table: pd.DataFrame, burn_in_end: np.datetime64) -> Figure:
    """One panel per variable.

    Args:
        table: columns `method, time, variable, level, rmse`.
        burn_in_end: first time that counts.
    """
    style.use()
    colours = style.colours(table["method"].unique())
    figure, panels = plt.subplots(2, 2, figsize=(7.0, 6.0))
    scored = table[table["time"] >= burn_in_end]
    for axes, (variable, (label, ordinate)) in zip(panels.ravel(), PANELS.items(), strict=True):
        for method, rows in scored[scored["variable"] == variable].groupby("method", sort=False):
            mean = rows.groupby("level")["rmse"].mean()
            axes.plot(mean, mean.index, "o-", ms=2.5, lw=1.2, color=colours[method], label=method.upper())
        axes.set(xlabel=f"RMSE of {label}", ylabel=ordinate, xlim=(0, None))
        if ordinate.startswith("depth"):
            axes.set_yscale("symlog", linthresh=100)
            axes.set_yticks([0, 50, 100, 300, 1000, 3000], ["0", "50", "100", "300", "1000", "3000"])
            axes.set_ylim(bottom=0)
        axes.invert_yaxis()
    # Below the panels, where no profile can cross it.
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
