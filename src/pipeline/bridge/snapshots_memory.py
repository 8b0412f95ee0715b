"""Allocated arrays that static variables hold, found by gfortran's array descriptors, and pointers that are none.

A descriptor is {base address, offset, {element length, version, rank, type, attribute}, span, rank x {stride, lower,
upper bound}} in words of 8 bytes. Every word of the static variables that points into allocated memory either begins a
descriptor, and the array it describes is part of the state and is searched in turn, or is a pointer whose target nobody
knows the size of.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError

_HEAD = 5  # words before the bounds
_LARGEST = 1 << 44
_PLAIN = (1, 2, 3, 4, 6)  # integer, logical, real, complex, character


@dataclass(frozen=True)
class Block:
    """An allocated array.

    Attributes:
        name: of the variable that holds it.
        address, size: of its memory; bytes.
        holder: address of its descriptor.
        descriptor: the descriptor's bytes.
    """

    name: str
    address: int
    size: int
    holder: int
    descriptor: bytes

    @property
    def end(self) -> int:
        """The first address behind it; an empty array holds its address alone."""
        return self.address + max(self.size, 1)

    @property
    def may_point(self) -> bool:
        """Whether its elements are of a derived type; numbers and characters point nowhere."""
        return self.descriptor[29] not in _PLAIN

    @property
    def shape(self) -> tuple[int, ...]:
        """In Fortran order."""
        return shape_of(self.descriptor)

    def shift_to(self, holder: int) -> int:
        """How far the array has moved since, by what its holder, itself now at an address, says.

        Raises:
            PipelineError: it has another shape now, or is not allocated.
        """
        now = ctypes.string_at(holder, len(self.descriptor))
        if now[8:] != self.descriptor[8:] or not _base(now):
            raise PipelineError(
                f"snapshot: array {self.name} of shape {self.shape} was allocated anew since (now "
                f"{shape_of(now) or 'not allocated'}); take the first snapshot after the model has allocated its arrays"
            )
        return _base(now) - _base(self.descriptor)


@dataclass(frozen=True)
class Pointer:
    """A word that points into allocated memory: address of the word, and where it points."""

    name: str
    holder: int
    target: int


def shape_of(descriptor: bytes) -> tuple[int, ...]:
    """Extents of a described array; () when it is not allocated."""
    words = np.frombuffer(descriptor, np.int64)
    return tuple(int(u - low + 1) for low, u in zip(words[6::3], words[7::3], strict=True)) if words[0] else ()


def _base(descriptor: bytes) -> int:
    return int.from_bytes(descriptor[:8], "little")


class Heap:
    """The writable memory of this process that belongs to no file, as it is now.

    Args:
        without: first and last address of the model's own static memory.
    """

    def __init__(self, without: tuple[int, int]):
        merged: list[list[int]] = []
        for line in Path("/proc/self/maps").read_text().splitlines():
            limits, mode, _, _, inode, *name = line.split(maxsplit=5)
            if not mode.startswith("rw") or inode != "0" or (name and name[0].startswith("[stack")):
                continue
            first, last = (int(x, 16) for x in limits.split("-"))
            if without[0] <= first < without[1]:
                continue
            if merged and merged[-1][1] == first:
                merged[-1][1] = last
            else:
                merged.append([first, last])
        self._limits = np.array(merged, np.uint64)

    def pointers(self, words: np.ndarray) -> np.ndarray:
        """Indices of the words that point into it."""
        near = np.flatnonzero((words >= self._limits[0, 0]) & (words < self._limits[-1, 1]))
        place = np.searchsorted(self._limits[:, 0], words[near], side="right") - 1
        return near[words[near] < self._limits[place, 1]]

    def holds(self, first: int, last: int) -> bool:
        """Whether all of first <= address < last lies in one piece of it."""
        place = int(np.searchsorted(self._limits[:, 0], np.uint64(first), side="right")) - 1
        return place >= 0 and last <= int(self._limits[place, 1])


def search(heap: Heap, pieces: Sequence[tuple[str, int, np.ndarray]]) -> tuple[list[Block], list[Pointer]]:
    """Arrays that hang on the given memory, without those that are parts of others, and all pointers on the way.

    Args:
        heap: allocated memory.
        pieces: name, address and bytes (uint8) of what to search.
    """
    found: dict[tuple[int, int], Block] = {}
    pointers: dict[int, Pointer] = {}
    waiting = deque(pieces)
    while waiting:
        name, address, content = waiting.popleft()
        skip = -address % 8
        words = content[skip : skip + (len(content) - skip) // 8 * 8].view(np.uint64)
        for index in heap.pointers(words):
            holder = address + skip + 8 * int(index)
            pointers[holder] = Pointer(name, holder, int(words[index]))
            block = _described(name, words, int(index), holder, heap)
            if block and (block.address, block.size) not in found:
                found[block.address, block.size] = block
                if block.may_point:
                    waiting.append((name, block.address, _view(block.address, block.size)))
    return _largest(found.values()), list(pointers.values())


def _largest(blocks: Iterable[Block]) -> list[Block]:
    """Without those inside another, by address."""
    kept: list[Block] = []
    for block in sorted(blocks, key=lambda b: (b.address, -b.size)):
        if not kept or block.end > kept[-1].end:
            kept.append(block)
    return kept


def within(address: int, blocks: Sequence[Block]) -> int | None:
    """Index of the block that holds an address; `blocks` from `search`."""
    place = bisect_right(blocks, address, key=lambda block: block.address) - 1
    return place if place >= 0 and address < blocks[place].end else None


def _described(name: str, words: np.ndarray, index: int, holder: int, heap: Heap) -> Block | None:
    """The array whose descriptor begins at a word; None where it is no descriptor."""
    if index + _HEAD + 3 > len(words):
        return None
    head = words[index : index + _HEAD].astype(np.int64)
    element, kind, span = int(head[2]), int(head[3]), int(head[4])
    version, rank, family = kind & 0xFFFFFFFF, kind >> 32 & 0xFF, kind >> 40 & 0xFF
    last = index + _HEAD + 3 * rank
    if version or not 1 <= rank <= 15 or not 1 <= family <= 11 or last > len(words):
        return None
    bounds = words[index + _HEAD : last].astype(np.int64).reshape(rank, 3)
    stride, low, high = (bounds[:, k].astype(object) for k in range(3))  # no overflow where it is no descriptor
    if not 0 < element < _LARGEST or not 0 < span < _LARGEST or any(h < b - 1 for b, h in zip(low, high, strict=True)):
        return None
    reach = [(h - b) * s * span for s, b, h in zip(stride, low, high, strict=True)]
    first = int(head[0]) + sum(min(r, 0) for r in reach)
    size = element + sum(abs(r) for r in reach)
    if any(h < b for b, h in zip(low, high, strict=True)):
        first, size = int(head[0]), 0
    if not heap.holds(first, first + size):
        return None
    return Block(name, first, int(size), holder, words[index:last].tobytes())


def _view(address: int, size: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
