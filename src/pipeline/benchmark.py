"""Methods on small models: identical twins, several seeds side by side in one batch.

    truth x_t(i+1) = M(x_t(i)),   y_i = H x_t(i) + e_i;    per cycle: forecast, analysis, scores

Every row of a benchmark's table sees the same truths and observations. The result of a seed does not depend on the
seeds beside it. CPU time is that of forecasts and analyses, of all seeds together, divided by their number.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr

from pipeline import registry
from pipeline.assimilation import build
from pipeline.assimilation._random import Random
from pipeline.errors import PipelineError
from pipeline.models.base import TensorModel
from pipeline.observations.selection import Selection, everything
from pipeline.progress import progress
from pipeline.verification import ensembles

_STREAMS = 10_000_000
"""Between the seeds of truth, observations and methods."""

_EVERY = 5
"""Cycles between two that enter rank histogram and CRPS; neighbours resemble each other."""


class Cycled(Protocol):
    """A method that takes batches of ensembles."""

    def network(self, observations: Any, like: torch.Tensor) -> Any:
        """What can be worked out once, as the network stays the same."""

    def assimilate(self, members: torch.Tensor, value: torch.Tensor, network: Any, random: Random) -> torch.Tensor:
        """Members (..., N, n) after observations whose values are (..., p)."""


class _OneByOne:
    """Any other method, such as a variational one: each state by itself."""

    def __init__(self, method: Any) -> None:
        self.method = method

    def network(self, observations: Any, like: torch.Tensor) -> Any:
        return observations

    def assimilate(self, members: torch.Tensor, value: torch.Tensor, network: Any, random: Random) -> torch.Tensor:
        after = torch.empty_like(members)
        for s, k in np.ndindex(*members.shape[:2]):
            observations = dataclasses.replace(network, value=value[s].cpu().numpy())
            after[s, k] = self.method.analysis(members[s, k], observations).state
        return after


def twin(settings: dict[str, Any]) -> xr.Dataset:
    """Truths, observations and climatology: `truth (seed, cycle, element)`, `value`, `climatology (state, element)`."""
    model, like = _model(settings)
    seeds, interval = settings["seeds"], settings["observations"]["interval"]
    noise = Random(seeds)
    x = model.rest() + 1e-2 * noise.normal((len(seeds), model.space.size), like)
    x = _advance(model, x, settings["spin_up"])
    network = Selection(model.space, _network(model, settings))
    truths, values = [], []
    errors = Random([seed + _STREAMS for seed in seeds])
    for _ in progress(range(settings["burn_in"] + settings["cycles"]), "truth", "cycles"):
        x = _advance(model, x, interval)
        truths.append(x)
        exact = network(x)
        values.append(exact + settings["observations"]["error"] * errors.normal(exact.shape, exact))
    data = {
        "truth": (("seed", "cycle", "element"), torch.stack(truths, 1).numpy()),
        "value": (("seed", "cycle", "observation"), torch.stack(values, 1).numpy()),
        "climatology": (("state", "element"), _climatology(model, settings, like).numpy()),
    }
    return xr.Dataset(data, {"seed": list(seeds)})


def cycle(name: str, row: dict[str, Any], settings: dict[str, Any], twins: xr.Dataset) -> tuple[xr.Dataset, dict]:
    """One row: scores of every seed and cycle, and its CPU seconds.

    Args:
        name: of the row, for the display.
        row: `method` with its options, `members`, `tangent`.
        settings: of the benchmark.
        twins: of `twin`, same settings.
    """
    model, like = _model(settings)
    truths, values = (torch.as_tensor(twins[v].values).to(like) for v in ("truth", "value"))
    observations = _network(model, settings)
    climatology = torch.as_tensor(twins["climatology"].values).to(like)
    context = {"space": model.space, "operator": Selection, "states": climatology, "model": model}
    method = build(row["method"], **context)
    method = method if hasattr(method, "assimilate") else _OneByOne(method)
    random = Random([seed + 2 * _STREAMS for seed in settings["seeds"]])
    shape = (len(truths), row["members"], model.space.size)
    members = truths[:, :1] + settings["initial_spread"] * random.normal(shape, like)
    network = method.network(observations, members)
    board = _Board(settings["burn_in"], members)
    seconds = 0.0
    for i in progress(range(truths.shape[1]), name, "cycles"):
        begun = time.process_time()
        if i:
            members = forecast(model, members, settings["observations"]["interval"], row["tangent"])
        seconds += time.process_time() - begun
        members = board.finite(members)
        begun = time.process_time()
        members = method.assimilate(members, values[:, i], network, random)
        seconds += time.process_time() - begun
        members = board.finite(members)
        board.record(i, members, truths[:, i])
    per_seed = seconds / len(truths)
    timing = {"cpu_seconds_per_1000_cycles": 1000 * per_seed / truths.shape[1], "seeds_at_once": len(truths)}
    return board.dataset().assign_coords(seed=twins["seed"]), timing


def forecast(model: TensorModel, members: torch.Tensor, steps: int, tangent: float | None = None) -> torch.Tensor:
    """Members (..., N, n) some steps later.

    With `tangent` = eps the anomalies are scaled by eps before and by 1/eps after: with a small eps they follow the
    tangent-linear model about the mean, as the covariance of the extended Kalman filter does.
    """
    if tangent is None:
        return _advance(model, members, steps)
    mean = members.mean(-2, keepdim=True)
    both = _advance(model, torch.cat([mean, mean + tangent * (members - mean)], dim=-2), steps)
    anomalies = (both[..., 1:, :] - both[..., :1, :]) / tangent
    return both[..., :1, :] + anomalies - anomalies.mean(-2, keepdim=True)


class _Board:
    """Scores of the cycles after the burn-in; a seed that has run away stays out of them, and of the batch."""

    def __init__(self, burn_in: int, members: torch.Tensor) -> None:
        self.burn_in, self.start = burn_in, members.clone()
        self.alive = torch.ones(len(members), dtype=torch.bool)
        self.error: list[torch.Tensor] = []
        self.spread: list[torch.Tensor] = []
        self.crps: list[torch.Tensor] = []
        self.counts = torch.zeros(len(members), members.shape[-2] + 1, dtype=torch.int64)

    def finite(self, members: torch.Tensor) -> torch.Tensor:
        """The members to go on with: a seed that has run away is counted as lost and set back to its start."""
        finite = torch.isfinite(members).all(-1).all(-1)
        if bool(finite.all()):
            return members
        self.alive &= finite
        return torch.where(finite[:, None, None], members, self.start)

    def record(self, cycle: int, members: torch.Tensor, truth: torch.Tensor) -> None:
        """Score an analysis."""
        lost = ~self.alive
        if cycle >= self.burn_in:
            self.error.append(ensembles.error(members, truth).masked_fill(lost, torch.nan))
            self.spread.append(ensembles.spread(members).masked_fill(lost, torch.nan))
            if (cycle - self.burn_in) % _EVERY == 0:
                self.crps.append(ensembles.crps(members, truth).masked_fill(lost, torch.nan))
                self.counts += ensembles.rank_histogram(members, truth) * self.alive[:, None]

    def dataset(self) -> xr.Dataset:
        """`rmse, spread (seed, cycle)`, `crps (seed)`, `rank_histogram (seed, rank)`."""
        return xr.Dataset(
            {
                "rmse": (("seed", "cycle"), torch.stack(self.error, 1).numpy()),
                "spread": (("seed", "cycle"), torch.stack(self.spread, 1).numpy()),
                "crps": ("seed", torch.stack(self.crps, 1).mean(1).numpy()),
                "rank_histogram": (("seed", "rank"), self.counts.numpy()),
            }
        )


def _model(settings: dict[str, Any]) -> tuple[TensorModel, torch.Tensor]:
    """The model, and a tensor of the precision that is asked for."""
    model = registry.build("models", **settings["model"])
    if not hasattr(model, "rest"):
        raise PipelineError(
            f"benchmark.model: {settings['model']['kind']} is no model in PyTorch that starts from rest"
        )
    return model, torch.zeros(0, dtype=getattr(torch, settings["dtype"]))


def _network(model: TensorModel, settings: dict[str, Any]) -> Any:
    return everything(model.space, settings["observations"]["error"], settings["observations"]["every"])


def _advance(model: TensorModel, x: torch.Tensor, steps: int) -> torch.Tensor:
    for _ in range(steps):
        x = model.step(x)
    return x


def _climatology(model: TensorModel, settings: dict[str, Any], like: torch.Tensor) -> torch.Tensor:
    """States of 100 runs that are independent of the truths, (K, n)."""
    runs = min(100, settings["climatology"])
    noise = Random([max(settings["seeds"]) + 3 * _STREAMS])
    x = _advance(model, model.rest() + 1e-2 * noise.normal((runs, model.space.size), like), settings["spin_up"])
    states = []
    for _ in range(-(-settings["climatology"] // runs)):
        # Long enough for the states of one run to be nearly independent.
        x = _advance(model, x, settings["observations"]["interval"])
        states.append(x)
    return torch.cat(states)[: settings["climatology"]]
