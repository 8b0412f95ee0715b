"""Files that appear whole or not at all, and the record of where they came from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is moved there, on failure it is removed.

    Works for a file and for a directory (a zarr store). The temporary name depends on the process, so that two writers
    never share it, and starts with a dot, so that no one takes it for a result.
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
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
