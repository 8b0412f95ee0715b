"""One rank's error is every rank's error: the outcome of a call, agreed over the communicator."""

from __future__ import annotations

import sys
import time
import traceback
from typing import TYPE_CHECKING

import numpy as np

from pipeline.bridge.errors import FortranError

if TYPE_CHECKING:
    from mpi4py import MPI


class Agreement:
    """Compares outcomes over a communicator of its own, so that its messages never meet the model's.

    Args:
        comm: the model's communicator; duplicated (collective).
        patience: how long a rank that failed waits for the others [s]. They may be stuck inside Fortran, waiting for a
            message of the failed rank; then the program is aborted with the error printed.
    """

    def __init__(self, comm: MPI.Comm, patience: float = 30.0):
        self.comm, self.patience = comm.Dup(), patience
        self.rank, self.size = comm.Get_rank(), comm.Get_size()

    def settle(self, error: BaseException | None) -> BaseException | None:
        """The error to raise, None if there is none on any rank. Collective.

        This rank's own error goes first, else it is a FortranError with the text of the first failing rank's.
        """
        if self.size == 1:
            return error
        mine = np.array(self.rank if error else self.size, dtype=np.int32)
        first = np.empty_like(mine)
        self._wait(self.comm.Iallreduce(mine, first, op=_minimum()), error)
        if first == self.size:
            return None
        text, plug, code = self.comm.bcast(_describe(error) if self.rank == first else None, root=int(first))
        return error or FortranError(f"rank {first}: {text}", plug, code, int(first))

    def _wait(self, request: MPI.Request, error: BaseException | None) -> None:
        if error is None:
            request.Wait()
            return
        deadline = time.monotonic() + self.patience
        while not request.Test():
            if time.monotonic() > deadline:
                traceback.print_exception(error)
                late = f"the others did not return from Fortran within {self.patience:g} s"
                print(f"rank {self.rank} failed and {late}: aborting", file=sys.stderr, flush=True)
                self.comm.Abort(1)
            time.sleep(1e-4)


def _describe(error: BaseException | None) -> tuple[str, str, int | None]:
    if isinstance(error, FortranError):
        return str(error), error.plug, error.code
    return f"{type(error).__name__}: {error}", "", None


def _minimum() -> MPI.Op:
    from mpi4py import MPI

    return MPI.MIN
