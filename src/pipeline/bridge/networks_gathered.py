"""Gather, infer, scatter: one network for all ranks that share a device.

    callback = GatheredCallback("emulator.pt2", comm, inputs=2)      # collective
    model.register("emulator", callback)                             # every rank calls it, with columns or without

Ranks that share a device are on one node, so they share memory: each writes its columns to its place in a window, the
leader runs the network over the window as it stands, each takes its part of the result. Two meetings order this. An
error on one rank, before the network or in it, is raised on all ranks of the group.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from pipeline.bridge.networks import Columns, NetworkCallback
from pipeline.bridge.networks_loading import load
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mpi4py import MPI

_TEXT = 400  # bytes of an error's message that other ranks see
_QUICK_LOOKS, _NAP = 100, 2e-5  # a rank that waits yields its processor that often before it sleeps; [s]


class GatheredCallback(NetworkCallback):
    """A network that one rank per device runs for all of its ranks; every call is collective over them.

    Args:
        network: a file or a module; the leaders alone load it.
        comm: the ranks that call, on any number of nodes. Collective.
        device: `auto` divides a node's GPUs among its ranks, and takes one network per node where there is none;
            `cpu` does so in any case.
        inputs, outputs, features, block, reproducible, dtype: see `NetworkCallback`.

    Attributes:
        group: the ranks that share this rank's device; rank 0 is their leader.
    """

    def __init__(
        self,
        network: nn.Module | str | os.PathLike,
        comm: MPI.Comm,
        inputs: int = 1,
        outputs: int = 1,
        features: str = "first",
        block: int | None = None,
        reproducible: bool = False,
        device: str = "auto",
        dtype: torch.dtype | None = None,
    ):
        self.group, place = share_devices(comm, [] if device == "cpu" else visible_devices())
        self._bind(inputs, outputs, features)
        engine, text = None, ""
        if self.group.rank == 0:
            try:
                engine = Columns(load(network, place, dtype), block, reproducible)
            except PipelineError as error:
                text = str(error)
        if failed := self.group.bcast(text):
            raise PipelineError(failed)
        self._engine = Gathering(engine, self.group)

    def __call__(self, *arrays: np.ndarray) -> None:
        """What Fortran calls. Collective over `group`."""
        try:
            columns = self.arrange(arrays)
        except PipelineError as error:
            self._engine.fail(error)
            raise
        self._engine.run(*columns)

    def close(self) -> None:
        """Free the shared memory. Collective over `group`."""
        self._engine.close()


class Gathering:
    """Runs the leader's network over the columns of all ranks of a group.

    Args:
        columns: the leader's network; None on the others.
        comm: ranks of one node. Collective.
    """

    def __init__(self, columns: Columns | None, comm: MPI.Comm):
        self.columns, self.comm = columns, comm
        dtype = comm.bcast(columns.dtype if columns else None)
        self.dtype = torch.empty(0, dtype=dtype).numpy().dtype
        # A rank may begin the next call while another still reads this one's: calls alternate between two headers.
        self._header = Window(comm, 2 * comm.size * 3 * 8)
        self._headers = self._header.array((2, comm.size, 3), np.int64)  # columns, inputs, outputs; -1: error
        self._arrivals = Window(comm, comm.size * 64)  # a line of the cache each
        self._arrived = self._arrivals.array((comm.size, 8), np.int64)[:, 0]
        self._messages = Window(comm, 2 * comm.size * _TEXT)
        self._texts = self._messages.array((2, comm.size, _TEXT), np.uint8)
        self._layout = np.zeros((comm.size, 3), np.int64)
        self._data: Window | None = None
        self._turn, self._meetings = 0, 0
        self._arrived[comm.rank] = 0
        comm.Barrier()
        self.lay_out(self._layout)

    def run(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        """Fill `outputs` from `inputs`, lists of (n, features) views; n may differ between ranks and calls. Collective.

        Raises:
            PipelineError: see `Columns.run`; or another rank's error.
        """
        self._turn = 1 - self._turn
        rows = self._headers[self._turn]
        mine = (len(inputs[0]), _width(inputs), _width(outputs))
        rows[self.comm.rank] = mine
        known = bool((self._layout[self.comm.rank] == mine).all())
        if known:
            self._write(inputs)
        self.meet()
        if not (rows == self._layout).all():
            self._hear()
            self.lay_out(rows.copy())
            self._write(inputs)
            self.meet()
        error = self._infer() if self.columns else None
        self.meet()
        if error:
            raise error
        self._hear()
        self._read(outputs)

    def fail(self, error: Exception) -> None:
        """Take part in a call that this rank cannot make: the others raise its error. Collective with their `run`."""
        self._turn = 1 - self._turn
        self._announce(error)
        self.meet()

    def meet(self) -> None:
        """Nobody goes on until everybody is here and sees what the others have written.

        A barrier of MPI keeps the processors of all that wait busy. Here who waits for long sleeps between two looks
        and leaves its processor to the leader's network.
        """
        self._meetings += 1
        self._header.synchronize()
        self._arrived[self.comm.rank] = self._meetings
        looks = 0
        while self._arrived.min() < self._meetings:
            looks += 1
            if looks < _QUICK_LOOKS:
                os.sched_yield()
            else:
                time.sleep(_NAP)
        self._header.synchronize()

    def lay_out(self, layout: np.ndarray) -> None:
        """Give every rank its rows of the window, which grows where it must. Collective.

        Args:
            layout: (ranks, 3), each rank's number of columns, inputs and outputs.
        """
        widths = layout[layout[:, 0] > 0, 1:]
        if len(widths) and (widths != widths[0]).any():
            what = ", ".join(f"rank {r}: {row[1]} and {row[2]}" for r, row in enumerate(layout))
            raise PipelineError(f"network: the ranks pass different numbers of inputs and outputs ({what})")
        total, (wide_in, wide_out) = int(layout[:, 0].sum()), widths[0] if len(widths) else (0, 0)
        bytes_in, bytes_out = (-(-total * int(w) * self.dtype.itemsize // 64) * 64 for w in (wide_in, wide_out))
        if self._data is None or self._data.size < bytes_in + bytes_out:
            if self._data:
                self._data.free()
            self._data = Window(self.comm, max(bytes_in + bytes_out, 64))
        self._x = self._data.array((total, int(wide_in)), self.dtype)
        self._y = self._data.array((total, int(wide_out)), self.dtype, bytes_in)
        last = np.cumsum(layout[:, 0])
        self._own = slice(int(last[self.comm.rank] - layout[self.comm.rank, 0]), int(last[self.comm.rank]))
        self._layout = layout

    def close(self) -> None:
        """Free the shared memory. Collective."""
        for window in (self._header, self._arrivals, self._messages, self._data):
            window.free()

    def _infer(self) -> Exception | None:
        try:
            if len(self._x):
                self.columns.run([self._x], [self._y])
        except Exception as error:  # whatever a network may raise: the others wait for the outcome
            self._announce(error)
            return error
        return None

    def _announce(self, error: Exception) -> None:
        name = "" if isinstance(error, PipelineError) else f"{type(error).__name__}: "
        text = np.frombuffer(f"{name}{error}".encode()[:_TEXT], np.uint8)
        place = self._texts[self._turn, self.comm.rank]
        place[:] = 0
        place[: len(text)] = text
        self._headers[self._turn, self.comm.rank] = -1

    def _hear(self) -> None:
        """Raise the error of the first rank that has announced one."""
        failed = np.flatnonzero(self._headers[self._turn, :, 0] < 0)
        if failed.size:
            text = self._texts[self._turn, failed[0]].tobytes().rstrip(b"\0").decode(errors="replace")
            raise PipelineError(f"rank {failed[0]}: {text}")

    def _write(self, arrays: Sequence[np.ndarray]) -> None:
        first, own = 0, self._x[self._own]
        for array in arrays:
            np.copyto(own[:, first : first + array.shape[1]], array, casting="same_kind")
            first += array.shape[1]

    def _read(self, arrays: Sequence[np.ndarray]) -> None:
        first, own = 0, self._y[self._own]
        for array in arrays:
            np.copyto(array, own[:, first : first + array.shape[1]], casting="same_kind")
            first += array.shape[1]


class Window:
    """Memory that the ranks of one node share; it belongs to rank 0.

    Args:
        comm: ranks of one node. Collective.
        size: bytes.
    """

    def __init__(self, comm: MPI.Comm, size: int):
        from mpi4py import MPI

        self.size = size
        self._window = MPI.Win.Allocate_shared(size if comm.rank == 0 else 0, 1, comm=comm)
        self._memory, _ = self._window.Shared_query(0)
        self._window.Lock_all()

    def array(self, shape: tuple[int, ...], dtype: np.typing.DTypeLike, offset: int = 0) -> np.ndarray:
        """A part of it as an array in C order."""
        return np.ndarray(shape, dtype, buffer=self._memory, offset=offset)

    def synchronize(self) -> None:
        """Let this rank's writes be seen, and see those of others that are complete."""
        self._window.Sync()

    def free(self) -> None:
        """Give the memory back. Collective; arrays on it are invalid."""
        self._window.Unlock_all()
        self._window.Free()


def _width(arrays: Sequence[np.ndarray]) -> int:
    return sum(array.shape[1] for array in arrays)


def share_devices(comm: MPI.Comm, visible: Sequence[str]) -> tuple[MPI.Comm, str]:
    """Group the ranks that use one device. Collective.

    Args:
        comm: any ranks, on any number of nodes.
        visible: names of the GPUs this rank sees, unique on the node; empty without any.

    Returns:
        The ranks that share this rank's device, and the device as this rank calls it: `cuda:1`, `cpu`.
    """
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED, comm.rank)
    seen = node.allgather(tuple(visible))
    own, group = _assign(seen, node.rank)
    return node.Split(group, node.rank), own


def _assign(seen: Sequence[tuple[str, ...]], rank: int) -> tuple[str, int]:
    """This rank's device and the number of its group, from what every rank of the node sees.

    Ranks that see the same GPUs divide them into neighbours of equal number; with SLURM's `--gpus-per-task` each sees
    its own.
    """
    peers = [r for r, names in enumerate(seen) if names == seen[rank]]
    if not seen[rank]:
        return "cpu", 0
    index = peers.index(rank) * len(seen[rank]) // len(peers)
    everything = sorted({name for names in seen for name in names})
    return f"cuda:{index}", 1 + everything.index(seen[rank][index])


def visible_devices() -> list[str]:
    """Unique names of the GPUs this process sees, in PyTorch's order."""
    return [str(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]
