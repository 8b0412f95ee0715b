import numpy as np
import pytest
import xarray as xr

from pipeline import registry
from pipeline.datasets import era5, ersst, oisst
from pipeline.errors import PipelineError


def test_only_sources_are_kinds():
    assert registry.kinds("datasets") == ["era5", "ersst", "nature_run", "oisst"]
    for kind in registry.kinds("datasets"):
        assert "path" in registry.options("datasets", kind)


def assert_canonical(ds):
    assert (np.diff(ds["lat"].values) > 0).all()
    assert (np.diff(ds["lon"].values) > 0).all()
    assert ds["lon"].values[0] >= 0
    assert ds["lon"].values[-1] < 360
    assert all(field.chunks is not None and field.dims[-2:] == ("lat", "lon") for field in ds.values())


class TestOISST:
    def test_a_real_day(self, real_data):
        ds = oisst.open(str(real_data("oisst-avhrr-v02r01.20220913.nc")))
        assert_canonical(ds)
        assert ds["sst"].dims == ("time", "lat", "lon")
        assert ds["sst"].attrs["units"] == "degC"
        weights = np.cos(np.deg2rad(ds["lat"]))
        assert 17.5 < float(ds["sst"].weighted(weights).mean()) < 19.0  # the world ocean's mean, about 18.3 degC
        assert float(ds["sst"].sel(lat=0.125, lon=160.125).isel(time=0)) > 28.0  # the warm pool

    def test_files_of_other_days_are_not_opened(self, real_data):
        path = str(real_data("oisst-avhrr-v02r01.20220913.nc").parent / "oisst-avhrr-*.nc")
        assert oisst.open(path, start="2022-09-13", end="2022-09-13").sizes["time"] == 1
        with pytest.raises(PipelineError, match="no day between 2022-10-01"):
            oisst.open(path, start="2022-10-01", end="2022-10-03")

    def test_damage_is_named(self, real_data, tmp_path):
        whole = real_data("oisst-avhrr-v02r01.20220913.nc")
        cut = tmp_path / whole.name
        cut.write_bytes(whole.read_bytes()[:700000])
        with pytest.raises(PipelineError, match=r"20220913\.nc: truncated or not NetCDF"):
            oisst.open(str(cut))
        with pytest.raises(PipelineError, match=r"absent\.nc: no such file; OISST v2\.1 files are at https"):
            oisst.open(str(tmp_path / "absent.nc"))

    def test_a_field_with_holes_is_refused(self, tmp_path):
        write(tmp_path / "holes.nc", sst=lambda lat, lon: np.where(lon < 180, np.nan, 280.0 + 0 * lat))
        with pytest.raises(PipelineError, match="50% of sst is missing"):
            oisst.open(str(tmp_path / "holes.nc"))


def write(path, time=("2010-01-01",), lat=None, lon=None, names=("time", "latitude", "longitude"), units="K", **fields):
    lat = np.arange(87.5, -90, -5.0) if lat is None else lat
    lon = np.arange(0.0, 360.0, 5.0) if lon is None else lon
    values = {
        name: (names, np.broadcast_to(f(lat[:, None], lon), (len(time), len(lat), len(lon))), {"units": units})
        for name, f in fields.items()
    }
    coordinates = dict(zip(names, (np.array(time, dtype="datetime64[ns]"), lat, lon), strict=True))
    ds = xr.Dataset(values, coordinates)
    ds.to_netcdf(path)
    return ds


class TestERSST:
    @pytest.fixture
    def months(self, real_data):
        return ersst.open(str(real_data("ersstv5_sst.mnmean.nc")))

    def test_months_stand_at_their_middle(self, months):
        assert_canonical(months)
        assert months["time"].values[1] == np.datetime64("2010-02-15T00:00")
        assert months.sizes["time"] == 128

    def test_interpolation_is_linear_in_time(self, months):
        """At a mid-month the month's field; half way the mean of two; linear data stay linear."""
        middle = months["time"].values
        half = middle[3] + (middle[4] - middle[3]) // 2
        fields = ersst.at(months, np.array([middle[3], half, middle[4]]))["sst"]
        np.testing.assert_array_equal(fields[0], months["sst"][3])
        np.testing.assert_allclose(fields[1], 0.5 * (months["sst"][3] + months["sst"][4]), atol=1e-5)
        np.testing.assert_array_equal(fields[2], months["sst"][4])
        line = xr.Dataset({"sst": ("time", (middle - middle[0]) / np.timedelta64(1, "D"))}, {"time": middle})
        dates = middle[0] + np.array([0, 17, 400, 3000]) * np.timedelta64(1, "D")
        np.testing.assert_allclose(ersst.at(line, dates)["sst"], [0, 17, 400, 3000], rtol=1e-6)

    def test_dates_outside_are_refused(self, months):
        with pytest.raises(PipelineError, match="2009-12-31T00:00:00 is not covered"):
            ersst.at(months, np.datetime64("2009-12-31"))

    def test_a_period_outside_is_refused(self, real_data):
        with pytest.raises(PipelineError, match="is not covered; the file has 2010-01-16"):
            ersst.open(str(real_data("ersstv5_sst.mnmean.nc")), start="1982-01-01", end="1982-12-31")

    def test_published_nino_index_is_reproduced(self, months, real_data):
        """Nino3.4 of these fields against a published series, each month's mean removed: measured 0.995, 0.09 degC."""
        box = months["sst"].sel(lat=slice(-5, 5), lon=slice(191, 239))
        ours = box.weighted(np.cos(np.deg2rad(box["lat"]))).mean(("lat", "lon"))
        lines = [line.split() for line in real_data("enso_ERSST.V5_nino3.4.txt").read_text().splitlines()]
        table = {int(f[0]): np.array(f[1:13], dtype=float) for f in lines if len(f) >= 13 and f[0].isdigit()}
        published = np.stack([table[year] for year in range(2010, 2020)])
        ours = ours.values[:120].reshape(10, 12)
        a, b = ((x - x.mean(axis=0)).ravel() for x in (ours, published))
        assert np.corrcoef(a, b)[0, 1] > 0.99
        assert np.std(a - b) < 0.12


class TestERA5:
    def test_the_old_names_of_the_climate_data_store(self, real_data):
        ds = era5.open(str(real_data("geocat_era5_1995-07-14T12.nc")))
        assert_canonical(ds)
        assert set(ds) == {"ps", "ta", "ua", "va"}
        assert ds["time"].values[0] == np.datetime64("1995-07-14T12:00")
        assert float(ds["lon"][0]) == 235.0
        assert 285 < float(ds["ta"].mean()) < 305
        assert 8.5e4 < float(ds["ps"].mean()) < 1.02e5

    def test_the_new_names_of_the_climate_data_store(self, tmp_path):
        """valid_time, pressure_level, number and expver as coordinates; longitudes from -180."""
        lat, lon = np.arange(90.0, -91.0, -30.0), np.arange(-180.0, 180.0, 30.0)
        time = np.array(["2020-01-01T00", "2020-01-01T06"], dtype="datetime64[ns]")
        values = np.broadcast_to(lon, (2, 1, len(lat), 12)).astype(np.float32)
        ds = xr.Dataset(
            {"z": (("valid_time", "pressure_level", "latitude", "longitude"), values * 9.80665)},
            {"valid_time": time, "pressure_level": [500.0], "latitude": lat, "longitude": lon},
        )
        ds = ds.assign_coords(number=0, expver=("valid_time", ["0001", "0001"]))
        ds.to_netcdf(tmp_path / "levels.nc")
        read = era5.open(str(tmp_path / "levels.nc"), variables=("zg",), levels=(500.0,))
        assert_canonical(read)
        assert read["zg"].dims == ("time", "lat", "lon")
        expected = np.where(read["lon"] >= 180, read["lon"] - 360, read["lon"])
        np.testing.assert_allclose(read["zg"][0, 3], expected, rtol=1e-6)

    def test_preliminary_data_complete_final_ones(self, tmp_path):
        ds = write(tmp_path / "x.nc", sp=lambda lat, lon: 1e5 + 0 * lat * lon, time=("2020-01-01", "2020-01-02"))
        two = xr.concat(
            [ds.where(ds["time"] < ds["time"][1]), (ds + 1).where(ds["time"] > ds["time"][0])], dim="expver"
        )
        two.assign_coords(expver=[1, 5]).transpose("time", "expver", ...).to_netcdf(tmp_path / "two.nc")
        read = era5.open(str(tmp_path / "two.nc"))["ps"]
        assert read.isel(lat=0, lon=0).values.tolist() == [100000.0, 100001.0]

    def test_grib_with_members_and_levels(self, real_data):
        """Ten members of z and t; the 500-hPa surface stands at about 5,500 m, 850 hPa at about 1,400 m."""
        path = str(real_data("era5-levels-members.grib"))
        ds = era5.open(path, levels=(500.0, 850.0))
        assert_canonical(ds)
        assert dict(ds.sizes) == {"member": 10, "time": 4, "level": 2, "lat": 61, "lon": 120}
        heights = ds["zg"].weighted(np.cos(np.deg2rad(ds["lat"]))).mean(("member", "time", "lat", "lon")).values
        assert heights[0] == pytest.approx(5660, abs=100)
        assert heights[1] == pytest.approx(1440, abs=60)
        one = era5.open(path, levels=(500.0,), member=3, start="2017-01-01T12", end="2017-01-02T00")
        assert one["ta"].dims == ("time", "lat", "lon")
        assert one.sizes["time"] == 2
        np.testing.assert_array_equal(one["ta"], ds["ta"].sel(member=3, level=500.0)[1:3])
        assert not list(real_data("era5-levels-members.grib").parent.glob("*.idx"))

    def test_a_truncated_grib_is_named(self, real_data, tmp_path):
        cut = tmp_path / "cut.grib"
        cut.write_bytes(real_data("era5-levels-members.grib").read_bytes()[:-7000])
        with pytest.raises(PipelineError, match=r"cut\.grib: truncated or not GRIB"):
            era5.open(str(cut), levels=(500.0,))

    def test_a_grib_with_messages_missing_is_refused(self, real_data, tmp_path):
        """Cut between two messages nothing looks wrong but the holes."""
        data = real_data("era5-levels-members.grib").read_bytes()
        cut = tmp_path / "short.grib"
        cut.write_bytes(data[: data.rindex(b"GRIB")])
        with pytest.raises(PipelineError, match="is missing"):
            era5.open(str(cut), levels=(500.0, 850.0)).compute()

    def test_reanalysis_before_era5(self, real_data):
        ds = era5.open(str(real_data("eraint_uvz.nc")), variables=("ua", "zg"), levels=(200,))
        assert_canonical(ds)
        assert float(ds["ua"].sel(month=1).max()) > 60

    def test_cloud_zarr_names(self, tmp_path):
        lat, lon, time = np.arange(90.0, -91, -30), np.arange(0.0, 360, 30), np.array(["2020-01-01"], "datetime64[ns]")
        shape = (("time", "latitude", "longitude"), np.full((1, 7, 12), 280.0))
        ds = xr.Dataset(
            {"2m_temperature": shape, "sea_surface_temperature": (*shape, {"units": "K"})},
            {"time": time, "latitude": lat, "longitude": lon},
        )
        ds.to_zarr(tmp_path / "arco.zarr", zarr_format=2)
        read = era5.open(str(tmp_path / "arco.zarr"), variables=("ta", "sst"))
        assert_canonical(read)
        np.testing.assert_allclose(read["sst"], 6.85, rtol=1e-5)
        with pytest.raises(PipelineError, match="not a zarr store"):
            era5.open(str(tmp_path / "none.zarr"))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"variables": ("ps",), "levels": (500.0,)}, "no variable for ps; it has"),
            ({"levels": (300.0,)}, "no level 300; it has"),
            ({"levels": (500.0,), "member": 12}, "no member 12; it has 0, 1"),
            ({}, "name the pressure levels"),
            ({"levels": (500.0,), "start": "2020-01-01"}, "is not covered"),
        ],
    )
    def test_what_is_not_there_is_named(self, real_data, options, message):
        with pytest.raises(PipelineError, match=message):
            era5.open(str(real_data("era5-levels-members.grib")), **options)


class TestCoordinates:
    def test_jumping_latitudes_are_refused(self, tmp_path):
        lat = np.array([-60.0, 0.0, -30.0, 60.0])
        write(tmp_path / "jump.nc", lat=lat, sst=lambda lat, lon: 280.0 + 0 * lat * lon)
        with pytest.raises(PipelineError, match=r"jump\.nc: lat is not monotonic"):
            oisst.open(str(tmp_path / "jump.nc"))

    def test_a_meridian_given_twice_is_taken_once(self, tmp_path):
        lon = np.arange(0.0, 361.0, 30.0)
        write(tmp_path / "closed.nc", lon=lon, sst=lambda lat, lon: 280.0 + lon % 360 / 100 + 0 * lat)
        ds = oisst.open(str(tmp_path / "closed.nc"))
        assert ds.sizes["lon"] == 12
        assert_canonical(ds)

    def test_repeated_times_are_refused(self, tmp_path):
        for name in ("a.nc", "b.nc"):
            write(tmp_path / name, sst=lambda lat, lon: 280.0 + 0 * lat * lon)
        with pytest.raises(PipelineError, match="times repeat"):
            oisst.open(str(tmp_path))

    def test_files_of_different_grids_are_refused(self, tmp_path):
        write(tmp_path / "a.nc", sst=lambda lat, lon: 280.0 + 0 * lat * lon)
        lat = np.array([-45.0, 45.0])
        write(tmp_path / "b.nc", time=("2010-02-01",), lat=lat, sst=lambda lat, lon: 280.0 + 0 * lat * lon)
        with pytest.raises(PipelineError, match="not on one grid"):
            oisst.open(str(tmp_path))

    def test_unknown_units_are_refused(self, tmp_path):
        write(tmp_path / "f.nc", units="F", sst=lambda lat, lon: 60.0 + 0 * lat * lon)
        with pytest.raises(PipelineError, match="units 'f'; expected K or degC"):
            oisst.open(str(tmp_path / "f.nc"))
