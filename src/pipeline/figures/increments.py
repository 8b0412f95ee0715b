"""Mean analysis increments of each method, per variable."""

from __future__ import annotations

import cmocean
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from pipeline.figures import style
from pipeline.spaces import Grid


def draw(increments: dict[str, dict[str, xr.DataArray]], grids: dict[str, Grid], coast: Grid) -> Figure:
    """Rows of variables, columns of methods, one colour range per variable; what a method leaves alone is marked.

    Args:
        increments: method -> variable -> time mean of analysis - background (lat, lon).
        grids: variable -> grid.
        coast: ocean grid whose mask draws the coastline.
    """
    style.use()
    methods = list(increments)
    variables = list(increments[methods[0]])
    figure = plt.figure(figsize=(3.9 * len(methods), 1.8 * len(variables)))
    axes = style.map_axes(figure, len(variables), len(methods))
    for row, variable in enumerate(variables):
        fields = [style.on_paper(variable, increments[method][variable].values) for method in methods]
        limits = style.symmetric(np.stack(fields))
        for column, values in enumerate(fields):
            mesh = style.draw_map(axes[row, column], grids[variable], values, coast, limits, cmocean.cm.balance)
            if not np.nan_to_num(values).any():
                axes[row, column].set_title("not corrected", fontsize=7, loc="right", color="0.4")
            if row == 0:
                axes[0, column].set_title(methods[column].upper())
        bar = figure.colorbar(mesh, ax=axes[row, :], shrink=0.8, pad=0.02, extend="both")
        bar.set_label(style.axis_label(variable))
    return figure
