"""The control climate's reader, figures and page maker on a made-up run of four years."""

import json

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.verification import control, control_page, page

NLON, NLAT, NLEV, NX, NY, NZ = 8, 6, 3, 10, 11, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Uniform fields: rain of 1e-5 kg/m2/s, SST of 20 degC with a season of 2 K, ice on the southernmost rows."""
    path = tmp_path_factory.mktemp("control")
    lat = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(NLAT)[0]))
    for month in range(48):
        write_month(path, month, lat)
    names = ["days", "wall_seconds", "dry_air_mass", "total_water", "ocean_heat_content"]
    # Each year's log begins with the last day of the year before.
    for name, days in (("year_000", range(0, 370, 5)), ("year_001", range(365, 1465, 5))):
        lines = [" ".join(names)] + [f"{day} 1.0 5.0 7.0 {1e25 + 1e20 * day}" for day in days]
        (path / f"{name}.log").write_text("\n".join([*lines, "# CPU seconds per model day: 1.0 2.0"]) + "\n")
    return path


def write_month(path, month, lat):
    air3, air2 = ("level", "lat", "lon"), ("lat", "lon")
    sea3, sea2 = ("depth", "jo", "io"), ("jo", "io")
    ones = {
        air3: np.ones((NLEV, NLAT, NLON)),
        air2: np.ones((NLAT, NLON)),
        sea3: np.ones((NZ, NY, NX)),
        sea2: np.ones((NY, NX)),
    }
    season = 2.0 * np.sin(2.0 * np.pi * month / 12.0)
    values = {
        air3: {"u": 10.0, "t": 250.0, "mass_flux": 0.0},
        air2: {"precipitation": 1e-5, "evaporation": 1e-5, "net_sunlight": 240.0, "outgoing_long_wave": 239.0}
        | {"surface_heat": 1.0, "land_temperature": 283.15, "land_fraction": 0.3},
        sea3: {"temp": 20.0 + season, "salt": 35.0, "uo": 0.0, "vo": 0.0},
        sea2: {"ice_volume": 0.0, "ice_cover": 0.0},
    }
    fields = {name: (dims, value * ones[dims]) for dims, group in values.items() for name, value in group.items()}
    dataset = xr.Dataset(
        fields | {"ocean_lat": ("jo", np.linspace(-70.0, 70.0, NY)), "ocean_lon": ("io", 18.0 + 36.0 * np.arange(NX))},
        coords={"lat": lat, "lon": 45.0 * np.arange(NLON), "level": (np.arange(NLEV) + 0.5) / NLEV}
        | {"depth": [50.0, 200.0, 500.0, 1500.0]},
    )
    dataset["ice_cover"][:2] = 0.5
    dataset["salt"][:, :, 0] = 0.0
    dataset.to_netcdf(path / f"means_{month:06d}.nc", engine="h5netcdf")


def test_figures_of_uniform_fields(folder):
    climate = control.read(folder)
    assert climate.means["ocean_lat"].dims == ("jo",)
    np.testing.assert_array_equal(climate.budget["day"], np.arange(0, 1465, 5))
    observed = np.where(climate.wet, 21.0, np.nan) * np.ones((12, 1, 1))
    summary = control.summarize(climate, observed)
    assert summary["precipitation_mm_day"] == pytest.approx(0.864)
    assert summary["top_of_atmosphere_W_m2"] == pytest.approx(1.0)
    assert summary["sst_bias_K"] == pytest.approx(-1.0)
    assert summary["sst_degC"] == pytest.approx(20.0)
    assert summary["land_temperature_degC"] == pytest.approx(10.0)
    assert summary["water_relative_drift"] == 0.0
    assert summary["nino34_standard_deviation_K"] == pytest.approx(0.0, abs=1e-6)
    southern = climate.sea_area[:2].sum() / 1e12
    assert summary["ice_extent_south_march_1e12_m2"] == pytest.approx(southern, rel=1e-5)
    assert summary["ice_extent_north_march_1e12_m2"] == 0.0
    heat = 1e20 * 365.2425 / (365.2425 * 86400.0) / climate.sea_area.sum()
    assert summary["heat_content_drift_W_m2"] == pytest.approx(heat, rel=1e-3)


def test_figures_are_drawn(folder, tmp_path):
    from pipeline.figures import control as figures

    climate = control.read(folder)
    figures.draw_all(climate, climate.sst[:12] + 1.0, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"control-{name}.png" for name in ("air", "course", "sea", "sst", "water")
    ]


def test_too_short_a_run_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="0 files means"):
        control.read(tmp_path)
    for month in range(11):
        (tmp_path / f"means_{month:06d}.nc").touch()
    with pytest.raises(PipelineError, match="11 files means"):
        control.read(tmp_path)


def test_the_page_has_every_row_once_with_all_its_ranks(tmp_path, monkeypatch):
    rows = [
        {"test": "mass", "ours": 1e-13, "reference": 0.0, "gate": 1e-12, "passed": True, "source": "test_a", "ranks": n}
        for n in (1, 2)
    ]
    rows += [{"test": "wave", "ours": 2.0, "reference": 1.0, "gate": None, "passed": False, "source": "b", "ranks": 1}]
    monkeypatch.setattr(page, "ROOT", tmp_path)
    results, sources = tmp_path / "results" / "verification", tmp_path / "fortran" / "climate" / "tests"
    results.mkdir(parents=True)
    sources.mkdir(parents=True)
    (results / "climate.json").write_text(json.dumps({"rows": rows}))
    (sources / "test_a.F90").write_text("!> What it is.\n!! More.\nprogram test_a\n")
    text = tmp_path / "page.md"
    text.write_text(f"Prose.\n{page.MARK}\nold\n")
    page.write("climate", text)
    written = text.read_text()
    assert written.startswith("Prose.\n")
    assert "old" not in written
    assert "What it is." in written
    assert "| mass | 1e-13 | 0 | 1e-12 | 1, 2 | yes |" in written
    assert "| wave | 2 | 1 |  | 1 | **no** |" in written
    text.write_text("no mark")
    with pytest.raises(PipelineError, match="missing"):
        page.write("climate", text)


def test_the_table_replaces_what_stands_between_the_marks(tmp_path):
    text = tmp_path / "page.md"
    text.write_text(f"Before.\n{control_page.BEGIN}\nold\n{control_page.END}\nAfter.\n")
    control_page.write(
        {"months": 24, "years_of_the_mean": 2, "sst_model_same_cells_degC": 18.0, "sst_bias_K": float("nan")}, text
    )
    written = text.read_text()
    assert written.startswith("Before.\n")
    assert written.endswith("\nAfter.\n")
    assert "old" not in written
    assert "| mean SST of the cells of both | 18 | 19.1 | °C |" in written
    assert "bias" not in written
    assert "still from memory: none." in written
    text.write_text("no marks")
    with pytest.raises(PipelineError, match="needed"):
        control_page.write({"months": 12, "years_of_the_mean": 1}, text)


def test_every_observed_value_says_how_it_is_known():
    assert len({row.key for row in control_page.FIGURES}) == len(control_page.FIGURES)
    for row in control_page.FIGURES:
        assert row.known in control_page.KNOWN, row.label
        assert row.known or row.observed in ("", "0"), row.label
    remembered = [row for row in control_page.FIGURES if row.known == control_page.MEMORY]
    sentence = control_page.table({"months": 60, "years_of_the_mean": 5} | {row.key: 1.0 for row in remembered})
    assert sentence.splitlines()[-1].count(";") == len(remembered) - 1
    assert all(row.label in sentence.splitlines()[-1] for row in remembered)
    assert all(f"| {row.source} | from memory |" in sentence for row in remembered)
