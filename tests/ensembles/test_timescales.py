"""Ensembles of one range of time scales: responses of the filters, series of known spectrum, what is refused."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

from pipeline import registry
from pipeline.ensembles._season import YEAR
from pipeline.ensembles._timescales import lanczos, response
from pipeline.ensembles.base import FIELDS
from pipeline.ensembles.high_frequency import HighFrequency
from pipeline.ensembles.low_frequency import LowFrequency
from pipeline.errors import PipelineError

DAY = 86400
SIZES = {"level": 1, "lat": 2, "lon": 2, "depth": 1, "jo": 2, "io": 2}


def write_series(folder, series, interval_days=1, pattern=1.0):
    """Snapshots whose every field is a constant pattern times a series (time,)."""
    template = folder / "0.nc"
    xr.Dataset({n: (d, np.zeros([SIZES[x] for x in d])) for n, d in FIELDS.items()}).to_netcdf(template)
    blank = template.read_bytes()
    for k, number in enumerate(series):
        path = folder / f"{int(k * interval_days * DAY)}.nc"
        path.write_bytes(blank)  # a tenth of the time of writing each anew
        with netCDF4.Dataset(path, "a") as file:
            for name in FIELDS:
                file[name][:] = 10.0 + pattern * number
    return [folder]


def test_response_at_the_ends_and_at_the_cutoff():
    weights = lanczos(1.0, 50.0, 60.0)
    assert len(weights) == 121
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert response(weights, 1.0, 50.0) == pytest.approx(0.5, abs=0.01)
    assert response(weights, 1.0, np.array([365.0, 120.0])) == pytest.approx([1.0, 1.0], abs=0.02)
    assert np.abs(response(weights, 1.0, np.linspace(2, 30, 200))).max() < 0.015
    # The monthly mean of the published filter, for comparison: its largest side lobe is -0.22.
    assert response(np.full(31, 1 / 31), 1.0, np.linspace(15, 31, 100)).min() == pytest.approx(-0.217, abs=0.005)


@pytest.mark.parametrize("period", [8.0, 20.0, 50.0, 90.0])
def test_an_oscillation_passes_with_the_response_of_its_period(tmp_path, period):
    days = np.arange(210)
    states = write_series(tmp_path, np.cos(2 * np.pi * days / period + 0.3))
    low = LowFrequency(members=12, spacing_days=7.0).anomalies(states)
    high = HighFrequency(members=12, spacing_days=7.0).anomalies(states)
    for found, weights, passes in (
        (low, lanczos(1.0, 50.0, 60.0), lambda r: r),
        (high, lanczos(1.0, 20.0, 24.0), lambda r: 1 - r),
    ):
        at = found["time"].values / DAY
        wanted = passes(response(weights, 1.0, period)) * np.cos(2 * np.pi * at / period + 0.3)
        np.testing.assert_allclose(found["ps"][:, 0, 0], wanted - wanted.mean(), atol=1e-11)


def test_slow_and_fast_parts_of_a_known_spectrum_are_told_apart(tmp_path):
    """A slow oscillation of 100 days and a fast one of 6: each ensemble has the variance of its own alone."""
    days = np.arange(620)
    slow, fast = 2.0 * np.cos(2 * np.pi * days / 100.0), np.cos(2 * np.pi * days / 6.3 + 1.0)
    states = write_series(tmp_path, slow + fast)
    low = LowFrequency(members=20, spacing_days=25.0).anomalies(states)["ps"].values[:, 0, 0]
    high = HighFrequency(members=63).anomalies(states)["ps"].values[:, 0, 0]
    assert low.var() == pytest.approx(2.0, rel=0.05)
    assert high.var() == pytest.approx(0.5, rel=0.03)


def test_the_last_members_that_have_their_window_are_taken(tmp_path):
    states = write_series(tmp_path, np.random.default_rng(0).standard_normal(150), interval_days=3)
    low = LowFrequency(members=5).anomalies(states)
    np.testing.assert_array_equal(low["time"] / DAY, 3 * 149 - 60 - 30 * np.arange(5)[::-1])
    high = HighFrequency(members=5).anomalies(states)
    np.testing.assert_array_equal(high["time"] / DAY, 3 * 149 - 24 - 3 * np.arange(5)[::-1])
    assert float(abs(low["temp"].mean("member")).max()) < 1e-12


def test_the_season_is_no_anomaly(tmp_path):
    days = 3 * np.arange(260)
    season = 5.0 * np.cos(2 * np.pi * days * DAY / YEAR - 0.7)
    states = write_series(tmp_path, season + 1e-3 * np.cos(2 * np.pi * days / 150.0), interval_days=3)
    assert float(abs(LowFrequency(members=12, harmonics=1).anomalies(states)["t"]).max()) < 1.5e-3
    assert float(abs(LowFrequency(members=12).anomalies(states)["t"]).max()) > 4.0
    assert float(abs(HighFrequency(members=12).anomalies(states)["t"]).max()) < 0.05


def test_what_cannot_be_is_refused(tmp_path):
    states = write_series(tmp_path, np.arange(40.0), interval_days=3)
    with pytest.raises(PipelineError, match="20 members need 231 snapshots, there are 40"):
        LowFrequency().anomalies(states)
    with pytest.raises(PipelineError, match=r"cutoff_days 5 needs snapshots at least every 2\.5 days, they are 3"):
        HighFrequency(members=5, cutoff_days=5.0).anomalies(states)
    with pytest.raises(PipelineError, match="117 days hold no seasonal cycle"):
        LowFrequency(members=2, half_width_days=9.0, harmonics=1).anomalies(states)
    with pytest.raises(PipelineError, match="members 1 are too few"):
        HighFrequency(members=1)
    (tmp_path / f"{60 * DAY}.nc").unlink()
    with pytest.raises(PipelineError, match="found between 3 and 6 days"):
        HighFrequency(members=5).anomalies(states)


def test_are_found_by_their_names():
    assert registry.build("ensembles", "low_frequency", members=12).members == 12
    assert registry.build("ensembles", "high_frequency", cutoff_days=10.0).cutoff_days == 10.0
