"""The one fit loop: AdamW, warm-up and cosine, clipping, validation after every epoch, checkpoints.

Devices, precision and several processes are Lightning Fabric's. A run that is killed at any moment and started again
ends, on a CPU, with the same bits as one that was left alone: the order of the data, the learning rate and the random
numbers are functions of (seed, epoch, step), and everything else stands in the checkpoint.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.errors import PipelineError
from pipeline.training import _checkpoint
from pipeline.training._devices import fabric_of
from pipeline.training._history import Row, row_of, write_history
from pipeline.training._progress import Progress
from pipeline.training._sampling import Order, as_dataset, loader, seed_step
from pipeline.training.settings import Settings


@dataclass(frozen=True)
class FitResult:
    """What a run came to.

    Attributes:
        history: one row per epoch, the content of the history file.
        best_epoch: whose weights the network holds now, counted from 1.
        best_score: the monitored term of that epoch's validation.
        stopped_early: whether `patience` ran out before the epochs did.
    """

    history: list[Row]
    best_epoch: int
    best_score: float
    stopped_early: bool


def fit(
    objective: nn.Module,
    train: Iterable[torch.Tensor],
    validation: Iterable[torch.Tensor],
    settings: Settings,
    checkpoint_dir: str | Path,
    history_path: str | Path | None = None,
    context: dict[str, Any] | None = None,
) -> FitResult:
    """Train `objective.network`; afterwards it holds the weights of the best validation, on the CPU.

    Args:
        objective: maps a batch (b, n) to scalars, of which `loss` is minimised (see `losses`).
        train, validation: normalized states (n,), float32; a Dataset, a sequence or an iterable.
        settings: epochs, rates, devices.
        checkpoint_dir: where an interrupted run left its checkpoint and this one leaves its own; not among the outputs
            of a workflow's rule, which removes those when a job fails.
        history_path: CSV of the losses, rewritten after every epoch.
        context: whatever else decides the result (hash of configuration and data); a checkpoint of another one is
            refused.

    Raises:
        PipelineError: bad settings, data or checkpoint; or the loss is not finite.
        Interrupted: SIGUSR1, SIGTERM or `max_minutes`; the checkpoint is written, the same call goes on.
    """
    train, validation = as_dataset(train, "training"), as_dataset(validation, "validation")
    run = _Run(objective, settings, train, validation, Path(checkpoint_dir), context or {})
    run.resume()
    with _checkpoint.StopRequest(settings.max_minutes) as stop:
        run.to_the_end(stop, Path(history_path) if history_path else None)
    return run.finish()


class _Run:
    """State of a run and the steps that change it."""

    def __init__(self, objective, settings: Settings, train, validation, directory: Path, context: dict[str, Any]):
        self.settings, self.directory, self.objective = settings, directory, objective
        self.fabric = fabric_of(settings)
        self.rank, world = self.fabric.global_rank, self.fabric.world_size
        self.train, self.validation = train, validation
        self.order = Order(len(train), settings.batch_size, settings.seed, self.rank, world)
        optimizer = torch.optim.AdamW(_groups(objective, settings.weight_decay), lr=settings.learning_rate)
        self.wrapped, self.optimizer = self.fabric.setup(objective, optimizer)
        self.average = None
        if settings.ema:
            self.average = AveragedModel(objective, multi_avg_fn=get_ema_multi_avg_fn(settings.ema))
        sizes = {"training states": len(train), "validation states": len(validation), "processes": world}
        precision = str(self.fabric.strategy.precision.precision)
        self.signature = settings.signature() | sizes | {"precision": precision} | context
        self.epoch = self.step = 0
        self.sums: dict[str, torch.Tensor] = {}
        self.history: list[Row] = []
        self.best_epoch, self.best_score, self.best_state = 0, math.inf, {}

    def to_the_end(self, stop: _checkpoint.StopRequest, history_path: Path | None) -> None:
        """Run the epochs that are left."""
        done = self.epoch * self.order.steps + self.step
        progress = Progress(self.settings, self.order.steps, done, enabled=self.rank == 0)
        try:
            while not self.over:
                self._train_epoch(stop, progress)
                self._end_epoch(progress)
                if history_path and self.rank == 0:
                    write_history(history_path, self.history)
                self._save()
                if not self.over:
                    self._heed(stop)
        finally:
            progress.close()

    @property
    def over(self) -> bool:
        """Whether the epochs or the patience have run out."""
        return self.epoch >= self.settings.epochs or self._impatient

    @property
    def _impatient(self) -> bool:
        patience = self.settings.patience
        return 0 < patience <= self.epoch - self.best_epoch

    def _train_epoch(self, stop: _checkpoint.StopRequest, progress: Progress) -> None:
        """The steps that are left of this epoch."""
        settings, steps = self.settings, self.order.steps
        self.order.epoch, self.order.first = self.epoch, self.step
        self.wrapped.train()
        batches = iter(loader(self.train, self.order, settings.workers, self.fabric.device.type == "cuda"))
        while self.step < steps:
            count = self.epoch * steps + self.step
            seed_step(settings.seed, count, self.rank)
            terms = self._descend(next(batches), settings.rate(count, steps * settings.epochs))
            _add(self.sums, terms, 1)
            self.step += 1
            progress.step(terms["loss"])
            if self.step < steps:
                self._heed(stop)

    def _descend(self, batch: torch.Tensor, rate: float) -> dict[str, torch.Tensor]:
        """One step of AdamW."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        terms = self.wrapped(batch.to(self.fabric.device, non_blocking=True))
        self.optimizer.zero_grad()
        self.fabric.backward(terms["loss"])
        if self.settings.clip:
            norm = self.settings.clip
            self.fabric.clip_gradients(self.wrapped, self.optimizer, max_norm=norm, error_if_nonfinite=False)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.objective)
        return terms

    def _end_epoch(self, progress: Progress) -> None:
        """Validate, note the losses, keep the best weights."""
        train, validation = self._mean(self.sums), self._mean(self._validate())
        self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
        row = row_of(self.epoch, train, validation)
        bad = [name for name, value in row.items() if not math.isfinite(value)]
        if bad:
            raise PipelineError(f"training: {bad[0]} is not finite in epoch {self.epoch}; lower training.learning_rate")
        monitor = self.settings.monitor
        if monitor not in validation:
            raise PipelineError(f"training.monitor: no term {monitor!r}; choose one of {', '.join(validation)}")
        self.history.append(row)
        if validation[monitor] < self.best_score:
            self.best_epoch, self.best_score = self.epoch, validation[monitor]
            self.best_state = {k: v.detach().cpu().clone() for k, v in self._judged.network.state_dict().items()}
        progress.epoch(row, monitor)

    @property
    def _judged(self) -> nn.Module:
        """The objective with the weights that are validated and kept: the average where there is one."""
        return self.objective if self.average is None else self.average.module

    @torch.no_grad()
    def _validate(self) -> dict[str, torch.Tensor]:
        """Sums of the terms over this process's share of the validation data."""
        judged, size = self._judged, self.settings.batch_size
        mine = range(self.rank, len(self.validation), self.fabric.world_size)
        batches = [list(mine[start : start + size]) for start in range(0, len(mine), size)]
        sums: dict[str, torch.Tensor] = {}
        judged.eval()
        for batch in loader(self.validation, batches, self.settings.workers, self.fabric.device.type == "cuda"):
            with self.fabric.autocast():
                _add(sums, judged(batch.to(self.fabric.device)), len(batch))
        return sums

    def _mean(self, sums: dict[str, torch.Tensor]) -> dict[str, float]:
        """Sums and their weight, over all processes, to means."""
        total = self._reduced(sums)
        weight = total.pop("weight")
        return {name: float(value / weight) for name, value in total.items()}

    def _reduced(self, sums: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: self.fabric.all_reduce(value, reduce_op="sum") for name, value in sums.items()}

    def _heed(self, stop: _checkpoint.StopRequest) -> None:
        """Save and leave if any process was asked to."""
        asked = stop.asked()
        if self.fabric.world_size > 1:
            flag = torch.tensor(float(asked), device=self.fabric.device)
            asked = bool(self.fabric.all_reduce(flag, reduce_op="sum") > 0)
        if asked:
            self._save()
            raise _checkpoint.Interrupted(
                f"training: stopped by {stop.reason or 'another process'} in epoch {self.epoch + 1} after {self.step} "
                f"of {self.order.steps} steps; checkpoint in {self.directory}, the same command goes on from there"
            )

    def _save(self) -> None:
        sums = self._reduced(self.sums)
        if self.rank == 0:
            state = {
                "signature": _checkpoint.encode_signature(self.signature),
                "objective": self.objective.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state_dict() if self.average is not None else {},
                "scaler": self.fabric.strategy.precision.state_dict(),
                "progress": {"epoch": self.epoch, "step": self.step, "sums": sums, "history": self.history},
                "best": {"epoch": self.best_epoch, "score": self.best_score, "state": self.best_state},
            }
            _checkpoint.write(self.directory, state)
        self.fabric.barrier()

    def resume(self) -> None:
        """Take over the state of an interrupted run, where there is one."""
        state = _checkpoint.read(self.directory, self.signature)
        if state is None:
            return
        try:
            self.objective.load_state_dict(state["objective"])
        except RuntimeError as error:
            problem = str(error).splitlines()[-1].strip()
            raise PipelineError(f"{self.directory}: checkpoint of another network ({problem}); remove it") from None
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.fabric.strategy.precision.load_state_dict(state["scaler"])
        progress, best = state["progress"], state["best"]
        self.epoch, self.step, self.history = progress["epoch"], progress["step"], progress["history"]
        share = 1.0 if self.rank == 0 else 0.0  # the sums are those of all processes
        self.sums = {name: value.to(self.fabric.device) * share for name, value in progress["sums"].items()}
        self.best_epoch, self.best_score, self.best_state = best["epoch"], best["score"], best["state"]

    def finish(self) -> FitResult:
        """Put the best weights into the network."""
        self.objective.to("cpu")
        self.objective.network.load_state_dict(self.best_state)
        self.objective.network.eval()
        stopped = self.epoch < self.settings.epochs
        return FitResult(copy.deepcopy(self.history), self.best_epoch, self.best_score, stopped)


def _add(sums: dict[str, torch.Tensor], terms: dict[str, torch.Tensor], weight: int) -> None:
    """Add a batch's means, times its weight, in double precision."""
    weighted = {name: value.detach().double() * weight for name, value in terms.items()}
    weighted["weight"] = torch.tensor(float(weight), dtype=torch.float64, device=terms["loss"].device)
    for name, value in weighted.items():
        sums[name] = sums[name] + value if name in sums else value


def _groups(objective: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and kernels decay; biases, norms and scales do not."""
    parameters = [p for p in objective.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
