"""Observations along a forecast: G(x_0) = [H_i(M_(0->i)(x_0))]_i, the operator that makes a 3D analysis a 4D one.

The adjoint is autograd's. With checkpoints the graph of one segment exists at a time: what is stored is the state at
each segment's start, and a segment is integrated again when its adjoint is needed (Griewank and Walther 2000).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from pipeline.assimilation.base import ObservationOperator, OperatorFactory
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.spaces import Space


class ForecastModel(Protocol):
    """M, in PyTorch.

    Attributes:
        seconds: what one step advances [s].
    """

    seconds: int

    def step(self, x: torch.Tensor) -> torch.Tensor:
        """The state (..., n) one step later, differentiable."""


class Trajectory:
    """G for one window.

    Args:
        model: M.
        operator: makes H_i of (space, observations at one time).
        space: what the elements of the state are.
        observations: their times, less `begin`, are rounded to the nearest step.
        begin: the model clock at x_0 [s].
        window: the last time that is allowed, from `begin` [s].
        checkpoint: steps per checkpointed segment; 0 keeps the whole graph.

    Attributes:
        observations: those that some H_i can represent, in order of time.
    """

    def __init__(
        self,
        model: ForecastModel,
        operator: OperatorFactory,
        space: Space,
        observations: Observations,
        begin: int = 0,
        window: int | None = None,
        checkpoint: int = 0,
    ) -> None:
        _refuse_outside(observations, begin, window)
        self.model, self.checkpoint = model, checkpoint
        steps = np.rint((observations.time - begin) / model.seconds).astype(int)
        made = {int(k): operator(space, observations.where(steps == k)) for k in np.unique(steps)}
        self.slots: dict[int, ObservationOperator] = {k: h for k, h in made.items() if len(h.observations)}
        self.observations = Observations.concatenate(h.observations for h in self.slots.values())

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """States x_0 (..., n) to what would be measured along their forecasts, (..., p)."""
        seen, now = [], 0
        for step, operator in self.slots.items():
            x, now = self._advance(x, step - now), step
            seen.append(operator(x))
        return torch.cat(seen, dim=-1)

    def _advance(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        length = self.checkpoint or steps
        for done in range(0, steps, max(length, 1)):
            count = min(length, steps - done)
            x = _Segment.apply(self._integrate, count, x) if self.checkpoint else self._integrate(x, count)
        return x

    def _integrate(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        for _ in range(steps):
            x = self.model.step(x)
        return x


class _Segment(torch.autograd.Function):
    """`steps` steps whose graph is not kept; tangent and adjoint integrate again."""

    @staticmethod
    def forward(integrate: Callable, steps: int, x: torch.Tensor) -> torch.Tensor:
        return integrate(x, steps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
        integrate, steps, x = inputs
        ctx.run = lambda state: integrate(state, steps)
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, adjoint: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, torch.func.vjp(ctx.run, ctx.saved_tensors[0])[1](adjoint)[0]

    @staticmethod
    def jvp(ctx: Any, _integrate: None, _steps: None, tangent: torch.Tensor) -> torch.Tensor:
        return torch.func.jvp(ctx.run, (ctx.saved_tensors[0],), (tangent,))[1]


def _refuse_outside(observations: Observations, begin: int, window: int | None) -> None:
    late = observations.time - begin
    outside = (late < 0) | (late > (np.inf if window is None else window))
    if outside.any():
        k = int(outside.argmax())
        limit = "the window's end" if window is None else f"{window} s"
        raise PipelineError(
            f"assimilation/four_d_var: {int(outside.sum())} observations are outside the window, the first "
            f"{int(late[k])} s after the background; give those from 0 to {limit} and the background's `time`"
        )
