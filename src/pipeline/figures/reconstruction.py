"""Hf2pMDA figures 7 and 8: a field, its reconstruction by the autoencoder, and the error, variable by variable."""

from __future__ import annotations

import cmocean
import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from pipeline.figures import style
from pipeline.spaces import Grid


def draw(field: xr.Dataset, reconstruction: xr.Dataset, grid: Grid, coast: Grid, rmse: dict[str, float]) -> Figure:
    """Rows of (field, reconstruction, error), one per variable.

    Args:
        field, reconstruction: one component's variables on (lat, lon).
        grid: of the component.
        coast: ocean grid whose mask draws the coastline.
        rmse: over the whole test period, in the variables' units.
    """
    style.use()
    names = list(field.data_vars)
    figure = plt.figure(figsize=(9.5, 1.35 * len(names) + 0.2))
    axes = style.map_axes(figure, len(names), 3)
    for row, name in enumerate(names):
        truth, estimate = (style.on_paper(name, ds[name].values) for ds in (field, reconstruction))
        limits, cmap = style.colours_of(name, truth)
        for column, values in enumerate((truth, estimate)):
            mesh = style.draw_map(axes[row, column], grid, values, coast, limits, cmap)
        figure.colorbar(mesh, ax=axes[row, :2], shrink=0.95, pad=0.01, extend="both").set_label(style.axis_label(name))
        error = estimate - truth
        mesh = style.draw_map(axes[row, 2], grid, error, coast, style.symmetric(error), cmocean.cm.balance)
        figure.colorbar(mesh, ax=axes[row, 2], shrink=0.95, pad=0.02, extend="both")
        axes[row, 2].text(
            0.02,
            0.03,
            f"RMSE {style.on_paper(name, rmse[name]):.3g}",
            transform=axes[row, 2].transAxes,
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    for column, title in enumerate(("Field", "Reconstruction", "Reconstruction - field")):
        axes[0, column].set_title(title)
    return figure
