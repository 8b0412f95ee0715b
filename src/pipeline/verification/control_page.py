"""The table of docs/models/control-climate.md: the control climate's figures beside observed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files import atomic

BEGIN = "<!-- Made by `python -m pipeline control-climate --page`; do not edit up to the next mark. -->"
END = "<!-- End of what is made. -->"

FIGURES: tuple[tuple[str, str, str, str, str], ...] = (
    ("mean SST of the cells of both", "sst_model_same_cells_degC", "°C", "19.1", "ERSSTv5, 2010-2020"),
    ("its bias over the common cells", "sst_bias_K", "K", "0", "ERSSTv5"),
    ("r.m.s. error of the annual mean SST", "sst_rmse_of_annual_mean_K", "K", "0", "ERSSTv5"),
    ("land surface", "land_temperature_degC", "°C", "8.5", "Jones et al. (1999)"),
    ("rain", "precipitation_mm_day", "mm/day", "2.7", "Adler et al. (2017)"),
    ("evaporation", "evaporation_mm_day", "mm/day", "2.7", "the same, in balance"),
    ("sunlight kept", "net_sunlight_W_m2", "W/m2", "240", "Loeb et al. (2009)"),
    ("long wave to space", "outgoing_long_wave_W_m2", "W/m2", "239", "Loeb et al. (2009)"),
    ("net at the top of the air", "top_of_atmosphere_W_m2", "W/m2", "0.5 to 1", "Loeb et al. (2009)"),
    ("heat into all surfaces", "heat_into_surface_W_m2", "W/m2", "0.5 to 1", "the same"),
    ("northern jet, December to February", "jet_north_djf_m_s", "m/s", "40", "reanalyses, 200 hPa"),
    ("its latitude", "jet_north_djf_latitude", "°", "30", "the same"),
    ("southern jet, June to August", "jet_south_jja_m_s", "m/s", "40", "the same"),
    ("its latitude", "jet_south_jja_latitude", "°", "-30", "the same"),
    ("winter cell, December to February", "hadley_djf_1e9_kg_s", "10^9 kg/s", "200", "Oort and Yienger (1996)"),
    ("winter cell, June to August", "hadley_jja_1e9_kg_s", "10^9 kg/s", "-200", "the same"),
    ("northern ice extent, March", "ice_extent_north_march_1e12_m2", "10^12 m2", "15.4", "Fetterer et al. (2017)"),
    ("northern ice extent, September", "ice_extent_north_september_1e12_m2", "10^12 m2", "6.4", "the same"),
    ("southern ice extent, March", "ice_extent_south_march_1e12_m2", "10^12 m2", "4", "the same"),
    ("southern ice extent, September", "ice_extent_south_september_1e12_m2", "10^12 m2", "18.5", "the same"),
    ("Drake Passage", "drake_passage_Sv", "Sv", "137 to 173", "Cunningham (2003), Donohue (2016)"),
    ("overturning below 400 m, north of 20N", "overturning_deep_north_Sv", "Sv", "17", "Smeed et al. (2018), Atlantic"),
    ("overturning below 400 m, south of 30S", "overturning_deep_south_Sv", "Sv", "-20 to -30", "inverse models"),
    ("Kuroshio", "kuroshio_Sv", "Sv", "50", "Imawaki et al. (2001)"),
    ("Gulf Stream", "gulf_stream_Sv", "Sv", "30 to 90", "Florida Strait to 60W"),
    (
        "Niño-3.4, standard deviation",
        "nino34_standard_deviation_K",
        "K",
        "0.81",
        "ERSSTv5, mean of 9-year windows of 50 years",
    ),
    ("share of 2 to 7 years in it", "nino34_share_of_2_to_7_years", "1", "0.58 (0.17 to 0.85)", "the same"),
    ("drift of the mean SST", "sst_drift_K_per_year", "K/year", "0.01", "ERSSTv5"),
    ("drift of the ocean's heat", "heat_content_drift_W_m2", "W/m2", "0.6", "Levitus et al. (2012)"),
    ("drift of northern ice", "ice_volume_north_drift_1e12_m3_per_year", "10^12 m3/year", "-0.3", "PIOMAS"),
    ("drift of southern ice", "ice_volume_south_drift_1e12_m3_per_year", "10^12 m3/year", "0", ""),
    ("total water, largest relative change", "water_relative_drift", "1", "", "8 digits are printed"),
    ("dry air, largest relative change", "dry_air_relative_drift", "1", "", "the same"),
)
"""Figure, key of summary.json, unit, observed value, source."""


def write(summary: dict[str, Any], page: Path) -> None:
    """Replace what stands between the page's marks.

    Raises:
        PipelineError: the page lacks a mark.
    """
    text = page.read_text()
    if BEGIN not in text or END not in text:
        raise PipelineError(f"{page}: the lines {BEGIN!r} and {END!r} are needed; the table goes between them")
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    with atomic(page) as partial:
        partial.write_text(f"{head}{BEGIN}\n\n{table(summary)}\n{END}{tail}")


def table(summary: dict[str, Any]) -> str:
    """The figures that the summary has; a short run has fewer."""
    span = f"{summary['months']} months, means over the last {summary['years_of_the_mean']} year(s)"
    lines = [f"Run of {span}.", "", "| | model | observed | unit | source |", "|---|---|---|---|---|"]
    for label, key, unit, observed, source in FIGURES:
        value = summary.get(key)
        if value is not None and value == value:
            lines.append(f"| {label} | {value:.3g} | {observed} | {unit} | {source} |")
    return "\n".join(lines) + "\n"
