"""What every entry point shares: an error that the user can mend is shown in its one or two lines, on all ranks."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask

from pipeline.errors import PipelineError


@contextmanager
def guarded(log: str | Path | None = None) -> Iterator[None]:
    """Turn a PipelineError into its message and exit code 1; under MPI all ranks end.

    Inside, dask reads in this thread: the NetCDF library is not thread-safe across files, and reading is serial anyway.

    Args:
        log: file that keeps what went wrong, a traceback included; empty when all is well.
    """
    if log:
        Path(log).write_text("")
    try:
        with dask.config.set(scheduler="synchronous"):
            yield
    except PipelineError as error:
        _let_root_speak()
        print(f"error: {error}", file=sys.stderr, flush=True)
        _keep(log, f"error: {error}\n")
        _abort_other_ranks()
        sys.exit(1)
    except Exception:
        _keep(log, traceback.format_exc())
        raise


def _let_root_speak() -> None:
    """An error that all ranks share is shown once: rank 0 has ended the others before they would print it."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.COMM_WORLD.Get_rank() > 0:
        time.sleep(2.0)


def _keep(log: str | Path | None, text: str) -> None:
    if log:
        Path(log).write_text(text)


def _abort_other_ranks() -> None:
    """A rank that leaves alone would have the others wait for ever."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.COMM_WORLD.Get_size() > 1:
        mpi.COMM_WORLD.Abort(1)
