"""Old codes, unchanged: common blocks, SAVEd state, fixed form, kinds set by flags, STOP deep inside, a single call."""

import os
import shutil
import subprocess
import traceback
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline import bridge
from pipeline.bridge import FortranStop

HERE = Path(__file__).parent
LEGACY = HERE / "legacy"


def moved(value, folder):
    """The configuration with the folder `rod` in another place."""
    if isinstance(value, dict):
        return {key: moved(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [moved(item, folder) for item in value]
    inside = isinstance(value, str) and (value == "rod" or value.startswith("rod/"))
    return f"{folder}/{value}" if inside else value


@pytest.fixture(scope="module")
def rod_folder(tmp_path_factory):
    """A copy of the rod."""
    return Path(shutil.copytree(LEGACY / "rod", tmp_path_factory.mktemp("legacy") / "rod"))


@pytest.fixture(scope="module")
def rod(rod_folder):
    """The rod on this process; its configuration with absolute paths instead of the tutorial's."""
    folder = rod_folder.parent
    config = yaml.safe_load((LEGACY / "rod" / "rod.yaml").read_text())
    config = {key: value if key == "name" else moved(value, folder) for key, value in config.items()}
    (folder / "rod.yaml").write_text(yaml.safe_dump(config))
    module = bridge.build(folder / "rod.yaml", folder / "build")
    before = module.stat().st_mtime_ns
    bridge.build(folder / "rod.yaml", folder / "build")
    assert module.stat().st_mtime_ns == before, "a library that the build makes in the model's folder is no change"
    return bridge.load(module)


@pytest.fixture
def started(rod, tmp_path):
    from mpi4py import MPI

    def start(**keys):
        entries = ", ".join(f"{key} = {value}" for key, value in keys.items())
        namelist = tmp_path / "rod.nml"
        namelist.write_text(f"&rod output = '{tmp_path}/rod.nc' {',' if entries else ''} {entries} /\n")
        rod.rod_init(MPI.COMM_SELF.py2f(), str(namelist))
        return rod

    return start


@pytest.fixture(scope="module")
def nest(tmp_path_factory):
    return bridge.load(bridge.build(LEGACY / "nest" / "nest.yaml", tmp_path_factory.mktemp("nest")))


def test_common_block_is_the_models_state(started):
    """Forward Euler multiplies mode m by 1 - 4 r sin(pi m dx / 2)**2 in each step, also a mode that Python put in."""
    rod = started(n=49, dt=8e-5)
    x = np.arange(1, 50) / 50
    mode = np.sin(3 * np.pi * x)
    rod.rod_set_temperature(mode)
    rod.rod_step(200)
    factor = 1 - 4 * (8e-5 * 50**2) * np.sin(3 * np.pi / 50 / 2) ** 2
    np.testing.assert_allclose(rod.rod_get_temperature(49), factor**200 * mode, atol=1e-14)


def test_output_is_netcdf_written_by_fortran(started, tmp_path):
    import netCDF4

    rod = started(n=49, dt=8e-5)
    rod.rod_step(1)
    rod.rod_step(1)
    last = rod.rod_get_temperature(49)
    rod.rod_finalize()
    with netCDF4.Dataset(tmp_path / "rod.nc") as file:
        assert file["temperature"].shape == (2, 49)
        assert np.array_equal(file["temperature"][1], last)


def test_module_does_what_the_program_did(started, rod_folder, tmp_path):
    """The code's own program, made by its own Makefile, and its main program's loop in Python: the same bits."""
    import netCDF4

    subprocess.run(["make", "-C", rod_folder, "rod", "FFLAGS=-O2 -g -fPIC"], check=True, capture_output=True)
    shutil.copy(rod_folder / "rod.nml", tmp_path)
    subprocess.run([rod_folder / "rod"], cwd=tmp_path, check=True, env=dict(os.environ))
    (tmp_path / "rod.nc").rename(tmp_path / "program.nc")
    rod = started()
    for _ in range(10):
        rod.rod_step(100)
    rod.rod_finalize()
    with netCDF4.Dataset(tmp_path / "program.nc") as program, netCDF4.Dataset(tmp_path / "rod.nc") as module:
        assert program["temperature"].shape == (10, 99)
        assert np.array_equal(program["temperature"][:], module["temperature"][:])


def test_saved_state_survives_between_calls_and_starts_anew(started):
    rod = started()
    first = rod.rod_get_temperature(99)
    rod.rod_step(10)
    assert not np.array_equal(rod.rod_get_temperature(99), first)
    assert np.array_equal(started().rod_get_temperature(99), first)


def test_stop_deep_inside_with_its_line(started):
    rod = started(dt=1e-3)
    with pytest.raises(FortranStop, match="STOP CHKDT: TIME STEP TOO LONG") as caught:
        rod.rod_step(1)
    assert "rod_plugs::rod_step" in caught.value.__notes__[0]
    assert any("(heat.f:" in frame for frame in caught.value.backtrace)
    with pytest.raises(bridge.FortranError, match="refused"):
        rod.rod_step(1)
    started().rod_step(1)


def test_stop_of_the_free_form_part(started):
    with pytest.raises(FortranStop, match="SETUP: TOO MANY POINTS"):
        started(n=2000)
    started()


def test_recursive_run_calls_python_at_every_level(nest):
    """Stoermer-Verlet from (1, 0): after n steps x = cos(n phi) with cos(phi) = 1 - (omega dt)**2 / 2."""
    calls = {1: 0, 2: 0, 3: 0}
    times = []

    def usrout(x, level, time):
        calls[level] += 1
        times.append(time)

    nest.register("usrout", usrout)
    nest.nest_run(3.0, 0.03)
    state, reached = nest.nest_get_state()
    assert reached == 3
    assert calls == {1: 100, 2: 300, 3: 900}
    assert max(times) == pytest.approx(3.0)
    dt = 0.03 / 3.0 ** np.arange(3)
    phi = np.arccos(1 - (2.0 ** np.arange(1, 4) * dt) ** 2 / 2)
    np.testing.assert_allclose(state[0], np.cos(3 / dt * phi), atol=1e-10)


def test_python_corrects_the_running_recursion(nest):
    """Stopping the oscillator of level 2 at every step leaves it where it is; the others do not notice."""

    def freeze(x, level, time):
        if level == 2:
            x[:] = [0.25, 0.0]

    nest.register("usrout", lambda x, level, time: None)
    nest.nest_run(3.0, 0.03)
    free, _ = nest.nest_get_state()
    nest.register("usrout", freeze)
    nest.nest_run(3.0, 0.03)
    state, _ = nest.nest_get_state()
    assert state[:, 1].tolist() == [0.25, 0.0]
    assert np.array_equal(state[:, [0, 2]], free[:, [0, 2]])


def test_exception_leaves_the_recursion_at_once(nest):
    calls = []

    def usrout(x, level, time):
        calls.append(level)
        if level == 3:
            raise ValueError("deep enough")

    nest.register("usrout", usrout)
    with pytest.raises(ValueError, match="deep enough") as caught:
        nest.nest_run(3.0, 0.03)
    assert calls == [1, 2, 3]
    assert traceback.extract_tb(caught.tb)[-1].name == "usrout"


def test_stop_deep_in_the_recursion(nest):
    def kick(x, level, time):
        if level == 3:
            x[1] = 1e9

    nest.register("usrout", kick)
    with pytest.raises(FortranStop, match="VERLET: BLOWN UP") as caught:
        nest.nest_run(3.0, 0.03)
    note = caught.value.__notes__[0]
    assert note.count("nest::integrate") >= 1
    assert "nest_plugs::nest_run" in note


def test_sources_of_the_models_are_left_alone(rod, nest):
    """Nothing was built or written in the folder of the sources."""
    made = [p for p in LEGACY.rglob("*") if p.suffix in {".o", ".a", ".mod", ".nc"}]
    assert not made
    assert not os.access(LEGACY / "rod" / "rod", os.X_OK)
