"""Files appear whole or not at all."""

import contextlib
import errno
import os
import subprocess
import threading
import time

import numpy as np
import pytest
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.files import atomic


def fail_half_way(path):
    with atomic(path) as partial:
        partial.write_text("half")
        raise RuntimeError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        fail_half_way(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.txt"]


def test_a_directory_replaces_a_directory(tmp_path):
    path = tmp_path / "store.zarr"
    for content in ("one", "two"):
        with atomic(path) as partial:
            partial.mkdir()
            (partial / content).write_text(content)
    assert [p.name for p in path.iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["store.zarr"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_is_told_in_one_line(tmp_path, number):
    message = r"result.nc: no space left on the disk; .* run the same command again"
    with pytest.raises(PipelineError, match=message), atomic(tmp_path / "result.nc"):
        raise OSError(number, os.strerror(number))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes, where this machine lets the test mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf", "zarr"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(small_disk, engine):
    path = small_disk / "result"
    path.write_text("old") if engine != "zarr" else path.mkdir()
    dataset = xr.Dataset({"x": ("i", np.random.default_rng(0).random(2**20))})
    with pytest.raises(PipelineError, match="no space left"), atomic(path) as partial:
        dataset.to_zarr(partial) if engine == "zarr" else dataset.to_netcdf(partial, engine=engine)
    time.sleep(0.2)  # a store's other tasks may go on after its error
    assert [p.name for p in small_disk.iterdir()] == ["result"]


def test_what_is_still_written_after_an_error_is_removed_too(tmp_path):
    path, enough = tmp_path / "store.zarr", threading.Event()

    def go_on(folder):
        for k in range(30):
            folder.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (folder / f"{k}").write_text("late")
            time.sleep(0.005)
        enough.set()

    def fail_beside_a_writer():
        with atomic(path) as partial:
            partial.mkdir()
            threading.Thread(target=go_on, args=(partial,)).start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_beside_a_writer()
    assert enough.wait(5)
    assert list(tmp_path.iterdir()) == []
