"""Order of the data and random numbers as functions of (seed, epoch, step): nothing to save, nothing to lose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader

from pipeline.errors import PipelineError


class Order:
    """Batches of indices of one epoch, shuffled, from a given batch on.

    Each of `world` processes takes its part of every global batch; what does not fill a global batch is left out of the
    epoch (another part in each, as the order changes).
    """

    def __init__(self, length: int, batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.length, self.seed, self.rank, self.world = length, seed, rank, world
        self.batch = min(batch_size, max(1, length // world))
        self.steps = length // (self.batch * world)
        self.epoch = self.first = 0

    def __len__(self) -> int:
        return self.steps - self.first

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length)
        for step in range(self.first, self.steps):
            start = (step * self.world + self.rank) * self.batch
            yield order[start : start + self.batch].tolist()


def seed_step(seed: int, step: int, rank: int) -> None:
    """Set PyTorch's generators for one step, so that its random numbers do not depend on what ran before."""
    mixed = np.random.SeedSequence((seed, step, rank)).generate_state(1, dtype=np.uint64)[0]
    torch.manual_seed(int(mixed >> np.uint64(1)))


def as_dataset(states: Iterable, name: str) -> Sequence:
    """Anything that can be indexed as it is; a plain iterable is read into memory."""
    dataset = states if hasattr(states, "__getitem__") and hasattr(states, "__len__") else list(states)
    if len(dataset) == 0:
        raise PipelineError(f"{name} data: empty; widen the period")
    return dataset


def loader(dataset: Sequence, batches: Iterable[list[int]], workers: int, pin: bool) -> DataLoader:
    """A DataLoader that draws no random number of its own."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin,
        persistent_workers=False,
        generator=torch.Generator().manual_seed(0),
    )
