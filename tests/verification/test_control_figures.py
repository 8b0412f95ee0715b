"""The control climate's figures by hand, each from a field that is nothing but what the figure looks at."""

import f90nml
import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.spaces import EARTH_RADIUS
from pipeline.verification import control

# A sea of one temperature has no variance to share among periods.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")

LAT = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(8)[0]))  # -73.8 -53.1 -31.7 -10.6 and so on
WEIGHT = np.polynomial.legendre.leggauss(8)[1]
SEA_LAT, SEA_LON = np.arange(-70.0, 71.0, 10.0), np.arange(0.0, 360.0, 10.0)
DEPTH = np.array([50.0, 200.0, 500.0, 1500.0])  # floors at 100, 300, 700, 2300 m
AIR = {"precipitation", "evaporation", "net_sunlight", "outgoing_long_wave", "surface_heat", "land_temperature"}
YEAR_DAYS = 365.2425


def row(degrees):
    return int(np.abs(SEA_LAT - degrees).argmin())


def column(degrees):
    return int(np.abs(SEA_LON - degrees).argmin())


def climate(months=60, budget=None, **fields):
    """A run of zeros but for the sea's salt and some fields, which need only broadcast to (time, ...)."""
    axes = {"time": months, "level": 4, "lat": 8, "lon": 2, "depth": 4, "jo": 15, "io": 36}
    dims = {"u": ("time", "level", "lat", "lon"), "mass_flux": ("time", "level", "lat", "lon")}
    dims |= {name: ("time", "lat", "lon") for name in (*AIR, "land_fraction")}
    dims |= {name: ("time", "depth", "jo", "io") for name in ("temp", "salt", "uo", "vo")}
    dims |= {name: ("time", "jo", "io") for name in ("ice_volume", "ice_cover")}
    fields = {"salt": 35.0, "land_fraction": 1.0} | fields
    data = {n: (d, np.broadcast_to(fields.get(n, 0.0), [axes[x] for x in d])) for n, d in dims.items()}
    levels = {"lat": LAT, "level": (np.arange(4) + 0.5) / 4, "depth": DEPTH}
    means = xr.Dataset(data, levels | {"ocean_lat": ("jo", SEA_LAT), "ocean_lon": ("io", SEA_LON)})
    days = np.arange(0.0, months * YEAR_DAYS / 12 + 5, 5.0)
    lines = {n: np.ones_like(days) for n in ("total_water", "dry_air_mass", "ocean_heat_content")} | (budget or {})
    return control.Climate(means, xr.Dataset({n: ("day", v) for n, v in lines.items()}, {"day": days}))


def figures(months=60, budget=None, observed=None, **fields):
    return control.summarize(climate(months, budget, **fields), observed)


def by_month(months=60):
    """(time, 1, 1, 1)."""
    return np.arange(months)[:, None, None, None]


def row_area(degrees):
    """Area of a whole row of sea cells [m2]."""
    return 2 * np.pi * EARTH_RADIUS**2 * (np.sin(np.deg2rad(degrees + 5)) - np.sin(np.deg2rad(degrees - 5)))


def test_jets_are_the_strongest_west_winds_of_their_season_and_side():
    u = np.full((60, 4, 8, 2), 5.0)
    winter, summer = (np.isin(np.arange(60) % 12 + 1, m) for m in ((12, 1, 2), (6, 7, 8)))
    for months, level, lat, speed in ((winter, 1, 5, 40.0), (winter, 0, 1, 30.0), (summer, 2, 6, 20.0)):
        u[months, level, lat] = speed
    u[summer, 1, 2] = 50.0
    found = figures(u=u)
    wanted = {
        "north_djf": (40.0, 5, 1),
        "south_djf": (30.0, 1, 0),
        "north_jja": (20.0, 6, 2),
        "south_jja": (50.0, 2, 1),
    }
    for name, (speed, lat, level) in wanted.items():
        assert found[f"jet_{name}_m_s"] == speed
        assert found[f"jet_{name}_latitude"] == pytest.approx(LAT[lat], abs=1e-6)
        assert found[f"jet_{name}_sigma"] == (level + 0.5) / 4


def test_the_hadley_cell_is_the_tropics_largest_with_its_sign():
    flux = np.zeros((60, 4, 8, 2))
    winter, summer = (np.isin(np.arange(60) % 12 + 1, m) for m in ((12, 1, 2), (6, 7, 8)))
    flux[winter, 0, 4], flux[winter, 1, 4] = 1000.0, -1000.0
    flux[winter, 0, 6], flux[winter, 1, 6] = 9000.0, -9000.0  # not of the tropics
    flux[summer, 0, 3], flux[summer, 1, 3] = -2000.0, 2500.0
    found = figures(mass_flux=flux)
    unit = 2 * np.pi * EARTH_RADIUS * np.cos(np.deg2rad(LAT[4])) * 0.25 * 1000.0 / 1e9
    assert found["hadley_djf_1e9_kg_s"] == pytest.approx(unit, rel=1e-6)
    assert found["hadley_jja_1e9_kg_s"] == pytest.approx(-2.0 * unit, rel=1e-6)


def test_water_and_energy_are_means_by_area():
    sine2 = np.sin(np.deg2rad(LAT))[:, None] ** 2  # whose mean over the sphere is a third
    days = climate().budget["day"].size
    water, air = np.full(days, 10.0), np.full(days, 5.0)
    water[0], water[7], air[9] = 9.0, 9.7, 5.05  # before the first step the water is not complete
    land, warmth = np.zeros((8, 1)), np.full((8, 1), 200.0)
    land[2:4, 0], warmth[2:4, 0] = (1.0, 0.5), (283.15, 313.15)
    found = figures(
        budget={"total_water": water, "dry_air_mass": air},
        precipitation=3e-5 * sine2,
        evaporation=2e-5,
        net_sunlight=720.0 * sine2,
        outgoing_long_wave=238.5,
        surface_heat=1.25,
        land_fraction=land,
        land_temperature=warmth,
    )
    mean = (10.0 * WEIGHT[2] + 40.0 * 0.5 * WEIGHT[3]) / (WEIGHT[2] + 0.5 * WEIGHT[3])
    wanted = {
        "precipitation_mm_day": 0.864,
        "evaporation_mm_day": 1.728,
        "net_sunlight_W_m2": 240.0,
        "outgoing_long_wave_W_m2": 238.5,
        "top_of_atmosphere_W_m2": 1.5,
        "heat_into_surface_W_m2": 1.25,
        "land_temperature_degC": mean,
        "water_relative_drift": 0.03,
        "dry_air_relative_drift": 0.01,
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_means_are_over_the_last_whole_years_five_at_most():
    for months, first, last, years in ((80, 12, 71, 5), (30, 0, 23, 2)):
        found = figures(months, precipitation=by_month(months)[..., 0] / 86400.0)
        assert found["precipitation_mm_day"] == pytest.approx((first + last) / 2, abs=1e-6)
        assert (found["years_of_the_mean"], found["months"]) == (years, months)


def test_sea_surface_temperature_warms_after_the_second_year():
    """Half a degree a year after two years of nonsense; land counts nowhere."""
    salt = np.full((15, 36), 35.0)
    salt[:, 20:] = 0.0
    temperature = np.broadcast_to(20.0 + 0.5 * (by_month() // 12) + 50.0 * (by_month() < 24), (60, 4, 15, 36)).copy()
    temperature[:, 1:] = -9.0
    temperature[..., 20:] = 99.0
    found = figures(temp=temperature, salt=salt)
    assert found["sst_degC"] == pytest.approx(22.0)
    assert found["sst_drift_K_per_year"] == pytest.approx(0.5)
    run = climate(salt=salt)
    np.testing.assert_allclose(run.lat_bounds, np.arange(-75.0, 76.0, 10.0))
    assert run.sea_area.sum() == pytest.approx(20 / 36 * sum(row_area(lat) for lat in SEA_LAT))


def test_bias_and_rmse_against_what_was_observed():
    """Off by 2 on one half and -1 on the other, with a season in the difference; where nothing was seen it is warm."""
    east = np.broadcast_to(SEA_LON >= 180.0, (15, 36))
    season = 5.0 * np.sin(2 * np.pi * np.arange(12) / 12)[:, None, None]
    observed = 10.0 + season - np.where(east, 2.0, -1.0)
    observed[:, 3] = np.nan
    temperature = np.broadcast_to(8.0 + by_month() // 12, (60, 4, 15, 36)).copy()  # 10 over the five years
    temperature[:, :, 3] = 77.0
    found = figures(temp=temperature, observed=observed)
    wanted = {"bias_K": 0.5, "rmse_of_annual_mean_K": 2.5**0.5, "observed_degC": 9.5, "model_same_cells_degC": 10.0}
    assert {name: found[f"sst_{name}"] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_currents_and_gyres_are_those_of_their_place():
    """2300 m of water; a current at the corner of one column counts in all rows south of it."""
    u, unit = np.zeros((4, 15, 36)), 0.1 * 2300.0 * EARTH_RADIUS * np.deg2rad(10.0) / 1e6
    u[:, row(50.0), column(150.0)] = 0.2  # Kuroshio
    u[:, row(50.0), column(300.0)] = -0.3  # Gulf Stream, the other way
    u[:, row(50.0), column(60.0)] = 0.9  # of no box
    u[:, row(10.0), column(160.0)] = 0.9  # south of its box
    u[:, row(-60.0), column(290.0)] = 0.1  # Drake Passage
    u[:, row(-60.0), column(110.0)] = 0.7
    found = figures(uo=u)
    wanted = {"drake_passage_Sv": unit, "kuroshio_Sv": 2 * unit, "gulf_stream_Sv": 3 * unit}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_deep_overturning_is_that_below_400_metres():
    """Of 100 m above and 1600 m at the bottom; larger cells that close at 300 m or lie in the tropics are none."""
    v = np.zeros((4, 15, 36))
    for latitude, speed in ((40.0, 0.01), (-50.0, -0.02), (0.0, 0.9), (10.0, -0.9)):
        v[0, row(latitude)], v[3, row(latitude)] = speed, -speed / 16.0
    v[0, row(60.0)], v[1, row(60.0)] = 0.08, -0.04
    v[0, row(-60.0)], v[1, row(-60.0)] = -0.08, 0.04
    found = figures(vo=v)
    unit = 0.01 * 100.0 * 2 * np.pi * EARTH_RADIUS * np.cos(np.deg2rad(45.0)) / 1e6  # at corners, 5 degrees north
    assert found["overturning_deep_north_Sv"] == pytest.approx(unit, abs=1e-6)
    assert found["overturning_deep_south_Sv"] == pytest.approx(-2.0 * unit, abs=1e-6)


def test_ice_is_counted_by_side_and_month_over_the_last_years():
    cover, volume = np.zeros((84, 15, 36)), np.zeros((84, 15, 36))
    cover[:24] = 1.0  # two years that do not count
    for month, rows in ((2, (60.0, 70.0, -70.0)), (8, (70.0, -50.0, -60.0, -70.0))):
        for latitude in rows:
            cover[24 + month :: 12, row(latitude)] = 0.5
    volume[:, row(60.0)] = 0.5 * (np.arange(84) // 12)[:, None]
    volume[:, row(-60.0)] = 9.0 - 0.25 * (np.arange(84) // 12)[:, None]
    found = figures(84, ice_cover=cover, ice_volume=volume)
    wanted = {
        "extent_north_march_1e12_m2": row_area(60.0) + row_area(70.0),
        "extent_north_september_1e12_m2": row_area(70.0),
        "extent_south_march_1e12_m2": row_area(-70.0),
        "extent_south_september_1e12_m2": row_area(-50.0) + row_area(-60.0) + row_area(-70.0),
        "volume_north_drift_1e12_m3_per_year": 0.5 * row_area(60.0),
        "volume_south_drift_1e12_m3_per_year": -0.25 * row_area(60.0),
    }
    assert {n: found[f"ice_{n}"] for n in wanted} == pytest.approx({n: v / 1e12 for n, v in wanted.items()}, abs=1e-6)


def test_enso_is_that_after_the_first_year_without_the_season():
    """A wave of three years beside a season of 3 K; nine years hold three of it, so that no season takes a part."""
    months = by_month(120)
    wave = np.sin(2 * np.pi * months / 36) + 3.0 * np.sin(2 * np.pi * months / 12)
    found = figures(120, temp=25.0 + wave + 40.0 * (months < 12))
    assert found["nino34_mean_degC"] == pytest.approx(25.0, abs=1e-6)
    assert found["nino34_standard_deviation_K"] == pytest.approx(0.5**0.5, rel=0.05)
    assert found["nino34_share_of_2_to_7_years"] > 0.95
    assert not any(name.startswith("nino34") for name in figures(47))
    assert "nino34_mean_degC" in figures(48)


def test_heat_content_is_read_off_at_the_middles_of_the_months():
    run = climate(24)
    heat = 3.0 * run.budget["day"].values
    found = control._monthly(climate(24, {"ocean_heat_content": heat}), "ocean_heat_content")
    np.testing.assert_allclose(found, 3.0 * (np.arange(24) + 0.5) * YEAR_DAYS / 12)


def test_years_are_whole_intervals_that_keep_up_with_the_calendar(tmp_path, monkeypatch):
    driver, codes = tmp_path / "climate_main", [0, 0, 0, 1]
    monkeypatch.setattr(control.subprocess, "run", lambda *_, **__: type("Done", (), {"returncode": codes.pop(0)}))
    for year in range(3):
        control._run_year(tmp_path, driver, year, 1)
    groups = [f90nml.read(tmp_path / f"year_{year:03d}.nml")["driver_nml"] for year in range(3)]
    ends = np.cumsum([group["days"] for group in groups])
    np.testing.assert_allclose(ends * 12, np.round(ends * 12), atol=1e-9)
    assert np.abs(ends - YEAR_DAYS * np.arange(1, 4)).max() <= 1 / 24
    assert [group["restart_in"] for group in groups] == ["", "restart_000.nc", "restart_001.nc"]
    assert [group["restart_out"] for group in groups] == [f"restart_{year:03d}.nc" for year in range(3)]
    with pytest.raises(PipelineError, match=r"year 3 failed; see .*year_003\.log"):
        control._run_year(tmp_path, driver, 3, 1)
