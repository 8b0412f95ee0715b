"""Files that appear whole or not at all, and the record of where they came from."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError

ROOM = 2**20
"""Bytes: where a write fails and less than this is left, the disk is taken to be full."""
SETTLE = 0.5
"""Seconds: a folder that stays away this long after its removal has no writer any more."""
ATTEMPTS = 100
"""Removals of an unfinished folder before it is left where it is."""


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is moved there, on failure it is removed.

    Works for a file and for a directory (a zarr store). The temporary name depends on the process, so that two writers
    never share it, and starts with a dot, so that no one takes it for a result.

    Raises:
        PipelineError: the disk is full, however the library that writes puts it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir() and target.exists():
            _remove(target)
        os.replace(temporary, target)
    except Exception as error:
        if _is_full(error, target.parent):
            message = "no space left on the disk; free some and run the same command again, it goes on from here"
            raise PipelineError(f"{target}: {message}") from error
        raise
    finally:
        _clear(temporary)


def _is_full(error: Exception, folder: Path) -> bool:
    """NetCDF and HDF5 report a full disk as any other failure to write."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return not isinstance(error, PipelineError) and shutil.disk_usage(folder).free < ROOM


def _clear(path: Path) -> None:
    """Remove what a writer left, also while it still writes.

    zarr writes the chunks of an array in several tasks and reports the first that fails; the others go on, and make
    their folders anew. So the path is cleared until it stays away. What is left at last is hidden by its name, and no
    reason to hide the error that brought us here.
    """
    if path.is_file():
        path.unlink()
    for _ in range(ATTEMPTS):
        if not path.exists():
            return
        shutil.rmtree(path, ignore_errors=True)
        time.sleep(SETTLE)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
