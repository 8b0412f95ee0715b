"""What the verification's figures show: the panels of each family, by the names of its series and fields.

`pipeline.figures.cases` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cmocean
import numpy as np


@dataclass(frozen=True)
class Curves:
    """A panel of curves.

    Attributes:
        series: names and what the legend calls them; those without a legend are one curve.
        rows: tests whose value and gate stand at one place of x.
        cited: (x, y, marker, legend) of numbers that others report.
        departure: ours less the reference is drawn, where the two could not be told apart.
        down: x runs down the page, from the first limit to the second.
        drift: distances from zero, on a logarithmic axis; all are held to one gate.
        log: logarithmic y.
    """

    title: str
    x: str
    y: str
    series: Mapping[str, str]
    rows: Mapping[str, float] = field(default_factory=dict)
    cited: Sequence[tuple[float, float, str, str]] = ()
    departure: bool = False
    down: tuple[float, float] | None = None
    drift: float | None = None
    log: bool = False


@dataclass(frozen=True)
class Section:
    """A panel of a field: filled contours with their lines."""

    title: str
    x: str
    y: str
    name: str
    levels: np.ndarray
    colours: Any
    down: tuple[float, float] | None = None


def _differences(case: int) -> dict[str, str]:
    """Of Williamson's case: what the legend calls the differences from the finest run."""
    fields = {"pressure": "p", "vorticity": r"$\zeta$"}
    return {f"williamson_{case}_{f}_l2_T{n}": f"{label}, T{n}" for f, label in fields.items() for n in (21, 42)}


SIGMA = (0.0, 1.0)
FAMILIES: dict[str, tuple[Curves | Section, ...]] = {
    "atmosphere": (
        Curves(
            "Rossby-Haurwitz wave 4",
            "days",
            "phase less the formula's (degrees)",
            {"rossby_haurwitz_phase": ""},
            departure=True,
        ),
        Curves("jet of Galewsky et al., day 5", "latitude (°N)", "u (m s$^{-1}$)", {"galewsky_u": ""}),
        Section(
            "Williamson's case 5, T42: h on day 15 (m)",
            "longitude (°E)",
            "latitude (°N)",
            "williamson_5_height",
            np.arange(5000, 6001, 50),
            cmocean.cm.dense_r,
        ),
        Curves(
            "case 5: difference from T85",
            "days",
            "relative l$_2$",
            _differences(5),
            log=True,
        ),
        Curves(
            "case 6: difference from T85",
            "days",
            "relative l$_2$",
            _differences(6),
            log=True,
        ),
        Curves(
            "Jablonowski-Williamson wave, 20 levels",
            "days",
            "lowest p$_s$ (hPa)",
            {f"jablonowski_lowest_ps_T{n}": f"T{n}" for n in (21, 31, 42, 63)},
            rows={"jablonowski_day_9_lowest_ps_hPa": 9.0},
            cited=((9.0, 950.0, ">", "another core, T42"), (9.0, 940.0, "<", "others, T85"), (9.0, 941.8, "<", "")),
        ),
        Section(
            "its p$_s$ on day 9, T42 (hPa)",
            "longitude (°E)",
            "latitude (°N)",
            "jablonowski_ps",
            np.arange(935, 1026, 10),
            cmocean.cm.dense_r,
        ),
        Curves(
            "the wave's difference from T63",
            "days",
            "l$_2$ of p$_s$ (hPa)",
            {f"jablonowski_l2_T{n}": f"T{n}" for n in (21, 31, 42)},
            log=True,
        ),
        Curves(
            "wave of Polvani et al.: difference from T85",
            "days",
            "relative l$_2$",
            {f"polvani_l2_vorticity_T{n}": rf"$\zeta$, T{n}" for n in (21, 42, 63)},
            log=True,
        ),
        Section(
            r"its $\zeta$ on day 12, T85 (10$^{-5}$ s$^{-1}$)",
            "longitude (°E)",
            "latitude (°N)",
            "polvani_vorticity",
            np.arange(-8, 9, 2),
            cmocean.cm.balance,
        ),
        Section(
            "its T on day 12, T85 (K)",
            "longitude (°E)",
            "latitude (°N)",
            "polvani_temperature",
            np.arange(260, 306, 5),
            cmocean.cm.thermal,
        ),
        Section(
            "Held-Suarez: u (m s$^{-1}$)",
            "latitude (°N)",
            "sigma",
            "held_suarez_u",
            np.arange(-32, 33, 4),
            cmocean.cm.balance,
            SIGMA,
        ),
        Section(
            "Held-Suarez: eddy variance of T (K$^2$)",
            "latitude (°N)",
            "sigma",
            "held_suarez_variance",
            np.arange(0, 41, 5),
            cmocean.cm.amp,
            SIGMA,
        ),
        Curves(
            "aquaplanet",
            "latitude (°N)",
            "rain (mm day$^{-1}$)",
            {"aquaplanet_rain": ""},
            rows={"aquaplanet_itcz_rain_mm_day": 1.9, "aquaplanet_subtropical_rain_mm_day": 13.0},
        ),
        Section(
            "aquaplanet: u (m s$^{-1}$)",
            "latitude (°N)",
            "sigma",
            "aquaplanet_u",
            np.arange(-48, 49, 6),
            cmocean.cm.balance,
            SIGMA,
        ),
    ),
    "ocean": (
        Curves(
            "equatorial Kelvin wave",
            "hours",
            "crest less the closed form's (km)",
            {"equatorial_kelvin_crest_km": ""},
            departure=True,
        ),
        Curves(
            "coastal Kelvin wave",
            "grid interval (km)",
            "speed (m s$^{-1}$)",
            {"coastal_kelvin_speed": "", "coastal_kelvin_speed_long": ""},
            rows={"coastal_kelvin_speed_extrapolated": 0.0},
        ),
        Curves(
            "equatorial Rossby wave",
            "hours",
            "crest less the closed form's (km)",
            {"equatorial_rossby_crest_km": ""},
            departure=True,
        ),
        Curves("geostrophic adjustment", "y / R", "$\\eta$ / $\\eta_0$", {"adjustment_eta": ""}),
        Curves("gyre of Munk", "x (km)", "transport (10$^6$ m$^3$ s$^{-1}$)", {"gyre_psi": ""}),
        Curves("gyre of Stommel", "x (km)", "transport (10$^6$ m$^3$ s$^{-1}$)", {"stommel_gyre_psi": ""}),
    ),
    "columns": (
        Curves("grey radiative equilibrium", "sigma", "T (K)", {"grey_column_K": ""}, down=SIGMA),
        Curves("convective equilibrium, moist adiabat", "sigma", "T (K)", {"convective_column_K": ""}, down=SIGMA),
        Curves("sunlight in the sea", "depth (m)", "warming (mK h$^{-1}$)", {"sunlight_warming_mK": ""}, down=(0, 100)),
        Curves("convection of the sea", "days", "layer's depth (m)", {"convection_layer_depth_m": ""}),
        Curves("Stefan's growth of ice", "days", "thickness (m)", {"stefan_thickness_m": ""}),
        Curves("ice under 100 W m$^{-2}$", "days", "thickness (m)", {"ice_melt_m": ""}),
        Curves("land cooling to space", "days", "T (K)", {"slab_cooling_K": ""}),
        Curves("bucket drying", "days", "water (kg m$^{-2}$)", {"bucket_drying_mm": ""}),
        Curves(
            "bucket under rain of 10 mm day$^{-1}$",
            "days",
            "water (kg m$^{-2}$)",
            {"bucket_filling_mm": "held", "bucket_runoff_mm": "run off"},
        ),
    ),
    "budgets": (
        Curves(
            "coupled model, a year",
            "days",
            "relative drift",
            {
                "coupled_dry_air": "dry air",
                "coupled_total_water": "water",
                "coupled_ocean_volume": "volume of the sea",
                "coupled_heat_of_all_surfaces": "heat of sea, ice, land",
            },
            drift=1e-12,
        ),
        Curves(
            "ocean under given fluxes, a year",
            "days",
            "relative drift",
            {"ocean_volume": "volume", "ocean_heat": "heat", "ocean_salt": "salt"},
            drift=1e-12,
        ),
        Curves("filter against Kalman's", "element of the state", "increment", {"kalman_increment": ""}),
        Curves("filter against Kalman's", "element of the state", "variance afterwards", {"kalman_variance": ""}),
    ),
}
