"""Snapshots of a model whose state is static: module variables, SAVE, common blocks and the arrays they hold.

    snapshots = Snapshots(model)            # refuses at once what it can see that it cannot capture
    start = snapshots.save()
    model.tool_step()
    snapshots.restore(start)                # bit for bit; also after an error, which it heals

    members = Members(model, 8)             # an ensemble in one process
    for number in range(8):
        with members.hold(number):          # the model is member `number` inside
            model.tool_step()

A snapshot is valid in the process that took it, between plug calls, as long as the captured arrays keep their shapes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.bridge.snapshots_memory import Block, Heap, Pointer, search, within
from pipeline.bridge.snapshots_runtime import OpenFiles, RandomNumbers
from pipeline.bridge.snapshots_symbols import Variable, read_symbols
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mpi4py import MPI

    from pipeline.bridge import FortranModel


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A model's state.

    Attributes:
        static: the static variables, one after the other (uint8).
        blocks: allocated arrays, by address.
        contents: those of the blocks (uint8).
        pointers: words that point into the blocks, of array descriptors and others.
        seed: state of the random numbers; None where the model draws none.
        broken_by: see `FortranModel`.
    """

    static: np.ndarray
    blocks: list[Block]
    contents: list[np.ndarray]
    pointers: list[Pointer]
    seed: np.ndarray | None
    broken_by: str | None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.static.nbytes + sum(content.nbytes for content in self.contents)


class Snapshots:
    """Saves and restores the state of one model in this process.

    Args:
        model: loaded by `bridge.load`.
        leave: names of variables that are not part of the state, such as timers; `*` is allowed.
        accept: what may go without being captured, as the refusal names it; `*` is allowed.
        comm: with a communicator saving and restoring are collective, and one rank's refusal is every rank's.

    Attributes:
        variables: the static variables that are captured.

    Raises:
        PipelineError: the module has no symbols, or state that cannot be captured.
    """

    def __init__(
        self,
        model: FortranModel,
        leave: Sequence[str] = (),
        accept: Sequence[str] = (),
        comm: MPI.Comm | None = None,
    ):
        self.model, self._accept = model, tuple(accept)
        self._comm = comm.Dup() if comm is not None and comm.Get_size() > 1 else None
        module = Path(model._support.__file__)
        symbols = read_symbols(module, model.config.name)
        self._span = symbols.span
        self.variables = tuple(v for v in symbols.variables if not _matches(v.name, leave))
        self._offsets, self._size = _lay_out(self.variables)
        self._random = RandomNumbers(module, symbols.imports)
        self._files = OpenFiles(module, symbols.imports)
        private = [f"thread-private {name}" for name in symbols.thread_private if not _matches(name, leave)]
        self._refuse([*private, *self._random.refused])

    def save(self) -> Snapshot:
        """The state as it is now. Collective with a communicator.

        Raises:
            PipelineError: the model holds an open file, or memory that is not an array.
        """
        with self._agreed():
            static = np.zeros(self._size, np.uint8)
            for variable, offset in zip(self.variables, self._offsets, strict=True):
                ctypes.memmove(static.ctypes.data + offset, variable.address, variable.size)
            pieces = [
                (v.name, v.address, static[offset : offset + v.size])
                for v, offset in zip(self.variables, self._offsets, strict=True)
                if v.size >= 8
            ]
            blocks, pointers = search(Heap(self._span), pieces)
            strangers = [p.name for p in pointers if within(p.target, blocks) is None]
            self._refuse([*(f"memory {name}" for name in dict.fromkeys(strangers)), *self._files.found()])
            contents = [_copy(block) for block in blocks]
            return Snapshot(static, blocks, contents, pointers, self._random.get(), self.model.broken_by)

    def restore(self, snapshot: Snapshot) -> None:
        """Make the state what it was. Collective with a communicator.

        An array that the model has allocated anew, with the same shape, is filled where it is now.

        Raises:
            PipelineError: an array has another shape, or is not allocated; nothing is changed then.
        """
        with self._agreed():
            shifts = self._shifts(snapshot.blocks)
            for variable, offset in zip(self.variables, self._offsets, strict=True):
                ctypes.memmove(variable.address, snapshot.static.ctypes.data + offset, variable.size)
            for block, content, shift in zip(snapshot.blocks, snapshot.contents, shifts, strict=True):
                ctypes.memmove(block.address + shift, content.ctypes.data, block.size)
            if any(shifts):
                _redirect(snapshot, shifts)
            self._random.put(snapshot.seed)
            self.model.broken_by = snapshot.broken_by

    def _shifts(self, blocks: list[Block]) -> list[int]:
        """How far each block has moved since the snapshot."""
        known: dict[int, int] = {}

        def shift(number: int) -> int:
            if number not in known:
                outer = within(blocks[number].holder, blocks)
                known[number] = blocks[number].shift_to(blocks[number].holder + (0 if outer is None else shift(outer)))
            return known[number]

        shifts = [shift(number) for number in range(len(blocks))]
        if any(shifts):
            self._check_places(blocks, shifts)
        return shifts

    def _check_places(self, blocks: list[Block], shifts: list[int]) -> None:
        """Arrays that were apart have to be apart still, each in allocated memory."""
        heap, end = Heap(self._span), 0
        for first, number in sorted((block.address + shifts[k], k) for k, block in enumerate(blocks)):
            last = first + blocks[number].size
            if (first < end and shifts[number]) or not heap.holds(first, last):
                raise PipelineError(f"snapshot: {blocks[number].name} shares its memory with another array by now")
            end = last

    def _refuse(self, found: Sequence[str]) -> None:
        left = [text for text in found if not _matches(text, self._accept)]
        if left:
            raise PipelineError(
                f"snapshot of {self.model.config.name}: cannot capture {', '.join(left[:5])}"
                f"{' and others' if len(left) > 5 else ''}; see docs/bridge/snapshots.md, or name it in `accept`"
            )

    @contextmanager
    def _agreed(self) -> Iterator[None]:
        """One rank's refusal is every rank's."""
        mine: PipelineError | None = None
        try:
            yield
        except PipelineError as error:
            mine = error
        texts = self._comm.allgather(mine and str(mine)) if self._comm else []
        if mine:
            raise mine
        for rank, text in enumerate(texts):
            if text:
                raise PipelineError(f"rank {rank}: {text}")


class Members:
    """An ensemble of one model's states, held in turn. Every member begins as the model is now.

    Args:
        model: see `Snapshots`.
        count: number of members.
        options: `leave`, `accept` and `comm` of `Snapshots`.
    """

    def __init__(self, model: FortranModel, count: int, **options):
        self.snapshots = Snapshots(model, **options)
        self._states = [self.snapshots.save()] * count

    def __len__(self) -> int:
        return len(self._states)

    @contextmanager
    def hold(self, number: int) -> Iterator[None]:
        """The model is this member inside; an error inside leaves the member as it was."""
        self.snapshots.restore(self._states[number])
        yield
        self._states[number] = self.snapshots.save()


def _lay_out(variables: Sequence[Variable]) -> tuple[list[int], int]:
    """Where each variable goes in one array: at the same remainder by 8 as its address, so that words stay words."""
    offsets, end = [], 0
    for variable in variables:
        offsets.append(-(-end // 8) * 8 + variable.address % 8)
        end = offsets[-1] + variable.size
    return offsets, end


def _redirect(snapshot: Snapshot, shifts: list[int]) -> None:
    """Let every restored pointer point where its target is now."""
    for pointer in snapshot.pointers:
        target, outer = within(pointer.target, snapshot.blocks), within(pointer.holder, snapshot.blocks)
        if target is not None:
            holder = pointer.holder + (0 if outer is None else shifts[outer])
            ctypes.c_uint64.from_address(holder).value = pointer.target + shifts[target]


def _copy(block: Block) -> np.ndarray:
    content = np.empty(block.size, np.uint8)
    ctypes.memmove(content.ctypes.data, block.address, block.size)
    return content


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
