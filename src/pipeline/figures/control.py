"""The control climate on paper: air, water, sea surface, ocean circulation, and the course of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cmocean
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures import style
from pipeline.verification import circulation as c

if TYPE_CHECKING:
    from pipeline.verification.control import Climate

DPI = 110  # small files, for a page
SEASONS = {"December to February": (12, 1, 2), "June to August": (6, 7, 8)}
DAY, YEAR_DAYS = 86400.0, 365.2425


def draw_all(climate: Climate, observed: np.ndarray | None, folder: Path) -> None:
    """Write control-*.png into a folder.

    Args:
        climate: from `pipeline.verification.control.read`.
        observed: mean season of the observed SST on the model's cells (12, jo, io), where there is one.
        folder: of the figures.
    """
    style.use()
    plt.rcParams["savefig.dpi"] = DPI
    drawings: dict[str, Callable[[], Figure]] = {
        "air": lambda: air(climate),
        "water": lambda: water(climate),
        "sea": lambda: sea(climate),
        "course": lambda: course(climate),
    }
    if observed is not None:
        drawings["sst"] = lambda: sst(climate, observed)
    for name, draw in drawings.items():
        figure = draw()
        style.save(figure, folder / f"control-{name}.png")
        plt.close(figure)


def air(climate: Climate) -> Figure:
    """Zonal mean wind with temperature, and the overturning of the air, in two seasons."""
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 5.0), sharex=True, sharey=True)
    lat, sigma = climate.means["lat"].values, climate.means["level"].values
    floors = np.append(0.0, np.cumsum(c.thickness(sigma)))
    for column, (title, months) in enumerate(SEASONS.items()):
        mean = climate.season(months)
        u, t = mean["u"].mean("lon").values, mean["t"].mean("lon").values
        psi = c.mass_stream_function(mean["mass_flux"].values, lat, sigma) / 1e9
        _section(axes[0, column], lat, sigma, u, "u (m s$^{-1}$), T (K)", np.arange(-60, 61, 5))
        lines = axes[0, column].contour(lat, sigma, t, levels=np.arange(200, 310, 10), colors="0.4", linewidths=0.5)
        axes[0, column].clabel(lines, fontsize=5)
        axes[0, column].set_title(title)
        psi = np.vstack([np.zeros_like(lat), psi])
        _section(
            axes[1, column], lat, floors, psi, "mass stream function (10$^9$ kg s$^{-1}$)", np.arange(-200, 201, 20)
        )
        axes[1, column].set_xlabel("latitude")
    axes[0, 0].set(ylim=(1.0, 0.0), ylabel="sigma")
    axes[1, 0].set_ylabel("sigma")
    return figure


def water(climate: Climate) -> Figure:
    """Rain and evaporation by latitude and season, and the map of the annual rain."""
    figure = plt.figure(figsize=(8.0, 3.2))
    lat, lon = climate.means["lat"].values, climate.means["lon"].values
    profile, chart = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    annual = climate.annual()
    profile.plot(lat, annual["precipitation"].mean("lon") * DAY, "k", label="rain, year")
    for (title, months), colour in zip(SEASONS.items(), ("C0", "C3"), strict=True):
        profile.plot(
            lat, climate.season(months)["precipitation"].mean("lon") * DAY, colour, lw=0.9, label=f"rain, {title}"
        )
    profile.plot(lat, annual["evaporation"].mean("lon") * DAY, "k--", lw=0.9, label="evaporation, year")
    profile.set(xlabel="latitude", ylabel="mm day$^{-1}$", ylim=(0, None), xlim=(-90, 90))
    profile.legend(fontsize=6)
    levels = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 14]
    filled = chart.contourf(lon, lat, annual["precipitation"] * DAY, levels=levels, cmap=cmocean.cm.rain, extend="both")
    _coast(chart, climate)
    chart.set_title("rain of the year (mm day$^{-1}$)")
    figure.colorbar(filled, ax=chart, shrink=0.8)
    return figure


def sst(climate: Climate, observed: np.ndarray) -> Figure:
    """Annual mean SST, its error, and zonal means in two seasons."""
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 5.0))
    lat, lon = climate.means["ocean_lat"].values, climate.means["ocean_lon"].values
    model = climate.sst_season
    levels = np.arange(-2, 31, 2)
    for chart, field, title in ((axes[0, 0], model, "model"), (axes[0, 1], observed, "ERSSTv5, 2010-2020")):
        filled = chart.contourf(lon, lat, field.mean(axis=0), levels=levels, cmap=cmocean.cm.thermal, extend="both")
        chart.set_title(f"SST (°C), {title}")
        figure.colorbar(filled, ax=chart, shrink=0.8)
    error = (model - observed).mean(axis=0)
    levels = np.arange(-7.5, 8, 1)
    filled = axes[1, 0].contourf(lon, lat, error, levels=levels, cmap=cmocean.cm.balance, extend="both")
    axes[1, 0].set_title("model less observed (K)")
    figure.colorbar(filled, ax=axes[1, 0], shrink=0.8)
    for months, colour, name in ((slice(0, 3), "C0", "January to March"), (slice(6, 9), "C3", "July to September")):
        for field, dash in ((np.where(np.isnan(observed), np.nan, model), "-"), (observed, "--")):
            zonal = c.mean_over(field[months].mean(axis=0)[:, None, :], np.ones((1, lon.size)))
            axes[1, 1].plot(lat, zonal, colour + dash, lw=1, label=name if dash == "-" else None)
    axes[1, 1].set(xlabel="latitude", ylabel="SST (°C), dashed: observed", xlim=(-80, 80))
    axes[1, 1].legend(fontsize=6)
    return figure


def sea(climate: Climate) -> Figure:
    """Overturning, barotropic stream function, temperature section and ice in March and September."""
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 5.0))
    annual, depth = climate.annual(), climate.means["depth"].values
    corner_lat, lon = climate.lat_bounds[1:], climate.means["ocean_lon"].values
    floors = np.append(0.0, np.cumsum(c.thickness(depth)))
    psi = np.vstack([np.zeros_like(corner_lat), c.overturning(annual["vo"].values, corner_lat, depth)])
    _section(axes[0, 0], corner_lat, floors, psi, "overturning (Sv)", np.arange(-50, 51, 5))
    axes[0, 0].set(ylim=(5000, 0), ylabel="depth (m)")
    gyres = c.barotropic_stream_function(annual["uo"].values, climate.lat_bounds, depth)
    _section(
        axes[0, 1],
        lon,
        climate.lat_bounds[:-1],
        np.where(climate.wet, gyres, np.nan),
        "barotropic stream function (Sv)",
        np.arange(-50, 51, 5),
    )
    wet = annual["salt"].values > 0.0
    zonal = c.mean_over(np.where(wet, annual["temp"].values, np.nan)[..., None, :], np.ones((1, lon.size)))
    filled = axes[1, 0].contourf(
        climate.means["ocean_lat"], depth, zonal, levels=np.arange(-2, 29, 2), cmap=cmocean.cm.thermal
    )
    axes[1, 0].set(ylim=(1500, 0), xlabel="latitude", ylabel="depth (m)", title="temperature (°C)")
    figure.colorbar(filled, ax=axes[1, 0], shrink=0.8)
    for months, colour in (((3,), "C0"), ((9,), "C3")):
        cover = climate.season(months)["ice_cover"].values
        axes[1, 1].contour(lon, climate.means["ocean_lat"], cover, [0.15], colors=colour)
    _coast(axes[1, 1], climate)
    axes[1, 1].set_title("ice edge: March blue, September red")
    return figure


def course(climate: Climate) -> Figure:
    """Sea surface, budgets and ice in time; Nino-3.4 and its spectrum."""
    figure, axes = plt.subplots(3, 2, figsize=(8.0, 6.0))
    months = climate.means.sizes["time"]
    year = (np.arange(months) + 0.5) / 12.0
    axes[0, 0].plot(year, c.mean_over(climate.sst, climate.sea_area), "k", lw=1)
    axes[0, 0].set_title("mean SST (°C)")
    weight = climate.air_weight
    top = climate.means["net_sunlight"] - climate.means["outgoing_long_wave"]
    for name, field, colour in (
        ("top of the air", top, "C3"),
        ("into the surface", climate.means["surface_heat"], "C0"),
    ):
        series = c.mean_over(field.values, weight)
        axes[0, 1].plot(year[6:-5], np.convolve(series, np.ones(12) / 12.0, "valid"), colour, lw=1, label=name)
    axes[0, 1].axhline(0.0, color="0.7", lw=0.6)
    axes[0, 1].set_title("energy, running year (W m$^{-2}$)")
    axes[0, 1].legend(fontsize=6)
    lat = climate.means["ocean_lat"].values
    for side, rows, colour in (("north", lat > 0, "C0"), ("south", lat < 0, "C3")):
        area = c.extent(climate.means["ice_cover"].values, climate.sea_area, rows) / 1e12
        axes[1, 0].plot(year, area, colour, lw=1, label=side)
    axes[1, 0].set_title("ice extent (10$^{12}$ m$^2$)")
    axes[1, 0].legend(fontsize=6)
    days = climate.budget["day"].values
    water = climate.budget["total_water"].values
    axes[1, 1].plot(days[1:] / YEAR_DAYS, water[1:] / water[1] - 1.0, "k", lw=1)
    axes[1, 1].set_title("total water, relative change")
    nino = c.nino34(climate.sst, lat, climate.means["ocean_lon"].values)
    if months >= 48:
        departures = c.anomalies(nino[12:])
        axes[2, 0].plot(1.0 + (np.arange(departures.size) + 0.5) / 12.0, departures, "k", lw=1)
        frequency, power = c.spectrum(departures)
        axes[2, 1].plot(frequency, power / frequency[0], "k", lw=1)
        axes[2, 0].set(xlabel="year", title="Niño-3.4 anomaly (K)")
        axes[2, 1].set(xlabel="cycles per year", xlim=(0, 2), title="its spectrum (K$^2$ year)")
    else:
        axes[2, 0].set_axis_off()
        axes[2, 1].set_axis_off()
    return figure


def _section(axes: Axes, x: np.ndarray, y: np.ndarray, field: np.ndarray, title: str, levels: np.ndarray) -> None:
    """Filled contours about zero, with a bar."""
    filled = axes.contourf(x, y, field, levels=levels, cmap=cmocean.cm.balance, extend="both")
    axes.contour(x, y, field, levels=levels[levels != 0], colors="k", linewidths=0.3)
    axes.set_title(title)
    axes.figure.colorbar(filled, ax=axes, shrink=0.8)


def _coast(axes: Axes, climate: Climate) -> None:
    lon, lat = climate.means["ocean_lon"], climate.means["ocean_lat"]
    axes.contour(lon, lat, climate.wet.astype(float), [0.5], colors="k", linewidths=0.4)
