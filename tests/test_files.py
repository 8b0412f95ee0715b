"""Files appear whole or not at all."""

import errno
import os
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pipeline import files
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


class LateWriter:
    """Makes a folder anew in so many of the pauses between its removals."""

    def __init__(self, folder, times):
        self.folder, self.times, self.pauses = folder, times, []

    def sleep(self, seconds):
        self.pauses.append(seconds)
        if len(self.pauses) <= self.times:
            self.folder.mkdir()
            (self.folder / "late").write_text("late")


def fail_beside(monkeypatch, path, times):
    """A write to a folder that fails, and its late writer."""
    writer = LateWriter(None, times)
    monkeypatch.setattr(files.time, "sleep", writer.sleep)

    def fail():
        with atomic(path) as partial:
            writer.folder = partial
            partial.mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    return writer


def test_what_is_still_written_after_an_error_is_removed_too(tmp_path, monkeypatch):
    writer = fail_beside(monkeypatch, tmp_path / "store.zarr", times=3)
    assert list(tmp_path.iterdir()) == []
    assert writer.pauses == [files.SETTLE] * 4  # it stayed away after the last


def test_a_writer_that_never_ends_is_left_behind_with_the_error_told(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ATTEMPTS", 5)
    writer = fail_beside(monkeypatch, tmp_path / "store.zarr", times=1000)
    assert len(writer.pauses) == 5
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".")


def test_a_folder_that_cannot_be_removed_does_not_hide_the_error(tmp_path, monkeypatch):
    def refuse(path, ignore_errors=False):
        if not ignore_errors:
            raise PermissionError

    monkeypatch.setattr(files.shutil, "rmtree", refuse)
    monkeypatch.setattr(files, "ATTEMPTS", 2)
    fail_beside(monkeypatch, tmp_path / "store.zarr", times=0)


@pytest.fixture
def room(monkeypatch):
    """What is free, by folder; a folder that is not in it has no end."""
    free = {}
    usage = SimpleNamespace
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage(free=free.get(folder, 2**50), total=2**50))
    return free


@pytest.mark.parametrize(("free", "told"), [(0, True), (files.ROOM - 1, True), (files.ROOM, False)])
def test_any_failure_where_nothing_is_left_is_a_full_disk(tmp_path, room, free, told):
    room[tmp_path] = free
    error = RuntimeError("NetCDF: HDF error")
    with pytest.raises(PipelineError if told else RuntimeError) as found, atomic(tmp_path / "result.nc"):
        raise error
    assert (found.value.__cause__ if told else found.value) is error


def test_other_failures_are_told_as_they_are(tmp_path, room):
    with pytest.raises(PermissionError), atomic(tmp_path / "result.nc"):
        raise PermissionError(errno.EACCES, "not allowed")
    room[tmp_path] = 0
    with pytest.raises(PipelineError, match="grid does not fit"), atomic(tmp_path / "result.nc"):
        raise PipelineError("grid does not fit")


def test_what_a_killed_writer_of_the_same_number_left_is_removed_first(tmp_path):
    path = tmp_path / "result.txt"
    with atomic(path) as partial:
        left = partial
        partial.write_text("first")
    left.mkdir()
    (left / "old").write_text("old")
    with atomic(path) as partial:
        assert (partial, partial.exists()) == (left, False)
        partial.write_text("new")
        assert str(os.getpid()) in partial.name


def test_the_old_file_is_there_until_the_new_one_takes_its_place(tmp_path, monkeypatch):
    path = tmp_path / "result.txt"
    path.write_text("old")
    seen = []
    monkeypatch.setattr(files.os, "replace", lambda source, target: seen.append((source.read_text(), path.read_text())))
    with atomic(path) as partial:
        partial.write_text("new")
    assert seen == [("new", "old")]
