"""The world of a testbed: a model that makes truth, training data and forecasts, and the unit of every error.

Errors are in standard deviations of each variable's anomalies: d(x, t)^2 = mean_w [(x - t) / deviation]^2, w by area.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.models.base import TensorModel
from pipeline.normalization import Normalization
from pipeline.spaces import Space
from pipeline.training import reference_statistics


@dataclass
class World:
    """Model and nature runs.

    Attributes:
        plan: the `testbed` section of the configuration.
        seed: of the whole testbed.
        file: of the nature runs, see `make_nature`.
    """

    plan: Mapping[str, Any]
    seed: int
    file: Path

    @cached_property
    def model(self) -> TensorModel:
        return build_model(self.plan)

    @property
    def space(self) -> Space:
        return self.model.space

    @property
    def day(self) -> int:
        """Steps of the model per day."""
        return round(86400 / self.model.seconds)

    @cached_property
    def nature(self) -> torch.Tensor:
        """States (time, trajectory, n) at every step of the model, float32."""
        return self._stored("states")

    @cached_property
    def deviation(self) -> torch.Tensor:
        """Standard deviation of each variable's anomalies, per element, (n,)."""
        return self._stored("deviation")

    @cached_property
    def normalization(self) -> Normalization:
        low, high = self._stored("low"), self._stored("high")
        names = [v for c in self.space.components for v in c.variables]
        starts = [self.space.index(name).start for name in names]
        ranges = {name: (float(low[k]), float(high[k])) for name, k in zip(names, starts, strict=True)}
        return Normalization(self.space, ranges, ("nature", "nature"), {})

    def training_states(self) -> torch.Tensor:
        """Normalized states (N, n) of all trajectories but the last."""
        return self.normalization.normalize(self.nature[:: self.plan["nature"]["every"], :-1].flatten(0, 1))

    def validation_states(self, every: int) -> torch.Tensor:
        """Normalized states (N, n) of the last trajectory, so many steps apart."""
        return self.normalization.normalize(self.nature[::every, -1])

    @torch.no_grad()
    def forecast(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """States (..., n) so many steps of the model later."""
        for _ in range(steps):
            x = self.model.step(x)
        return x

    def distance(self, x: torch.Tensor, truth: torch.Tensor) -> float:
        """Root mean square by area over variables and states (..., n), in standard deviations."""
        return float(self.squares(x, truth).mean().sqrt())

    def squares(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Mean square by area over variables of each state, (...), in variances."""
        weights = self.space.weights / self.space.weights.sum()
        return (((x.double() - truth.double()) / self.deviation).square() * weights).sum(-1)

    def _stored(self, name: str) -> torch.Tensor:
        if not self.file.is_file():
            raise PipelineError(f"{self.file}: no such file; make the nature runs first")
        with safe_open(self.file, "pt") as stored:
            return stored.get_tensor(name)


def build_model(plan: Mapping[str, Any]) -> TensorModel:
    """The model of a plan, in single precision."""
    model = registry.build("models", **plan["model"])
    if not hasattr(model, "spun_up"):
        raise PipelineError(f"testbed.model: {plan['model']['kind']} is no model in PyTorch that spins itself up")
    return model.to(torch.float32)


@torch.no_grad()
def make_nature(plan: Mapping[str, Any], seed: int, file: Path) -> None:
    """Run the model; write states with the range and the standard deviation of each variable."""
    model, runs = build_model(plan), plan["nature"]
    x = model.spun_up(runs["trajectories"], runs["spinup_days"], seed)
    states = []
    for _ in range(round(runs["days"] * 86400 / model.seconds)):
        x = model.step(x)
        states.append(x.float())
    nature = torch.stack(states)
    flat = nature[::4].flatten(0, 1)
    low, high = (torch.empty(model.space.size) for _ in range(2))
    for name in (v for component in model.space.components for v in component.variables):
        own = model.space.index(name)
        low[own], high[own] = nature[..., own].min(), nature[..., own].max()
    unit = high.double().max(), low.double().min()
    scale = 0.5 * (unit[0] - unit[1])  # one number for all, so that variances keep their digits in single precision
    deviation = reference_statistics(flat.double() / scale, model.space)[1].double() * scale
    with atomic(file) as partial:
        save_file({"states": nature, "deviation": deviation, "low": low, "high": high}, partial)
