"""The table of docs/models/control-climate.md: the control climate's figures beside observed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import PipelineError
from pipeline.files import atomic

BEGIN = "<!-- Made by `python -m pipeline control-climate --page`; do not edit up to the next mark. -->"
END = "<!-- End of what is made. -->"


class Figure(NamedTuple):
    """A row of the table.

    Attributes:
        label: what stands in the first column.
        key: of summary.json.
        unit: of both values.
        observed: the observed value, blank where none is meant.
        source: authors and year, or the archive.
        known: how the observed value is known: one of KNOWN.
    """

    label: str
    key: str
    unit: str
    observed: str
    source: str
    known: str


SEEN, QUOTED, COMPUTED, MEMORY, NONE = "looked up", "quoted", "computed", "from memory", ""
KNOWN = (SEEN, QUOTED, COMPUTED, MEMORY, NONE)
"""Read in the source, read where another text quotes it, computed from data, written down unread, nothing to know."""

FIGURES = (
    Figure("mean SST of the cells of both", "sst_model_same_cells_degC", "°C", "19.1", "ERSSTv5, 2010-2020", COMPUTED),
    Figure("its bias over the common cells", "sst_bias_K", "K", "0", "ERSSTv5", NONE),
    Figure("r.m.s. error of the annual mean SST", "sst_rmse_of_annual_mean_K", "K", "0", "ERSSTv5", NONE),
    Figure("land surface", "land_temperature_degC", "°C", "8.6", "Berkeley Earth, 1951-1980, air", SEEN),
    Figure("rain", "precipitation_mm_day", "mm/day", "2.70", "Adler et al. (2018)", SEEN),
    Figure("evaporation", "evaporation_mm_day", "mm/day", "2.70", "the same, in balance", COMPUTED),
    Figure("sunlight kept", "net_sunlight_W_m2", "W/m2", "239", "Dewitte and Clerbaux (2017)", COMPUTED),
    Figure("long wave to space", "outgoing_long_wave_W_m2", "W/m2", "238", "Dewitte and Clerbaux (2017)", SEEN),
    Figure("net at the top of the air", "top_of_atmosphere_W_m2", "W/m2", "0.6 to 0.9", "EBAF; 2005-2019", QUOTED),
    Figure("heat into all surfaces", "heat_into_surface_W_m2", "W/m2", "0.6 to 0.9", "the same, in balance", COMPUTED),
    Figure("northern jet, December to February", "jet_north_djf_m_s", "m/s", "45", "ERA-Interim, January", COMPUTED),
    Figure("its latitude", "jet_north_djf_latitude", "°", "31", "the same", COMPUTED),
    Figure("southern jet, June to August", "jet_south_jja_m_s", "m/s", "43", "ERA-Interim, July", COMPUTED),
    Figure("its latitude", "jet_south_jja_latitude", "°", "-30", "the same", COMPUTED),
    Figure("winter cell, December to February", "hadley_djf_1e9_kg_s", "10^9 kg/s", "200", "reanalyses", MEMORY),
    Figure("winter cell, June to August", "hadley_jja_1e9_kg_s", "10^9 kg/s", "-200", "reanalyses", MEMORY),
    Figure(
        "northern ice extent, March", "ice_extent_north_march_1e12_m2", "10^12 m2", "15.4", "Sea Ice Index", COMPUTED
    ),
    Figure("northern ice extent, September", "ice_extent_north_september_1e12_m2", "10^12 m2", "6.4", "NOAA", SEEN),
    Figure(
        "southern ice extent, March", "ice_extent_south_march_1e12_m2", "10^12 m2", "4.0", "Sea Ice Index", COMPUTED
    ),
    Figure("southern ice extent, September", "ice_extent_south_september_1e12_m2", "10^12 m2", "18.5", "NOAA", SEEN),
    Figure("Drake Passage", "drake_passage_Sv", "Sv", "137 to 173", "Cunningham (2003), Donohue (2016)", SEEN),
    Figure(
        "overturning below 400 m, north of 20N",
        "overturning_deep_north_Sv",
        "Sv",
        "17",
        "RAPID, Atlantic at 26N; Lumpkin and Speer (2007)",
        QUOTED,
    ),
    Figure(
        "overturning below 400 m, south of 30S",
        "overturning_deep_south_Sv",
        "Sv",
        "-21",
        "Ganachaud and Wunsch (2000)",
        SEEN,
    ),
    Figure("Kuroshio", "kuroshio_Sv", "Sv", "42", "Imawaki et al. (2001)", SEEN),
    Figure("Gulf Stream", "gulf_stream_Sv", "Sv", "32 to 150", "Florida Strait to 55W", QUOTED),
    Figure(
        "Niño-3.4, standard deviation",
        "nino34_standard_deviation_K",
        "K",
        "0.81",
        "ERSSTv5, mean of 9-year windows of 50 years",
        COMPUTED,
    ),
    Figure(
        "share of 2 to 7 years in it",
        "nino34_share_of_2_to_7_years",
        "1",
        "0.58 (0.17 to 0.85)",
        "the same",
        COMPUTED,
    ),
    Figure("drift of the mean SST", "sst_drift_K_per_year", "K/year", "0.03", "ERSSTv5, 2010-2020", COMPUTED),
    Figure("drift of the ocean's heat", "heat_content_drift_W_m2", "W/m2", "0.39", "Levitus et al. (2012)", SEEN),
    Figure(
        "drift of northern ice",
        "ice_volume_north_drift_1e12_m3_per_year",
        "10^12 m3/year",
        "-0.29",
        "PIOMAS, 1979-2011",
        QUOTED,
    ),
    Figure("drift of southern ice", "ice_volume_south_drift_1e12_m3_per_year", "10^12 m3/year", "0", "", MEMORY),
    Figure("total water, largest relative change", "water_relative_drift", "1", "", "8 digits are printed", NONE),
    Figure("dry air, largest relative change", "dry_air_relative_drift", "1", "", "the same", NONE),
)


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
    """The figures that the summary has, a short run fewer, and which observed values nobody has looked up."""
    span = f"{summary['months']} months, means over the last {summary['years_of_the_mean']} year(s)"
    lines = [f"Run of {span}.", "", "| | model | observed | unit | source | known |", "|---|---|---|---|---|---|"]
    rows = [row for row in FIGURES if (value := summary.get(row.key)) is not None and value == value]
    for row in rows:
        value = f"{summary[row.key]:.3g}"
        lines.append(f"| {row.label} | {value} | {row.observed} | {row.unit} | {row.source} | {row.known} |")
    remembered = "; ".join(row.label for row in rows if row.known == MEMORY) or "none"
    return "\n".join([*lines, "", f"Observed values still from memory: {remembered}."]) + "\n"
