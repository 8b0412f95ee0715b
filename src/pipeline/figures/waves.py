"""Waves along the equator in the error of surface pressure against time, a panel per zonal wavenumber."""

from __future__ import annotations

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style

WAVENUMBERS = (1, 2, 3, 4)


def draw(table: pd.DataFrame, burn_in_end: np.datetime64) -> Figure:
    """Daily means of the seeds' mean; the shaded days are left out of the scores.

    Args:
        table: columns `method, seed, time, wavenumber, amplitude` [Pa].
        burn_in_end: first time that counts.
    """
    style.use()
    colours = style.colours(table["method"].unique())
    figure, panels = plt.subplots(2, 2, figsize=(7.2, 5.2), sharex=True, sharey=True)
    for axes, wavenumber in zip(panels.ravel(), WAVENUMBERS, strict=True):
        chosen = table[table["wavenumber"] == wavenumber]
        for method, rows in chosen.groupby("method", sort=False):
            daily = rows.groupby("time")["amplitude"].mean().resample("D").mean()
            values = style.on_paper("ps", daily.to_numpy())
            axes.plot(daily.index, values, color=colours[method], label=method.upper(), lw=1.2)
        axes.axvspan(table["time"].min(), burn_in_end, color="0.92", zorder=0)
        axes.set_title(f"zonal wavenumber {wavenumber}")
        locator = mdates.AutoDateLocator(minticks=3, maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    panels[0, 0].set_ylim(bottom=0)  # when all have drawn: it ends the scaling of the axis that they share
    figure.supylabel(f"amplitude in the error of {style.axis_label('ps')}, 15°S to 15°N", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6)
    return figure
