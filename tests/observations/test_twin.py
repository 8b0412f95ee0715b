import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.observations.operators import Interpolation
from pipeline.observations.twin import observe
from pipeline.spaces import coordinates

CONFIGURED = {
    "ps": {
        "error": 100.0,
        "interval_hours": 6,
        "network": {"kind": "land_stations", "count": 40},
        "gaps": 0.1,
        "withheld": 0.1,
    },
    "sst": {
        "error": 0.3,
        "interval_hours": 24,
        "network": {"kind": "random", "density": 0.2},
        "gaps": 0.0,
        "withheld": 0.1,
    },
}


@pytest.fixture
def truth(air_sea_space):
    """Four days of fields that are constant in space and drift in time."""
    date = np.datetime64("2001-01-01T06", "ns") + np.arange(16) * np.timedelta64(6, "h")
    drift = np.arange(16.0)[:, None, None]
    fields = {}
    for c in air_sea_space.components:
        base = {"ps": 1e5, "sst": 15.0}
        values = {
            name: (("time", "lat", "lon"), base.get(name, 0.0) + drift * np.ones(c.grid.shape)) for name in c.variables
        }
        fields[c.name] = xr.Dataset(values, coordinates(c.grid) | {"time": date})
    return fields


def test_each_network_reports_at_its_interval(truth, air_sea_space):
    observations = observe(truth, air_sea_space, CONFIGURED, seed=10001)
    assert (np.diff(observations.time) >= 0).all()
    assert set(np.diff(np.unique(observations.select(variable="ps").time))) == {21600}
    sst = observations.select(variable="sst")
    assert (sst.time % 86400 == 0).all()
    assert len(np.unique(sst.time)) == 4
    day = (sst.time - sst.time[0]) / 21600 + 3
    noise = sst.value - 15.0 - day
    assert abs(noise.mean()) < 4 * 0.3 / np.sqrt(len(noise))
    assert noise.std() == pytest.approx(0.3, rel=0.2)
    assert Interpolation(air_sea_space, observations).valid.all()


def test_seeds_decide_everything(truth, air_sea_space):
    first, again, other = (observe(truth, air_sea_space, CONFIGURED, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.value, again.value)
    assert not np.array_equal(np.unique(first.lat), np.unique(other.lat))


def test_bad_settings_are_named(truth, air_sea_space):
    wrong = {"sst": CONFIGURED["sst"] | {"network": {"kind": "randon", "density": 0.2}}}
    with pytest.raises(PipelineError, match="unknown kind 'randon'"):
        observe(truth, air_sea_space, wrong, seed=1)
    late = {"sst": CONFIGURED["sst"] | {"interval_hours": 24 * 3000}}
    with pytest.raises(PipelineError, match="no output of the truth"):
        observe(truth, air_sea_space, late, seed=1)
