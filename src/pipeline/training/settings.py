"""How a network is trained: the keys of the `training` section of a configuration."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import PipelineError

_MACHINE = ("accelerator", "devices", "precision", "workers", "max_minutes")
"""Where and how fast, not what; precision and devices enter the signature as what they came to."""


@dataclass(frozen=True)
class Settings:
    """Settings of `fit`.

    Attributes:
        epochs: passes over the training data; the length of the learning-rate schedule.
        batch_size: states per step and device.
        learning_rate: the peak, reached after the warm-up.
        warmup: share of the steps in which the rate rises linearly; it then falls as a cosine to zero.
        weight_decay: of AdamW, on matrices and kernels, not on biases and norms.
        clip: largest norm of the gradient; 0 for none.
        ema: decay of a moving average of the weights, which is then what is validated and kept; 0 for none.
        patience: epochs without a better validation after which training stops; 0 for never.
        monitor: the term of the objective that validation looks at.
        seed: of shuffling and of the noise in the latent space. Initial weights belong to whoever builds the network.
        accelerator: `auto`, `cpu`, `cuda`.
        devices: number of devices; more than one under torchrun or srun.
        precision: `32-true`, `bf16-mixed`, `16-mixed` or `auto`, mixed on a GPU; on a CPU always `32-true`.
        workers: processes that read data ahead.
        max_minutes: wall-clock budget, after which a checkpoint is written and training is interrupted as by a signal.
            It never changes the result: the same command goes on where it stopped. None for no limit.
    """

    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 1e-2
    clip: float = 1.0
    ema: float = 0.0
    patience: int = 0
    monitor: str = "reconstruction"
    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"
    workers: int = 0
    max_minutes: float | None = None

    def __post_init__(self) -> None:
        positive = ("epochs", "batch_size", "learning_rate", "devices")
        bad = [key for key in positive if getattr(self, key) <= 0]
        bad += [key for key in ("clip", "weight_decay", "patience", "workers") if getattr(self, key) < 0]
        bad += [key for key in ("warmup", "ema") if not 0 <= getattr(self, key) < 1]
        if bad:
            raise PipelineError(f"training.{bad[0]}: {getattr(self, bad[0])} is out of range")

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of a step out of `steps`: linear warm-up, then a cosine to zero."""
        rising = max(1, round(self.warmup * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        share = (step - rising) / max(1, steps - rising)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * share))

    def signature(self) -> dict[str, Any]:
        """The settings that decide the result."""
        return {key: value for key, value in asdict(self).items() if key not in _MACHINE}
