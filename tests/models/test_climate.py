"""The climate model under Python: shapes, increments, restarts, and the same bits on any number of ranks."""

import os
import subprocess

import numpy as np
import pytest
import torch
import xarray as xr
from mpi4py import MPI

from pipeline import bridge
from pipeline.bridge import FortranError
from pipeline.errors import PipelineError
from pipeline.models.climate import Climate

HOURS = np.timedelta64(3600, "s")
START = np.datetime64("2008-10-03T00:00:00")


@pytest.fixture
def model(climate_module, climate_namelist):
    model = Climate(bridge.load(climate_module), MPI.COMM_SELF, climate_namelist)
    yield model
    model.finalize()


def test_space_is_the_models_grid(model):
    atmosphere, ocean = model.space["atmosphere"], model.space["ocean"]
    assert (atmosphere.shape, ocean.shape) == ((4, 32, 64), (4, 30, 48))
    assert np.all(np.diff(atmosphere.grid.lat) > 0)
    assert np.all(np.diff(atmosphere.grid.lat_bounds) > 0)
    assert ocean.grid.lat_bounds[[0, -1]] == pytest.approx([-78, 78])
    assert ocean.grid.lon[0] == pytest.approx(360 / 48 / 2)
    assert 0.5 < ocean.grid.mask.mean() < 0.9
    assert not ocean.grid.mask[[0, -1]].any()


def test_state_is_in_the_order_of_the_space(model):
    model.step()
    x = model.state()
    ps, sst, ssh = (x[model.space.index(name)] for name in ("ps", "sst", "ssh"))
    assert ps.min() > 9e4
    assert ps.max() < 1.1e5
    fields = model.space.split(x)["ocean"].numpy()
    wet = model.space["ocean"].grid.mask
    assert np.all(fields[:, ~wet] == 0)
    zonal_mean = np.array([row[sea].mean() if sea.any() else np.nan for row, sea in zip(fields[0], wet, strict=True)])
    assert np.nanargmax(zonal_mean) in range(10, 20)  # the tropics are warm: latitude is the second axis
    assert sst.max() < 35
    assert ssh.abs().max() < 5


def test_clock_goes_with_the_coupling_interval(model):
    assert model.time == START
    assert model.step_length == np.timedelta64(7200, "s")
    model.step()
    assert model.time == START + 2 * HOURS
    model.run_until(START + 6 * HOURS)
    assert model.time == START + 6 * HOURS
    for unreachable in (START, START + 7 * HOURS):
        with pytest.raises(PipelineError, match="cannot be reached from 2008-10-03T06:00:00 in steps of 7200 seconds"):
            model.run_until(unreachable)


def test_zero_increment_changes_no_bit(model):
    model.run_until(START + 6 * HOURS)
    before = model.state()
    model.add_increment(torch.zeros_like(before))
    assert torch.equal(model.state(), before)


def test_increment_arrives_where_it_was_put(model):
    model.run_until(START + 6 * HOURS)
    before = model.state()
    dx = torch.zeros_like(before)
    sea = torch.nonzero(model.space.mask[model.space.index("sst")]).flatten()
    place = model.space.index("sst").start + int(sea[len(sea) // 2])
    dx[place] = 0.25
    model.add_increment(dx)
    change = model.state() - before
    assert change[place] == pytest.approx(0.25, abs=1e-12)
    change[place] = 0
    assert change[model.space.index("sst")].abs().max() < 1e-12
    assert change[model.space.slice_of("atmosphere")].abs().max() == 0


def test_smooth_pressure_increment_is_taken_over(model):
    """ps enters as ln ps in spectral space: a field the truncation holds comes back, 1 Pa in 1e5 to second order."""
    model.run_until(START + 6 * HOURS)
    before = model.state()
    grid = model.space["atmosphere"].grid
    wave = np.cos(np.deg2rad(grid.lat))[:, None] * np.cos(np.deg2rad(grid.lon))
    dx = torch.zeros_like(before)
    dx[model.space.index("ps")] = torch.from_numpy(wave.ravel())
    model.add_increment(dx)
    change = (model.state() - before)[model.space.index("ps")].numpy().reshape(grid.shape)
    assert np.sqrt(np.mean((change - wave) ** 2)) < 0.05 * np.sqrt(np.mean(wave**2))


@pytest.mark.parametrize(
    ("dx", "found"),
    [
        (torch.zeros(3), r"found \(3,\)"),
        (None, "found NoneType"),
        (torch.full((13952,), torch.nan), "13952 values that are not finite"),
    ],
)
def test_bad_increment_is_refused(model, dx, found):
    with pytest.raises(PipelineError, match=found):
        model.add_increment(dx)
    model.step()


def test_restart_goes_on_bit_for_bit(model, climate_module, climate_namelist, tmp_path):
    model.run_until(START + 6 * HOURS)
    model.write_restart(tmp_path / "restart.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["restart.nc"]
    model.run_until(START + 24 * HOURS)
    undisturbed = model.state()
    model.read_restart(tmp_path / "restart.nc")
    assert model.time == START + 6 * HOURS
    model.run_until(START + 24 * HOURS)
    assert torch.equal(model.state(), undisturbed)


def test_write_that_fails_leaves_the_old_file_and_a_usable_model(model, tmp_path, monkeypatch):
    path = tmp_path / "restart.nc"
    path.write_text("old")

    def fail(plug, *arguments):
        (tmp_path / ".restart.nc.partial").write_text("half")
        raise FortranError("disk full")

    monkeypatch.setattr(model.plugs, "call", fail)
    with pytest.raises(FortranError, match="disk full"):
        model.write_restart(path)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["restart.nc"]
    assert path.read_text() == "old"
    model.step()


def test_unreadable_restart_names_the_file_and_stops_the_model(model):
    with pytest.raises(FortranError, match=r"/nowhere/restart\.nc"):
        model.read_restart("/nowhere/restart.nc")


def test_fields_on_pressure_levels_are_in_the_file_that_asks_for_them(
    climate_module, climate_namelist, model, tmp_path
):
    model.run_until(START + 6 * HOURS)
    model.write_state(tmp_path / "plain.nc")
    with xr.open_dataset(tmp_path / "plain.nc") as ds:
        assert "u_plev" not in ds
    expected, memory = model.air(np.array([5e4, 8.5e4])), model.memory()
    model.finalize()
    own = tmp_path / "levels.nml"
    own.write_text(climate_namelist.read_text().replace("pressure_levels = -1.0", "pressure_levels = 500.0, 850.0"))
    levels = Climate(bridge.load(climate_module), MPI.COMM_SELF, own)
    levels.set_memory(memory)
    levels.write_state(tmp_path / "levels.nc")
    with xr.open_dataset(tmp_path / "levels.nc") as ds:
        found = np.concatenate([ds[f"{name}_plev"].transpose("plev", "lat", "lon") for name in "uvtz"])
        assert ds["plev"].values.tolist() == [5e4, 8.5e4]
    np.testing.assert_array_equal(found, expected[[0, 1, 2, 3, 4, 5, 8, 9]])
    assert 4500 < float(expected[8].mean()) < 6500
    own.write_text(own.read_text().replace("500.0, 850.0", "850.0, 500.0"))
    with pytest.raises(FortranError, match="pressure_levels have to be positive and to rise"):
        Climate(bridge.load(climate_module), MPI.COMM_SELF, own)


def test_diagnostics_have_names_and_plausible_values(model):
    model.step()
    diagnostics = model.diagnostics()
    assert diagnostics["mean_surface_pressure"] == pytest.approx(1e5, rel=1e-3)
    assert diagnostics["dry_air_mass"] == pytest.approx(5.2e18, rel=0.01)
    assert all(np.isfinite(value) for value in diagnostics.values())


def test_namelist_the_model_refuses(climate_module, climate_namelist, tmp_path):
    bad = tmp_path / "bad.nml"
    bad.write_text(climate_namelist.read_text().replace("atmos_dt = 3600", "atmos_dt = 3601"))
    with pytest.raises(FortranError, match="atmos_dt"):
        Climate(bridge.load(climate_module), MPI.COMM_SELF, bad)


PROGRAM = """
import sys
import numpy as np
from mpi4py import MPI
from pipeline import bridge
from pipeline.models.climate import Climate
import torch
comm = MPI.COMM_WORLD
model = Climate(bridge.load(sys.argv[1]), comm, sys.argv[2])
for _ in range(3):
    model.step()
dx = torch.randn(model.space.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.01
model.add_increment(dx * model.space.mask if comm.rank == 0 else None)
pressure = np.array([3e4, 7e4, 9e4])
air = torch.randn(13, *model.space["atmosphere"].grid.shape, generator=torch.Generator().manual_seed(2))
model.add_air(pressure, 0.1 * air if comm.rank == 0 else None)
memory, time = model.memory(), model.time
for _ in range(3):
    model.step()
last = model.air(pressure)
model.set_memory(memory)
assert model.time == time
for _ in range(3):
    model.step()
x, again = model.state(), model.air(pressure)
assert comm.rank or torch.equal(last, again)
assert (x is None) == (comm.rank > 0)
if comm.rank == 0:
    x.numpy().tofile(sys.argv[3])
model.write_restart(sys.argv[3] + ".restart.nc")
"""


def test_same_bits_on_one_and_two_ranks(climate_module, climate_namelist, tmp_path):
    script = tmp_path / "main.py"
    script.write_text(PROGRAM)
    for ranks in (1, 2):
        command = bridge.mpi_command(
            ranks, str(script), str(climate_module), str(climate_namelist), str(tmp_path / f"{ranks}")
        )
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert (tmp_path / "2.restart.nc").exists()
