"""The world of a testbed: a model that makes truth, training data and forecasts, and the unit of every error.

A state is what is seen of it, the fields of `space`, and what the model remembers beyond (a model in PyTorch: nothing).
Methods see and correct the fields alone. Errors are in standard deviations of each variable's anomalies:
d(x, t)^2 = mean_w [(x - t) / deviation]^2, w by area.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.models.base import TensorModel
from pipeline.normalization import Normalization
from pipeline.progress import progress
from pipeline.spaces import Space
from pipeline.training import reference_statistics

LEADS = (1, 2, 3, 4, 5)
"""Days of the forecasts that are scored."""
MEMORIES = 100
"""States of the nature runs, about, that a model with memory can be started from."""
_ENSEMBLE = 500
"""Seed of the states that ensembles start from; those of the truths begin at 1000."""


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
        """What is seen, (time, trajectory, n), at every step of the model, float32."""
        return self._stored("states")

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """The fields (..., n) of states."""
        return x[..., : self.space.size]

    def replaced(self, x: torch.Tensor, fields: torch.Tensor) -> torch.Tensor:
        """States with other fields (..., n) and the same memory."""
        return torch.cat([fields.to(x), x[..., self.space.size :]], -1)

    def starts(self, times: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        """States (N, n + m) of the nature runs, each at the last time before the wanted one whose memory was kept."""
        memory, interval = self._stored("memory"), int(self._stored("interval"))
        kept = times // interval
        return torch.cat([self.nature[kept * interval, which].to(memory), memory[kept, which]], -1)

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

    def distances(self, x: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
        """The same for each quantity: a variable, or one at all its levels (`u` of `u_500`, ...)."""
        error = (self.seen(x).double() - self.seen(truth).double()) / self.deviation
        squares = (error.square() * self.space.weights).flatten(0, -2).mean(0)  # weights sum to 1 per variable
        found: dict[str, list[float]] = {}
        for name in (v for component in self.space.components for v in component.variables):
            found.setdefault(re.sub(r"_\d+$", "", name), []).append(float(squares[self.space.index(name)].sum()))
        return {name: (sum(values) / len(values)) ** 0.5 for name, values in found.items()}

    def squares(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Mean square by area over variables of each state, (...), in variances."""
        weights = self.space.weights / self.space.weights.sum()
        error = self.seen(x).double() - self.seen(truth).double()
        return ((error / self.deviation).square() * weights).sum(-1)

    def _stored(self, name: str) -> torch.Tensor:
        if not self.file.is_file():
            raise PipelineError(f"{self.file}: no such file; make the nature runs first")
        with safe_open(self.file, "pt") as stored:
            return stored.get_tensor(name)


def build_model(plan: Mapping[str, Any]) -> TensorModel:
    """The model of a plan; one in PyTorch in single precision."""
    model = registry.build("models", **plan["model"])
    if not hasattr(model, "spun_up"):
        raise PipelineError(f"testbed.model: {plan['model']['kind']} is no model that spins itself up")
    return model.to(torch.float32) if isinstance(model, nn.Module) else model


@torch.no_grad()
def make_nature(plan: Mapping[str, Any], seed: int, file: Path) -> None:
    """Run the model; write what is seen, range and standard deviation of each variable, and memories."""
    model, runs = build_model(plan), plan["nature"]
    n, steps = model.space.size, round(runs["days"] * 86400 / model.seconds)
    x = model.spun_up(runs["trajectories"], runs["spinup_days"], seed)
    interval = -(-steps * runs["trajectories"] // MEMORIES) if x.shape[-1] > n else 1
    states, memory = torch.empty(steps, len(x), n), []
    for k in progress(range(steps), "nature", "steps"):
        x = model.step(x)
        states[k] = x[..., :n]
        if k % interval == 0:
            memory.append(x[..., n:])
    low, high, deviation = _ranges(model.space, states)
    kept = {"states": states, "memory": torch.stack(memory), "interval": torch.tensor(interval)}
    with atomic(file) as partial:
        save_file({**kept, "deviation": deviation, "low": low, "high": high}, partial)


def _ranges(space: Space, nature: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lowest and highest value and standard deviation of each variable, per element (n,)."""
    low, high = (torch.empty(space.size) for _ in range(2))
    for name in (v for component in space.components for v in component.variables):
        own = space.index(name)
        low[own], high[own] = nature[..., own].min(), nature[..., own].max()
    unit = high.double().max(), low.double().min()
    scale = 0.5 * (unit[0] - unit[1])  # one number for all, so that variances keep their digits in single precision
    deviation = reference_statistics(nature[::4].flatten(0, 1).double() / scale, space)[1].double() * scale
    return low, high, deviation


@torch.no_grad()
def make_truths(world: World, file: Path) -> None:
    """The truths of all seeds, until the last forecast from the cycles ends, and the states that the cycles start from.

    A start is the truth and a share of its difference from another state of the climate. An ensemble starts from states
    of that climate, drawn as the truths are and the same for all of them.
    """
    plan, model = world.plan["cycling"], world.model
    spinup = world.plan["nature"]["spinup_days"]
    truth, other = torch.stack([model.spun_up(2, spinup, 1000 + seed) for seed in plan["seeds"]]).unbind(1)
    truth, other = (x.float() if isinstance(model, nn.Module) else x for x in (truth, other))
    fields = world.seen(truth) + plan["start_share"] * (world.seen(other) - world.seen(truth))
    start, truths = world.replaced(truth, fields), [world.seen(truth).float()]
    for _ in progress(range((plan["days"] + LEADS[-1]) * world.day), "truth", "steps"):
        truth = model.step(truth)
        truths.append(world.seen(truth).float())
    found = {"truths": torch.stack(truths), "start": start}
    if plan["ensemble"]:
        members = model.spun_up(plan["ensemble"], spinup, _ENSEMBLE)
        found["ensemble"] = members.float() if isinstance(model, nn.Module) else members
    with atomic(file) as partial:
        save_file(found, partial)
