"""One look for every figure: fonts, colours of the methods, names and units, maps with a land mask."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import cartopy.crs as ccrs
import cmocean
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.files import atomic
from pipeline.spaces import VOCABULARY, Grid

LABELS = {
    "ps": ("P$_s$", "hPa", 0.01),
    "ta": ("T$_a$", "K", 1.0),
    "ua": ("u$_a$", "m s$^{-1}$", 1.0),
    "va": ("v$_a$", "m s$^{-1}$", 1.0),
    "sst": ("SST", "°C", 1.0),
    "ssu": ("u$_o$", "m s$^{-1}$", 1.0),
    "ssv": ("v$_o$", "m s$^{-1}$", 1.0),
    "ssh": ("SSH", "m", 1.0),
}
"""Symbol, unit on paper and factor to it, per variable."""

COLOURS = {"ctl": "#7f7f7f", "wcda": "#1f77b4", "scda": "#d62728", "background": "#1f77b4", "observation": "#d62728"}
_OTHERS = (
    "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#17becf", "#000075",
    "#800000", "#f0a0ff", "#406000",
)  # fmt: skip
_SEQUENTIAL = {"ta": cmocean.cm.thermal, "sst": cmocean.cm.thermal, "ps": cmocean.cm.dense}
_LAND = "#d9d9d9"


def use() -> None:
    """Set matplotlib up for files on paper."""
    mpl.use("Agg")
    mpl.rcParams.update(
        {
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.labelsize": 9,
            "legend.frameon": False,
            "legend.fontsize": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "savefig.dpi": 200,
            "figure.constrained_layout.use": True,
        }
    )


def colours(methods: Iterable[str]) -> dict[str, str]:
    """A colour of its own for each method, the same in every figure for those that have one."""
    others = (name for name in methods if name not in COLOURS)
    return COLOURS | dict(zip(others, cycle(_OTHERS), strict=False))


def axis_label(variable: str) -> str:
    """Symbol with unit, e.g. `SST (°C)`."""
    symbol, unit, _ = LABELS.get(variable, (variable, getattr(VOCABULARY.get(variable), "units", ""), 1.0))
    return f"{symbol} ({unit})"


def on_paper(variable: str, values: np.ndarray) -> np.ndarray:
    """Values in the unit of `axis_label`."""
    return values * LABELS[variable][2] if variable in LABELS else values


def map_axes(figure: Figure, rows: int, columns: int) -> np.ndarray:
    """Axes of maps centred on the Pacific, shape (rows, columns)."""
    projection = ccrs.PlateCarree(central_longitude=180)
    return figure.subplots(rows, columns, squeeze=False, subplot_kw={"projection": projection})


def draw_map(axes: Axes, grid: Grid, values: np.ndarray, coast: Grid, limits: tuple[float, float], cmap: str) -> object:
    """One field (ny, nx) with the ocean's coastline; masked cells are grey."""
    axes.set_facecolor(_LAND)
    shown = np.ma.masked_invalid(np.where(grid.mask, values, np.nan))
    transform = ccrs.PlateCarree()
    lon_edges = np.append(grid.lon, grid.lon[0] + 360.0) - 0.5 * (grid.lon[1] - grid.lon[0])
    mesh = axes.pcolormesh(
        lon_edges,
        grid.lat_bounds,
        shown,
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        transform=transform,
        rasterized=True,
    )
    axes.contour(coast.lon, coast.lat, coast.mask.astype(float), [0.5], colors="k", linewidths=0.4, transform=transform)
    # In the projection's own coordinates, 0 is 180 degrees east.
    axes.set_xticks([-120, -60, 0, 60, 120])
    axes.set_xticklabels(["60°E", "120°E", "180°", "120°W", "60°W"])
    axes.set_yticks([-60, -30, 0, 30, 60])
    axes.set_yticklabels(["60°S", "30°S", "0°", "30°N", "60°N"])
    axes.tick_params(labelsize=6, length=2)
    return mesh


def colours_of(variable: str, values: np.ndarray) -> tuple[tuple[float, float], object]:
    """Colour limits and map of a field: sequential for temperatures and pressure, diverging about zero for the rest."""
    known = values[np.isfinite(values)]
    if variable in _SEQUENTIAL:
        return tuple(np.quantile(known, [0.005, 0.995])), _SEQUENTIAL[variable]  # type: ignore[return-value]
    return symmetric(known), cmocean.cm.balance


def symmetric(values: np.ndarray, quantile: float = 0.99) -> tuple[float, float]:
    """Limits about zero that hold all but the few largest values."""
    known = np.abs(values[np.isfinite(values)])
    bound = float(np.quantile(known, quantile)) if known.size else 1.0
    return (-bound, bound) if bound > 0 else (-1.0, 1.0)


def save(figure: Figure, path: str | Path) -> None:
    """Write a PNG, whole or not at all."""
    with atomic(path) as partial:
        figure.savefig(partial, format="png")
