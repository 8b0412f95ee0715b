"""Files appear whole or not at all."""

import pytest

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
