"""One rank's error is every rank's error: the outcome of a call, agreed over the communicator.

Ranks compare outcomes when their plug call has returned. A rank that failed and finds the others still inside Fortran
tells them: each has a thread that listens (watch.c), which interrupts the model where it computes. A rank that is
caught in a library, waiting for a message of the failed rank, cannot return; it answers, and the failed rank ends the
program.
"""

from __future__ import annotations

import sys
import time
import traceback
import types
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from pipeline.bridge.errors import FortranError, PeerFailed

if TYPE_CHECKING:
    from mpi4py import MPI

_FAILED, _STUCK = 1, 2  # tags; watch.c has the same
_TELL_AFTER = 0.05  # [s] ranks that fail together, as most do, need no messages


class Agreement:
    """Compares outcomes over communicators of its own, so that its messages never meet the model's.

    Args:
        comm: the model's communicator; duplicated (collective).
        support: the bridge's extension module.
        patience: how long a rank that failed waits for others that are in Python and have not called the plug yet [s].
    """

    def __init__(self, comm: MPI.Comm, support: types.ModuleType, patience: float = 30.0):
        if hasattr(support, "catch_mpi_errors"):
            support.catch_mpi_errors(comm.py2f())
        self.comm, self.patience = comm.Dup(), patience
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.number = 0  # of the plug calls, the same on all ranks
        self._support, self._alarm = support, comm.Dup()
        self._message = np.array(0, dtype=np.int64)
        self.hears = hasattr(support, "listen") and support.listen(self._alarm.py2f())

    def next(self) -> int:
        """Number of the plug call that begins."""
        self.number += 1
        return self.number

    def settle(self, error: BaseException | None, number: int) -> BaseException | None:
        """The error to raise, None if there is none on any rank. Collective.

        This rank's own error goes first, else it is a FortranError with the text of the first failing rank's.
        """
        own = None if isinstance(error, PeerFailed) else error
        mine = np.array(self.rank if own else self.size, dtype=np.int32)
        first = np.empty_like(mine)
        self._wait(self.comm.Iallreduce(mine, first, op=_minimum()), own, number)
        if first == self.size:
            return error
        text, plug, code = self.comm.bcast(_describe(own) if self.rank == first else None, root=int(first))
        return own or FortranError(f"rank {first}: {text}", plug, code, int(first))

    def close(self) -> None:
        """Stop listening and give the communicators back. Collective."""
        if self.hears:
            self._support.end_listening()
        self._alarm.Free()
        self.comm.Free()

    def _wait(self, request: MPI.Request, error: BaseException | None, number: int) -> None:
        if error is None:
            request.Wait()
            return
        begin, told = time.monotonic(), False
        while not request.Test():
            waited = time.monotonic() - begin
            if waited > _TELL_AFTER and not told:
                self._tell_the_others(number)
                told = True
            if told and self._alarm.Iprobe(tag=_STUCK):
                self._abort(error, "the others wait inside a library for this rank")
            if waited > self.patience:
                self._abort(error, f"the others did not make this call within {self.patience:g} s")
            time.sleep(1e-4)

    def _tell_the_others(self, number: int) -> None:
        self._message = np.array(number, dtype=np.int64)  # kept until it has been sent
        for rank in range(self.size):
            if rank != self.rank:
                self._alarm.Isend(self._message, dest=rank, tag=_FAILED).Free()

    def _abort(self, error: BaseException, why: str) -> NoReturn:
        traceback.print_exception(error)
        print(f"rank {self.rank} failed and {why}: aborting", file=sys.stderr, flush=True)
        self.comm.Abort(1)
        raise SystemExit(1)


def _describe(error: BaseException | None) -> tuple[str, str, int | None]:
    if isinstance(error, FortranError):
        return str(error), error.plug, error.code
    return f"{type(error).__name__}: {error}", "", None


def _minimum() -> MPI.Op:
    from mpi4py import MPI

    return MPI.MIN
