"""What the cycling asks of a model that runs beside the analysis, in the same process.

The model keeps its whole state to itself, on all ranks; the analysis sees the part that its `Space` describes, on rank
0, and gives an increment back. Every method is collective: all ranks call it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from pipeline.spaces import Space


class OnlineModel(Protocol):
    """A model under way."""

    @property
    def space(self) -> Space:
        """What the elements of `state()` are."""

    @property
    def time(self) -> np.datetime64:
        """The clock."""

    def step(self) -> None:
        """Advance by the smallest interval after which the state may be asked for."""

    def run_until(self, time: np.datetime64) -> None:
        """Advance to a time that a whole number of steps reaches."""

    def state(self) -> torch.Tensor | None:
        """The state vector (space.size,), float64, on rank 0; None elsewhere."""

    def add_increment(self, dx: torch.Tensor | None) -> None:
        """Add rank 0's increment (space.size,) to the state; None is given elsewhere."""

    def write_restart(self, path: Path) -> None:
        """Write everything from which the run goes on bit for bit; the file appears whole or not at all."""

    def read_restart(self, path: Path) -> None:
        """Go on from a file of `write_restart`."""

    def finalize(self) -> None:
        """Give the model's memory back."""


class TensorModel(Protocol):
    """A model that is a function of tensors: batches of whole states, on any device, differentiable.

    Attributes:
        seconds: of the clock in one step.
    """

    seconds: int

    @property
    def space(self) -> Space:
        """What the elements of a state are."""

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n) after one time step."""

    def rest(self) -> torch.Tensor:
        """A state (n,) near which the model may be started."""
