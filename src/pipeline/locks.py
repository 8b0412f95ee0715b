"""One process at a time on a job's checkpoints: a killed workflow may have left its job running."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError

PATIENCE = 30.0
"""Seconds given to an orphan to end."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; a process of this machine that holds it is an orphan and is ended.

    A workflow never starts a job twice, so whoever holds the lock belongs to a workflow that was killed. The lock is
    the kernel's, which frees it with its process: no stale lock can stay behind.

    Raises:
        PipelineError: the holder runs on another machine, or does not end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        if not _try(file):
            _end_holder(folder, file)
        file.seek(0)
        file.truncate()
        json.dump({"host": socket.gethostname(), "pid": os.getpid()}, file)
        file.flush()
        yield


def _try(file: object) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except OSError:
        return False
    return True


def _end_holder(folder: Path, file: object) -> None:
    holder = json.loads((folder / "lock").read_text() or "{}")
    host, pid = holder.get("host", "unknown"), holder.get("pid", 0)
    if host != socket.gethostname():
        raise PipelineError(f"{folder}: process {pid} on {host} still runs this job; end it there, then run again")
    print(f"ending process {pid}, left running by a killed workflow", file=sys.stderr, flush=True)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    while not _try(file):
        if time.monotonic() - begun > PATIENCE:
            raise PipelineError(f"{folder}: process {pid} does not end; kill it, then run again")
        time.sleep(0.1)
