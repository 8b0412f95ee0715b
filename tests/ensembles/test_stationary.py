"""Anomalies from snapshots: their mean, their season, their layout in the file, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from pipeline import registry
from pipeline.ensembles._season import YEAR
from pipeline.ensembles.base import FIELDS, write_ensemble
from pipeline.ensembles.stationary import Stationary
from pipeline.errors import PipelineError

SIZES = {"level": 3, "lat": 4, "lon": 6, "depth": 2, "jo": 5, "io": 7}
DAY = 86400
LAND = (slice(None), 2, 3)


def _snapshot(seconds: int, rng: np.random.Generator, season: float = 0.0, missing: float = np.nan) -> xr.Dataset:
    data = {}
    for name, dims in FIELDS.items():
        values = rng.standard_normal([SIZES[d] for d in dims]) + 10.0
        values += season * np.cos(2 * np.pi * seconds / YEAR - 0.7)
        if name in ("temp", "salt", "uo", "vo"):
            values[LAND] = missing
        if name == "ssh":
            values[LAND[1:]] = missing
        data[name] = (dims, values)
    return xr.Dataset(data, {d: np.arange(SIZES[d], dtype=float) for d in SIZES})


@pytest.fixture
def states(tmp_path):
    """Snapshots of 40 days in two folders, as two segments of a nature run leave them."""
    rng = np.random.default_rng(0)
    for day in range(40):
        folder = tmp_path / f"segment_{day // 20}" / "states"
        folder.mkdir(parents=True, exist_ok=True)
        _snapshot(day * DAY, rng).to_netcdf(folder / f"{day * DAY}.nc")
    return [tmp_path / "segment_0" / "states", tmp_path / "segment_1" / "states"]


def test_anomalies_are_those_of_evenly_spread_snapshots(states):
    found = Stationary(members=14).anomalies(states)
    days = np.arange(0, 40, 3)
    np.testing.assert_array_equal(found["time"], days * DAY)
    fields = []
    for day in days:
        with xr.open_dataset(states[day // 20] / f"{day * DAY}.nc") as dataset:
            fields.append(dataset["temp"].values)
    wanted = np.nan_to_num(np.stack(fields) - np.mean(fields, axis=0))
    np.testing.assert_allclose(found["temp"], wanted, atol=1e-12)


@pytest.mark.parametrize("missing", [np.nan, 0.0])
def test_file_is_what_the_filter_reads(states, tmp_path, missing):
    rng = np.random.default_rng(1)
    for file in states[0].glob("*.nc"):
        _snapshot(int(file.stem), rng, missing=missing).to_netcdf(file)
    path = tmp_path / "errors" / "ensemble.nc"
    write_ensemble(path, Stationary(members=8).anomalies(states[:1]), {"code": "test"})
    with xr.open_dataset(path, decode_times=False, mask_and_scale=False) as dataset:
        assert dataset.sizes["member"] == 8
        assert dataset.attrs["code"] == "test"
        for name, dims in FIELDS.items():
            assert dataset[name].dims == ("member", *dims)
            assert dataset[name].dtype == np.float64
            assert "_FillValue" not in dataset[name].attrs
            assert np.isfinite(dataset[name]).all()
            assert float(abs(dataset[name].mean("member")).max()) < 1e-12
        assert not dataset["temp"].values[(slice(None), *LAND)].any()
        np.testing.assert_array_equal(dataset["lat"], np.arange(4.0))
    assert [p.name for p in path.parent.iterdir()] == ["ensemble.nc"]


def test_harmonics_take_the_season_out(tmp_path):
    """Two years of a seasonal cycle of amplitude 5 with noise of 1: the spread falls from 3.7 to the noise."""
    rng = np.random.default_rng(2)
    for day in range(0, 731, 10):
        _snapshot(day * DAY, rng, season=5.0).to_netcdf(tmp_path / f"{day * DAY}.nc")
    spread = {
        harmonics: float(Stationary(30, harmonics).anomalies([tmp_path])["t"].std("member").mean())
        for harmonics in (0, 1, 2)
    }
    assert spread[0] == pytest.approx(np.sqrt(5.0**2 / 2 + 1), rel=0.05)
    for harmonics in (1, 2):  # 30 members less their mean, 74 snapshots less the fit
        noise = np.sqrt((1 - 1 / 30) * (1 - 2 * harmonics / 74))
        assert spread[harmonics] == pytest.approx(noise, rel=0.04)


def test_season_is_fitted_exactly_where_there_is_no_noise(tmp_path):
    rng = np.random.default_rng(3)
    base = _snapshot(0, rng)
    for day in range(0, 366, 30):
        cycle = 4.0 * np.cos(2 * np.pi * day * DAY / YEAR - 0.7)
        noise = 1e-3 * (day == 180)  # otherwise there would be no spread left
        (base + cycle + noise).to_netcdf(tmp_path / f"{day * DAY}.nc")
    found = Stationary(13, 1).anomalies([tmp_path])
    assert float(abs(found["ps"]).max()) < 1.1e-3


def test_bad_snapshots_are_refused(states):
    file = states[0] / f"{3 * DAY}.nc"
    good = xr.load_dataset(file)
    ensemble = Stationary(members=40)

    def broken(change) -> None:
        dataset = good.copy(deep=True)
        change(dataset)
        dataset.to_netcdf(file)

    broken(lambda d: d["t"].values.__setitem__((0, 1, 2), np.nan))
    with pytest.raises(PipelineError, match=r"259200\.nc: 1 of 72 values of t are not finite"):
        ensemble.anomalies(states)
    broken(lambda d: d["temp"].values.__setitem__((0, 0, 0), np.inf))
    with pytest.raises(PipelineError, match="values of temp are not finite"):
        ensemble.anomalies(states)
    good.isel(depth=slice(0, 1)).to_netcdf(file)
    with pytest.raises(PipelineError, match=r"259200\.nc: temp"):
        ensemble.anomalies(states)
    good.isel(lon=slice(0, 5)).to_netcdf(file)
    with pytest.raises(PipelineError, match=r"u has shape \(3, 4, 5\), the first snapshot \(3, 4, 6\)"):
        ensemble.anomalies(states)
    good.drop_vars("ssh").to_netcdf(file)
    with pytest.raises(PipelineError, match="no variable 'ssh'"):
        ensemble.anomalies(states)
    file.write_bytes(b"CDF\x01 and then nothing")
    with pytest.raises(PipelineError, match="not a readable NetCDF file"):
        ensemble.anomalies(states)


def test_what_cannot_be_is_refused(states, tmp_path):
    with pytest.raises(PipelineError, match="40 snapshots for 41 members"):
        Stationary(members=41).anomalies(states)
    with pytest.raises(PipelineError, match="no snapshots in"):
        Stationary().anomalies([tmp_path])
    with pytest.raises(PipelineError, match="39 days hold no seasonal cycle"):
        Stationary(members=4, harmonics=1).anomalies(states)
    with pytest.raises(PipelineError, match="the same time as"):
        Stationary(members=4).anomalies([*states, states[0]])
    with pytest.raises(PipelineError, match="members 1 are too few"):
        Stationary(members=1)
    for file in states[0].glob("*.nc"):
        _snapshot(0, np.random.default_rng(0)).to_netcdf(file)
    with pytest.raises(PipelineError, match="u is the same in all members"):
        Stationary(members=5).anomalies(states[:1])


def test_is_found_by_its_name():
    assert registry.build("ensembles", "stationary", members=20).members == 20
