import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.quality import gross_error_check, mean_absolute_change, superobservations


def series(values, hours=12):
    time = np.datetime64("2001-01-01", "ns") + np.arange(len(values)) * np.timedelta64(hours, "h")
    return xr.DataArray(np.asarray(values)[:, None, None], {"time": time}, ("time", "lat", "lon"), name="ps")


def test_change_of_a_line_is_its_slope():
    """f = 2 t per day changes by 4 in 48 h."""
    assert mean_absolute_change(series(np.arange(20.0))).item() == pytest.approx(4.0)


def test_change_needs_regular_and_enough_times():
    with pytest.raises(PipelineError, match="too few"):
        mean_absolute_change(series(np.arange(4.0)))
    with pytest.raises(PipelineError, match="regular"):
        mean_absolute_change(series(np.arange(20.0)).isel(time=[0, 1, 5, 8, 9]))


def test_gross_errors_are_rejected():
    value, field, change = np.array([10.0, 14.1, 5.9, 13.9]), np.full(4, 10.0), np.ones(4)
    np.testing.assert_array_equal(gross_error_check(value, field, change), [True, False, False, True])
    np.testing.assert_array_equal(gross_error_check(value, field, change, factor=1.0), [True, False, False, False])


def test_reports_in_one_cell_are_averaged(air_sea_space):
    ocean = air_sea_space["ocean"]
    lat = ocean.grid.lat[2]
    observations = Observations(
        time=np.zeros(6),
        variable=np.array(["sst"] * 5 + ["ps"]),
        lat=np.full(6, lat),
        lon=np.array([0.5, 1.5, 358.0, 1.0, 40.0, 0.5]),
        value=np.array([10.0, 12.0, 3.0, 14.0, 20.0, 1e5]),
        error=np.array([0.3, 0.4, 0.5, 0.3, 0.5, 100.0]),
        withheld=np.array([0, 0, 0, 1, 0, 0]),
    )
    averaged = superobservations(observations, ocean).select(variable="sst")
    used = averaged.select(withheld=False)
    assert dict(zip(used.lon.round(6).tolist(), used.value.tolist(), strict=True)) == {
        1.0: 11.0,
        358.0: 3.0,
        40.0: 20.0,
    }
    assert used.error[used.value == 11.0] == pytest.approx(0.25)
    assert list(averaged.select(withheld=True).value) == [14.0]
    assert len(superobservations(observations, ocean)) == 5
