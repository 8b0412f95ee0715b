"""State vectors for training: periods of a record, read from its stores a chunk at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import torch
import xarray as xr
from torch.utils.data import Dataset, Sampler

from pipeline.errors import PipelineError
from pipeline.normalization import Normalization
from pipeline.spaces import Space

Period = tuple[np.datetime64, np.datetime64]
MEMORY = 2 * 1024**3  # bytes of chunks kept; a record that fits is read once


def split(time: np.ndarray, train: float, validation: float, gap_days: float = 0.0) -> dict[str, Period]:
    """Contiguous periods `train`, `validation`, `test` of a record, in time order, with gaps between them.

    Args:
        time: ascending dates of the record.
        train, validation: shares of the record's length; the test period is the rest.
        gap_days: left out at the beginning of the validation and test periods, so that neighbours in time are not
            on both sides.

    Raises:
        PipelineError: shares that leave nothing for a period, or a gap longer than one.
    """
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise PipelineError(
            f"splits: train {train} and validation {validation} must be positive and leave a test period"
        )
    seconds = (time - time[0]).astype("timedelta64[s]").astype(np.float64)
    ends = np.searchsorted(seconds, seconds[-1] * np.array([train, train + validation, 1.0]), side="right")
    begins = [0, *(np.searchsorted(seconds, seconds[end - 1] + gap_days * 86400.0, side="right") for end in ends[:-1])]
    periods = {}
    for name, begin, end in zip(("train", "validation", "test"), begins, ends, strict=True):
        if begin >= end:
            raise PipelineError(f"splits: no {name} data left of {len(time)} times with gaps of {gap_days:g} days")
        periods[name] = (time[begin], time[end - 1])
    return periods


class Vectors(Dataset):
    """Vectors (n,) of a period, or sequences of them (steps, n).

    Chunks that were read stay in memory up to a budget, the least recently used leave first. Read in the order of
    `ChunkShuffle`, each chunk is read once per epoch however small the budget.

    Args:
        space: what the vectors are.
        datasets: component -> its store, with the same times.
        period: first and last date.
        normalization: to the networks' units; None leaves physical units.
        steps: states per sample, consecutive in time.
        memory: budget in bytes; two chunks are kept at least.

    Raises:
        PipelineError: components with different times, or too few times in the period.
    """

    def __init__(
        self,
        space: Space,
        datasets: dict[str, xr.Dataset],
        period: Period,
        normalization: Normalization | None = None,
        steps: int = 1,
        memory: int = MEMORY,
    ) -> None:
        times = [datasets[c.name]["time"].values for c in space.components]
        if any(not np.array_equal(times[0], other) for other in times[1:]):
            raise PipelineError(f"training data: {' and '.join(space.names)} have different times; write them together")
        self.space, self.datasets, self.normalization, self.steps = space, datasets, normalization, steps
        self.first, end = np.searchsorted(times[0], period[0]), np.searchsorted(times[0], period[1], side="right")
        self.time = times[0][self.first : end]
        if len(self) < 1:
            raise PipelineError(f"training data: {len(self.time)} times from {period[0]} to {period[1]}, needs {steps}")
        self.chunk = _chunk_length(datasets[space.components[0].name])
        self.capacity = max(2, memory // (self.chunk * space.size * 4))
        self._chunks: OrderedDict[int, torch.Tensor] = OrderedDict()

    def __len__(self) -> int:
        return max(len(self.time) - self.steps + 1, 0)

    def __getitem__(self, sample: int) -> torch.Tensor:
        if not -len(self) <= sample < len(self):
            raise IndexError(f"sample {sample} of {len(self)}")
        start = self.first + sample % len(self)
        states = torch.stack([self._state(row) for row in range(start, start + self.steps)])
        return states[0] if self.steps == 1 else states

    def chunk_of(self, sample: int) -> int:
        """Chunk of the store that a sample begins in."""
        return (self.first + sample) // self.chunk

    def _state(self, row: int) -> torch.Tensor:
        number, within = divmod(row, self.chunk)
        if number not in self._chunks:
            while len(self._chunks) >= self.capacity:
                self._chunks.popitem(last=False)
            self._chunks[number] = self._read(number)
        self._chunks.move_to_end(number)
        return self._chunks[number][within]

    def _read(self, number: int) -> torch.Tensor:
        rows = slice(number * self.chunk, (number + 1) * self.chunk)
        names = {c.name: list(c.variables) for c in self.space.components}
        # in this thread: a DataLoader's forked workers must not share a thread pool
        parts = {n: self.datasets[n][v].isel(time=rows).compute(scheduler="synchronous") for n, v in names.items()}
        x = self.space.from_xarray(parts)
        return self.normalization.normalize(x) if self.normalization else x


class ChunkShuffle(Sampler[int]):
    """Random order that visits a few chunks at a time: chunks are shuffled, and samples within `window` chunks.

    A new order each `set_epoch`; the same for the same seed and epoch. Each of `world` processes gets as many samples.
    """

    def __init__(self, vectors: Vectors, seed: int, window: int = 4, rank: int = 0, world: int = 1) -> None:
        self.vectors, self.seed, self.rank, self.world = vectors, seed, rank, world
        self.window = min(window, vectors.capacity)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.vectors) // self.world

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng((self.seed, self.epoch))
        samples = np.arange(len(self.vectors))
        chunks = np.array([self.vectors.chunk_of(s) for s in samples])
        order = generator.permutation(np.unique(chunks))
        windows = (order[first : first + self.window] for first in range(0, len(order), self.window))
        shuffled = np.concatenate([generator.permutation(samples[np.isin(chunks, w)]) for w in windows])
        yield from shuffled[self.rank : len(self) * self.world : self.world].tolist()


def _chunk_length(dataset: xr.Dataset) -> int:
    chunks = next(iter(dataset.values())).encoding.get("chunks")
    return int(chunks[0]) if chunks else 32
