"""Progress for people: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

import torch

from pipeline.training.settings import Settings


class Progress:
    """Reports steps and epochs on stderr.

    Args:
        settings: of the run.
        steps: per epoch.
        done: steps already done by an interrupted run.
        enabled: False on all processes but the first.
        every: least seconds between two lines where stderr is not a terminal.
    """

    def __init__(self, settings: Settings, steps: int, done: int, enabled: bool, every: float = 30.0) -> None:
        self.epochs, self.steps, self.done, self.enabled, self.every = settings.epochs, steps, done, enabled, every
        self.stream: TextIO = sys.stderr
        self.bar = self._bar() if enabled and self.stream.isatty() else None
        self.last = time.monotonic()

    def _bar(self):
        from tqdm import tqdm

        return tqdm(total=self.epochs * self.steps, initial=self.done, unit="step", file=self.stream, desc="training")

    def step(self, loss: torch.Tensor) -> None:
        """One step is done. The loss is fetched from its device only when it is shown."""
        self.done += 1
        if self.bar is not None:
            self.bar.update()
        if not self.enabled or time.monotonic() - self.last < (1.0 if self.bar is not None else self.every):
            return
        if self.bar is None:
            self.line(f"step {self.done} of {self.epochs * self.steps}, loss {loss.item():.4g}")
        else:
            self.bar.set_postfix(loss=f"{loss.item():.4g}")
            self.last = time.monotonic()

    def epoch(self, row: dict[str, float], monitor: str) -> None:
        """One epoch is done and validated."""
        values = f"train {row[f'train_{monitor}']:.4g}, validation {row[f'validation_{monitor}']:.4g}"
        self.line(f"epoch {row['epoch']} of {self.epochs}: {monitor} {values}")

    def line(self, text: str) -> None:
        """A line that stays."""
        if self.bar is not None:
            self.bar.write(f"training: {text}", file=self.stream)
        elif self.enabled:
            print(f"training: {text}", file=self.stream, flush=True)
        self.last = time.monotonic()

    def close(self) -> None:
        """Leave the terminal clean."""
        if self.bar is not None:
            self.bar.close()
