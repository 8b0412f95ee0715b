import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.observations import Observations


def columns(**changes):
    base = {
        "time": np.array([0, 3600, 7200, 7200]),
        "variable": np.array(["ps", "sst", "sst", "ps"]),
        "lat": np.array([50.0, 0.0, -10.0, 89.0]),
        "lon": np.array([-10.0, 359.75, 0.0, 360.0]),
        "value": np.array([101000.0, 28.0, 25.0, 99000.0]),
        "error": np.array([100.0, 0.5, 0.5, 100.0]),
        "withheld": np.array([0, 1, 0, 0]),
    }
    return base | changes


def test_longitudes_are_stored_from_0_to_360():
    np.testing.assert_allclose(Observations(**columns()).lon, [350.0, 359.75, 0.0, 0.0])


def test_file_gives_back_what_was_written(tmp_path):
    written = Observations(**columns())
    written.to_netcdf(tmp_path / "observations.nc", source="test")
    read = Observations.from_netcdf(tmp_path / "observations.nc")
    for name in columns():
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert read.withheld.dtype == bool
    with xr.open_dataset(tmp_path / "observations.nc") as ds:
        assert ds.attrs["source"] == "test"
        assert ds["time"].values[1] == np.datetime64("2000-01-01T01:00:00")
    assert [p.name for p in tmp_path.iterdir()] == ["observations.nc"]


def test_no_observations_survive_a_file(tmp_path):
    Observations.empty().to_netcdf(tmp_path / "none.nc")
    assert len(Observations.from_netcdf(tmp_path / "none.nc")) == 0


def test_selection_by_window_variable_and_use():
    observations = Observations(**columns())
    assert list(observations.select(3600, 7200).value) == [28.0]
    assert list(observations.select(variable="sst").value) == [28.0, 25.0]
    assert list(observations.select(variable="sst", withheld=False).value) == [25.0]
    assert len(observations.select(end=7200)) + len(observations.select(start=7200)) == 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": np.array([101000.0, np.nan, 25.0, 99000.0])}, "missing value in 1 of 4 rows, first in row 1"),
        ({"lat": np.array([50.0, 0.0, -10.0, 91.0])}, "coordinates off the globe"),
        ({"lon": np.array([400.0, 0.0, 0.0, 0.0])}, "coordinates off the globe"),
        ({"error": np.array([100.0, 0.0, 0.5, 100.0])}, "not positive"),
        ({"error": np.array([100.0, 0.5, 0.5, 1e6])}, "absurd error"),
        ({"value": np.array([1010.0, 28.0, 25.0, 99000.0])}, "absurd value"),
        ({"variable": np.array(["ps", "sst", "temp", "ps"])}, "unknown variable"),
    ],
)
def test_unusable_rows_are_refused_or_dropped_with_a_count(changes, reason):
    with pytest.raises(PipelineError, match=reason):
        Observations(**columns(**changes))
    kept, dropped = Observations.clean(**columns(**changes))
    assert len(kept) == 3
    assert sum(dropped.values()) == 1


def test_columns_must_fit():
    with pytest.raises(PipelineError, match="differ in length"):
        Observations(**columns(value=np.array([1e5])))
    with pytest.raises(PipelineError, match="withheld"):
        Observations.clean(**{k: v for k, v in columns().items() if k != "withheld"})


def test_bad_files_are_named(tmp_path):
    with pytest.raises(PipelineError, match=r"absent\.nc: no such file"):
        Observations.from_netcdf(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("not NetCDF")
    with pytest.raises(PipelineError, match=r"text\.nc: not a readable"):
        Observations.from_netcdf(tmp_path / "text.nc")
    xr.Dataset({"time": ("observation", [0])}).to_netcdf(tmp_path / "short.nc")
    with pytest.raises(PipelineError, match=r"short\.nc: no variable 'variable'"):
        Observations.from_netcdf(tmp_path / "short.nc")
