import threading
import time

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr

from pipeline.datasets import nature_run, oisst
from pipeline.datasets.grid_file import gaussian_grid
from pipeline.datasets.store import regrid_to_zarr, write_zarr
from pipeline.errors import PipelineError


def record(count=50, ny=12, nx=18, hours=6, lazy=False):
    lat, lon = np.linspace(-80, 80, ny), np.arange(nx) * 360.0 / nx
    date = np.datetime64("2001-01-01", "ns") + np.arange(count) * np.timedelta64(hours, "h")
    values = np.random.default_rng(0).normal(1e5, 500, (count, ny, nx)).astype(np.float32)
    data = dask.array.from_array(values, chunks=(1, ny, nx)) if lazy else values
    return xr.Dataset({"ps": (("time", "lat", "lon"), data)}, {"time": date, "lat": lat, "lon": lon})


def test_what_is_read_is_what_was_written(tmp_path):
    path = tmp_path / "atmosphere.zarr"
    write_zarr(record(lazy=True), path, chunk=16, attributes={"seed": 1})
    read = nature_run.open(str(path))
    xr.testing.assert_equal(read.compute(), record())
    assert read["ps"].encoding["chunks"] == (16, 12, 18)
    assert read["ps"].dtype == np.float32
    assert read["ps"].attrs["units"] == "Pa"
    assert read.attrs["seed"] == 1
    assert (path / ".zmetadata").is_file()
    stored = zarr.open_group(path)["time"]
    assert stored[1] - stored[0] == 21600
    assert stored.attrs["units"].startswith("seconds since 2000-01-01")


@pytest.mark.parametrize("steps", [16, 32, 1000])
def test_blocks_do_not_show(tmp_path, steps):
    write_zarr(record(), tmp_path / "a.zarr", chunk=16, steps=steps)
    xr.testing.assert_equal(nature_run.open(str(tmp_path / "a.zarr")).compute(), record())


def test_selection_of_variables_and_period(tmp_path):
    write_zarr(record(), tmp_path / "a.zarr")
    day = nature_run.open(str(tmp_path / "a.zarr"), variables=("ps",), start="2001-01-03", end="2001-01-03")
    assert day.sizes["time"] == 4
    with pytest.raises(PipelineError, match="no variable 'sst'; it has ps"):
        nature_run.open(str(tmp_path / "a.zarr"), variables=("sst",))
    with pytest.raises(PipelineError, match="is not covered"):
        nature_run.open(str(tmp_path / "a.zarr"), start="2002-01-01")


def test_a_missing_value_at_sea_leaves_the_old_store_alone(tmp_path):
    path = tmp_path / "ocean.zarr"
    mask = np.ones((12, 18), dtype=bool)
    mask[3] = False
    write_zarr(record(), path, mask)
    broken = record()
    broken["ps"][40, 5, 5] = np.nan
    with pytest.raises(PipelineError, match=r"ps misses 1 of 198 points on 2001-01-11T00:00"):
        write_zarr(broken, path, mask, chunk=8)
    assert nature_run.open(str(path)).sizes["time"] == 50
    assert np.isnan(nature_run.open(str(path))["ps"].isel(lat=3)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["ocean.zarr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.isel(time=[0, 2, 1]), "ascend without repetition"),
        (lambda ds: ds.isel(time=[0, 0, 1]), "ascend without repetition"),
        (lambda ds: ds.isel(time=[]), "0 times"),
        (lambda ds: ds.expand_dims(level=2), "takes \\(time, lat, lon\\)"),
        (lambda ds: ds.drop_vars("ps"), "no variables"),
    ],
)
def test_other_layouts_are_refused(tmp_path, change, message):
    with pytest.raises(PipelineError, match=message):
        write_zarr(change(record()), tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def test_bad_stores_are_named(tmp_path):
    with pytest.raises(PipelineError, match=r"none\.zarr: no such store"):
        nature_run.open(str(tmp_path / "none.zarr"))
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(PipelineError, match=r"empty\.zarr: not a readable zarr store"):
        nature_run.open(str(tmp_path / "empty.zarr"))


def test_one_block_at_a_time_is_in_memory(tmp_path):
    """Source chunks are made on demand; at no time are more than a block's alive in the computation."""
    made, lock = [], threading.Lock()

    def field(block_info=None):
        with lock:
            made.append(block_info[None]["chunk-location"][0])
        return np.full((1, 12, 18), float(block_info[None]["chunk-location"][0]), dtype=np.float32)

    lazy = dask.array.map_blocks(field, chunks=((1,) * 48, (12,), (18,)), dtype=np.float32)
    shares = []

    def after_each_block(share):
        shares.append(share)
        assert max(made) < round(share * 48)  # nothing is computed ahead of its block

    write_zarr(
        record(48).assign(ps=(("time", "lat", "lon"), lazy)), tmp_path / "a.zarr", chunk=8, progress=after_each_block
    )
    assert shares == [8 / 48, 16 / 48, 24 / 48, 32 / 48, 40 / 48, 1.0]
    assert sorted(made) == list(range(48))


def test_a_real_analysis_on_a_model_grid(tmp_path, real_data, record_property):
    """OISST on 128 x 256: the sea's mean by area is kept; reported with its time."""
    source = oisst.open(str(real_data("oisst-avhrr-v02r01.20220913.nc")))
    grid = gaussian_grid(256, 128)
    begin = time.process_time()
    regrid_to_zarr(source, grid, tmp_path / "ocean.zarr", attributes={"source": "OISST v2.1"})
    record_property("seconds_oisst_to_128x256", time.process_time() - begin)
    read = nature_run.open(str(tmp_path / "ocean.zarr"))
    assert np.isfinite(read["sst"]).all()
    assert read.attrs["source"] == "OISST v2.1"
    box = {"lat": slice(-40, -10), "lon": slice(190, 250)}  # open Pacific
    means = [
        float(ds["sst"].sel(box).weighted(np.cos(np.deg2rad(ds["lat"].sel(lat=box["lat"])))).mean())
        for ds in (source, read)
    ]
    assert means[0] == pytest.approx(means[1], abs=0.3)
