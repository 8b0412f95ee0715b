"""Hf2pMDA figures 9b and 9c: RMSE of each method against time, for SST and for Ps."""

from __future__ import annotations

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style


def draw(table: pd.DataFrame, variables: list[str], burn_in_end: np.datetime64, reference: str) -> Figure:
    """One panel per variable; the shaded days are left out of the scores.

    Args:
        table: columns `method, seed, time, stage, variable, rmse`, in the variables' units.
        burn_in_end: first time that counts.
        reference: what the error is measured against, for the axis.
    """
    style.use()
    colours = style.colours(table["method"].unique())
    figure, panels = plt.subplots(1, len(variables), figsize=(4.2 * len(variables), 3.6), squeeze=False)
    for axes, variable in zip(panels[0], variables, strict=True):
        chosen = table[(table["variable"] == variable) & (table["stage"] == "analysis")]
        for method, rows in chosen.groupby("method", sort=False):
            mean = rows.groupby("time")["rmse"].mean()
            scored = mean[mean.index >= burn_in_end].mean()
            values = style.on_paper(variable, mean.to_numpy())
            label = f"{method.upper()} {style.on_paper(variable, scored):.3g}"
            axes.plot(mean.index, values, color=colours[method], label=label, lw=1.2)
        axes.axvspan(chosen["time"].min(), burn_in_end, color="0.92", zorder=0)
        axes.set(ylabel=f"RMSE of {style.axis_label(variable)}", title=f"Analysis against {reference}", ylim=(0, None))
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
        # Below the panel, where no line can cross it.
        longest = max(len(str(line.get_label())) for line in axes.lines)
        columns = 3 if len(axes.lines) < 7 and longest < 18 else 2
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": columns}
        axes.legend(title="mean after the shaded days", title_fontsize=7, **place)
    return figure
