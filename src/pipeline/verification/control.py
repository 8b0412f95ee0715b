"""A long undisturbed run of the moist climate model, and what it says about the model's climate.

`run` makes monthly means with the model's own driver, year by year, so that a stopped run goes on after its last
finished year; `read` takes them up; `summarize` reduces them to the numbers of docs/models/control-climate.md.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import f90nml
import numpy as np
import xarray as xr

from pipeline.config import ROOT
from pipeline.datasets import ersst, grid_file
from pipeline.datasets.regridding import regrid
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.spaces import Grid
from pipeline.verification import circulation as c
from pipeline.verification.programs import build

NAMELIST = ROOT / "config" / "models" / "climate_moist.nml"
YEAR_DAYS = 31556952.0 / 86400.0
INTERVAL_DAYS = 1.0 / 12.0  # of coupling
WATER_DENSITY, DAY = 1000.0, 86400.0


def run(folder: Path, years: int, ranks: int = 1) -> None:
    """Build the driver and the demo grid, and advance to the end of a number of years.

    Raises:
        PipelineError: the driver does not build or a year fails; the message names the log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    grid = folder / "grid.nc"
    if not grid.exists():
        grid_file.write(grid, (96, 48), (90, 50))
    driver = build("climate", ROOT / "build" / "control", "-DCLIMATE_TESTS=OFF") / "climate_main"
    for year in range(years):
        if not (folder / f"restart_{year:03d}.nc").exists():
            _run_year(folder, driver, year, ranks)


def _run_year(folder: Path, driver: Path, year: int, ranks: int) -> None:
    """One year in whole coupling intervals; the month that ends with it is written by its last interval."""
    edges = [round(n * YEAR_DAYS / INTERVAL_DAYS) * INTERVAL_DAYS for n in (year, year + 1)]
    settings = f90nml.read(NAMELIST)
    settings["driver_nml"] = {
        "days": edges[1] - edges[0],
        "report_days": 5.0,
        "restart_in": f"restart_{year - 1:03d}.nc" if year else "",
        "restart_out": f"restart_{year:03d}.nc",
        "means_out": "means.nc",
    }
    namelist, log = folder / f"year_{year:03d}.nml", folder / f"year_{year:03d}.log"
    settings.write(namelist, force=True)
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(driver), namelist.name]
    environment = dict(os.environ) | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    with log.open("w") as file:
        failed = subprocess.run(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode
    if failed:
        raise PipelineError(f"control climate: year {year} failed; see {log}")


@dataclass(frozen=True)
class Climate:
    """A run's monthly means and its diagnostics.

    Attributes:
        means: all months along `time`, coordinates as the model writes them.
        budget: the driver's lines, one dataset variable per diagnostic, along `day`.
    """

    means: xr.Dataset
    budget: xr.Dataset

    @property
    def wet(self) -> np.ndarray:
        """Sea cells (jo, io)."""
        return self.means["salt"].isel(time=0, depth=0).values > 0.0

    @property
    def lat_bounds(self) -> np.ndarray:
        """Edges of the ocean's rows [degrees]."""
        lat = self.means["ocean_lat"].values
        half = 0.5 * (lat[1] - lat[0])
        return np.append(lat - half, lat[-1] + half)

    @property
    def sea_area(self) -> np.ndarray:
        """Areas of the wet cells (jo, io), 0 on land [m2]."""
        return c.cell_areas(self.lat_bounds, self.wet.shape[1]) * self.wet

    @property
    def air_weight(self) -> np.ndarray:
        """Gaussian weights as (lat, 1)."""
        return np.polynomial.legendre.leggauss(self.means.sizes["lat"])[1][:, None]

    @property
    def sst(self) -> np.ndarray:
        """Sea surface temperature (time, jo, io), NaN on land [degC]."""
        return np.where(self.wet, self.means["temp"].isel(depth=0).values, np.nan)

    @property
    def grid(self) -> Grid:
        """Of the ocean."""
        return Grid(self.means["ocean_lat"].values, self.means["ocean_lon"].values, self.lat_bounds, self.wet)

    @property
    def last_years(self) -> range:
        """Months of the last whole years, at most five: what the means are taken over."""
        end = self.means.sizes["time"] // 12 * 12
        return range(max(0, end - 60), end)

    @property
    def sst_season(self) -> np.ndarray:
        """Mean calendar months of the SST over the last years (12, jo, io), NaN on land [degC]."""
        sst = self.sst[self.last_years]
        return sst.reshape(-1, 12, *sst.shape[1:]).mean(axis=0)

    def annual(self) -> xr.Dataset:
        """Mean over the last years."""
        return self.means.isel(time=self.last_years).mean("time")

    def season(self, months: tuple[int, ...]) -> xr.Dataset:
        """Mean of calendar months (1 = January) over the last years."""
        return self.means.isel(time=[k for k in self.last_years if k % 12 + 1 in months]).mean("time")


def read(folder: Path) -> Climate:
    """Monthly means and diagnostics of a run.

    Raises:
        PipelineError: fewer than twelve months in the folder.
    """
    files = sorted(folder.glob("means_*.nc"))
    if len(files) < 12:
        raise PipelineError(f"{folder}: {len(files)} files means_*.nc, a year has 12; run the control climate first")
    months = [xr.load_dataset(f, engine="h5netcdf").set_coords(["ocean_lon", "ocean_lat"]) for f in files]
    means = xr.concat(months, "time", coords="minimal", compat="override", combine_attrs="drop")
    lines = [line.split() for log in sorted(folder.glob("*.log")) for line in log.read_text().splitlines() if line]
    names = next(line for line in lines if line[0] == "days")
    rows = np.array([[float(x) for x in line] for line in lines if line[0] != "days" and len(line) == len(names)])
    rows = rows[np.unique(rows[:, 0], return_index=True)[1]]
    budget = xr.Dataset({n: ("day", rows[:, k]) for k, n in enumerate(names)}, coords={"day": rows[:, 0]})
    return Climate(means, budget)


def observed_sst(climate: Climate, archive: Path) -> np.ndarray:
    """ERSSTv5's mean season over the model's cells (12, jo, io), NaN where either has more land than sea."""
    season = ersst.open(str(archive))[["sst"]].groupby("time.month").mean()
    return regrid(season, climate.grid, fill="none", min_fraction=0.5)["sst"].values


def summarize(climate: Climate, observed: np.ndarray | None) -> dict[str, Any]:
    """The figures of the page, by name, in the units that the names end with."""
    months = climate.means.sizes["time"]
    result: dict[str, Any] = {"months": months, "years_of_the_mean": len(climate.last_years) // 12}
    result |= _air(climate) | _water_and_energy(climate) | _sea(climate) | _ice(climate) | _enso(climate)
    if observed is not None:
        model = climate.sst_season
        difference = model - observed
        result["sst_bias_K"] = float(c.mean_over(difference.mean(axis=0), climate.sea_area))
        result["sst_rmse_of_annual_mean_K"] = float(
            np.sqrt(c.mean_over(difference.mean(axis=0) ** 2, climate.sea_area))
        )
        result["sst_observed_degC"] = float(c.mean_over(observed.mean(axis=0), climate.sea_area))
        result["sst_model_same_cells_degC"] = float(
            c.mean_over(np.where(np.isnan(observed), np.nan, model).mean(axis=0), climate.sea_area)
        )
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in result.items()}


def _air(climate: Climate) -> dict[str, float]:
    lat, sigma = climate.means["lat"].values, climate.means["level"].values
    result = {}
    for name, months in (("djf", (12, 1, 2)), ("jja", (6, 7, 8))):
        mean = climate.season(months)
        u = mean["u"].mean("lon").values
        psi = c.mass_stream_function(mean["mass_flux"].values, lat, sigma)
        for side, rows in (("north", lat > 0), ("south", lat < 0)):
            level, row = np.unravel_index(u[:, rows].argmax(), u[:, rows].shape)
            result[f"jet_{side}_{name}_m_s"] = float(u[:, rows].max())
            result[f"jet_{side}_{name}_latitude"] = float(lat[rows][row])
            result[f"jet_{side}_{name}_sigma"] = float(sigma[level])
        tropics = psi[:, np.abs(lat) < 30]
        result[f"hadley_{name}_1e9_kg_s"] = float(tropics.flat[np.abs(tropics).argmax()] / 1e9)
    return result


def _water_and_energy(climate: Climate) -> dict[str, float]:
    mean, weight = climate.annual(), climate.air_weight

    def of(name: str) -> float:
        return float(c.mean_over(mean[name].values, weight))

    water = climate.budget["total_water"].values
    land = mean["land_fraction"].values * weight
    return {
        "precipitation_mm_day": of("precipitation") * DAY,
        "evaporation_mm_day": of("evaporation") * DAY,
        "net_sunlight_W_m2": of("net_sunlight"),
        "outgoing_long_wave_W_m2": of("outgoing_long_wave"),
        "top_of_atmosphere_W_m2": of("net_sunlight") - of("outgoing_long_wave"),
        "heat_into_surface_W_m2": of("surface_heat"),
        "land_temperature_degC": float(c.mean_over(mean["land_temperature"].values, land)) - 273.15,
        "water_relative_drift": float(np.abs(water[1:] / water[1] - 1.0).max()),
        "dry_air_relative_drift": float(
            np.abs(climate.budget["dry_air_mass"].values / climate.budget["dry_air_mass"].values[0] - 1).max()
        ),
    }


def _sea(climate: Climate) -> dict[str, float]:
    mean, area = climate.annual(), climate.sea_area
    series = c.mean_over(climate.sst, area)
    corner_lat, depth = climate.lat_bounds[1:], climate.means["depth"].values
    psi = c.overturning(mean["vo"].values, corner_lat, depth)
    gyres = c.barotropic_stream_function(mean["uo"].values, climate.lat_bounds, depth)
    lon = climate.means["ocean_lon"].values
    deep = depth > 400.0
    return {
        "sst_degC": float(series[-12:].mean()),
        "sst_drift_K_per_year": c.trend_per_year(series[24:]),
        "heat_content_drift_W_m2": c.trend_per_year(_monthly(climate, "ocean_heat_content"))
        / (YEAR_DAYS * DAY)
        / float(area.sum()),
        "drake_passage_Sv": float(gyres[0, np.abs(lon - 290.0).argmin()]),
        "overturning_deep_north_Sv": float(psi[deep][:, corner_lat > 20].max()),
        "overturning_deep_south_Sv": float(psi[deep][:, corner_lat < -30].min()),
        "kuroshio_Sv": float(np.abs(_box(gyres, climate, (120, 180), (20, 45))).max()),
        "gulf_stream_Sv": float(np.abs(_box(gyres, climate, (280, 330), (20, 45))).max()),
    }


def _monthly(climate: Climate, name: str) -> np.ndarray:
    """A diagnostic at the middles of the months."""
    middles = (np.arange(climate.means.sizes["time"]) + 0.5) * YEAR_DAYS / 12.0
    return np.interp(middles, climate.budget["day"].values, climate.budget[name].values)


def _box(field: np.ndarray, climate: Climate, lon: tuple[float, float], lat: tuple[float, float]) -> np.ndarray:
    x, y = climate.means["ocean_lon"].values, climate.lat_bounds[:-1]
    return field[np.ix_((y >= lat[0]) & (y <= lat[1]), (x >= lon[0]) & (x <= lon[1]))]


def _ice(climate: Climate) -> dict[str, float]:
    result = {}
    lat = climate.means["ocean_lat"].values
    cover, volume = climate.means["ice_cover"].values, climate.means["ice_volume"].values
    for side, rows in (("north", lat > 0), ("south", lat < 0)):
        area = c.extent(cover, climate.sea_area, rows)[climate.last_years].reshape(-1, 12).mean(axis=0)
        result[f"ice_extent_{side}_march_1e12_m2"] = float(area[2] / 1e12)
        result[f"ice_extent_{side}_september_1e12_m2"] = float(area[8] / 1e12)
        stock = (volume * climate.sea_area * rows[:, None]).sum(axis=(-2, -1))
        result[f"ice_volume_{side}_drift_1e12_m3_per_year"] = c.trend_per_year(stock) / 1e12
    return result


def _enso(climate: Climate) -> dict[str, float]:
    """Of the years after the first; a shorter run says nothing of periods of years."""
    if climate.means.sizes["time"] < 48:
        return {}
    series = c.nino34(climate.sst, climate.means["ocean_lat"].values, climate.means["ocean_lon"].values)
    departures = c.anomalies(series[12:])
    return {
        "nino34_mean_degC": float(series[12:].mean()),
        "nino34_standard_deviation_K": float(departures.std()),
        "nino34_share_of_2_to_7_years": c.band_share(departures),
    }


def write(summary: dict[str, Any], path: Path) -> None:
    """Write the figures, whole or not at all."""
    with atomic(path) as partial:
        partial.write_text(json.dumps(summary, indent=1) + "\n")
