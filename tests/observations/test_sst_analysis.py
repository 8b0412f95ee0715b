import numpy as np
import pytest
import torch
import xarray as xr

from pipeline.datasets import ersst
from pipeline.datasets.grid_file import ocean_grid
from pipeline.datasets.regridding import regrid
from pipeline.errors import PipelineError
from pipeline.observations.operators import Interpolation
from pipeline.observations.sst_analysis import from_analysis
from pipeline.spaces import Component, Grid, Space, coordinates


@pytest.fixture
def analysis(air_sea_space):
    ocean = air_sea_space["ocean"].grid
    values = np.random.default_rng(0).uniform(0, 30, (3, *ocean.shape))
    values[:, 1] = np.nan
    time = np.array(["2001-01-01", "2001-01-02", "2001-01-03"], dtype="datetime64[ns]")
    return xr.DataArray(values, coordinates(ocean) | {"time": time}, ("time", "lat", "lon"), name="sst")


def test_every_known_sea_cell_is_observed_once_a_time(analysis, air_sea_space):
    ocean = air_sea_space["ocean"].grid
    observations = from_analysis(analysis, ocean, error=0.5)
    known = ocean.mask & np.isfinite(analysis.values[0])
    assert len(observations) == 3 * known.sum()
    assert observations.time[-1] == (366 + 2) * 86400
    np.testing.assert_allclose(observations.select(end=366 * 86400 + 1).value, analysis.values[0][known])
    assert Interpolation(air_sea_space, observations).valid.all()


def test_a_tenth_of_the_cells_is_withheld_at_all_times(analysis, air_sea_space):
    ocean = air_sea_space["ocean"].grid
    observations = from_analysis(analysis.fillna(1.0), ocean, error=0.5, withheld=0.1, seed=3)
    assert observations.withheld.sum() == 3 * round(0.1 * ocean.mask.sum())
    flags = observations.withheld.reshape(3, -1)
    assert (flags == flags[0]).all()
    other = from_analysis(analysis.fillna(1.0), ocean, error=0.5, withheld=0.1, seed=4)
    assert not np.array_equal(other.withheld, observations.withheld)


def test_stride_thins_the_cells(analysis, air_sea_space):
    ocean = air_sea_space["ocean"].grid
    thinned = from_analysis(analysis.fillna(1.0), ocean, error=0.5, stride=2)
    assert len(thinned) == 3 * ocean.mask[1::2, 1::2].sum()


def test_another_grid_is_refused(analysis, air_sea_space):
    with pytest.raises(PipelineError, match="regrid it"):
        from_analysis(analysis, air_sea_space["atmosphere"].grid, error=0.5)
    with pytest.raises(PipelineError, match="stride"):
        from_analysis(analysis, air_sea_space["ocean"].grid, error=0.5, stride=0)


def test_ersst_observes_a_model_s_ocean(real_data):
    """The whole way: monthly file, a date between months, a model's grid, observations, H of their own field."""
    grid = ocean_grid(90, 50)
    months = ersst.open(str(real_data("ersstv5_sst.mnmean.nc")))
    fields = regrid(ersst.at(months, np.array(["2012-03-01", "2012-03-02"], dtype="datetime64[s]")), grid, fill="none")
    known = np.isfinite(fields["sst"].values[0])
    ocean = Grid(grid.lat, grid.lon, grid.lat_bounds, known)
    space = Space((Component("ocean", ocean, ("sst",)),))
    observations = from_analysis(fields["sst"], ocean, error=0.5, withheld=0.1, seed=1)
    H = Interpolation(space, observations.select(end=int(observations.time[0]) + 1))
    x = space.from_xarray({"ocean": fields.isel(time=0)}, torch.float64)
    np.testing.assert_allclose(H(x).numpy(), H.observations.value, atol=1e-12)
    assert observations.withheld.mean() == pytest.approx(0.1, abs=0.001)
    assert len(observations) == 2 * known.sum()
