"""A parameterization learnt while the model runs: the callback sees what a Fortran routine computes and learns it.

    learner = OnlineLearner(network, inputs=1)           # y = N(x), standardized
    model.register("learn", learner)                     # Fortran: call callback_call('learn', [.. x .., .. y ..], rc)
    while learner.skill < 0.9:
        model.tool_step()
    model.register("subgrid", learner.emulator())        # from now on in place of the routine

Samples are scored before they are learned, so that the skill is that on data the network has not seen,

    skill = 1 - E[(y - N(x))^2] / Var[y],    over the latest `window` samples.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from pipeline.bridge.networks import NetworkCallback, columns_of
from pipeline.bridge.networks_loading import dtype_of

if TYPE_CHECKING:
    from mpi4py import MPI


class Standardized(nn.Module):
    """N(x) = m_y + s_y n((x - m_x) / s_x): a network that sees and gives numbers of order one."""

    def __init__(self, network: nn.Module, inputs: int, outputs: int):
        super().__init__()
        self.network = network
        dtype = dtype_of(network)
        for name, size in (("x", inputs), ("y", outputs)):
            self.register_buffer(f"mean_{name}", torch.zeros(size, dtype=dtype))
            self.register_buffer(f"scale_{name}", torch.ones(size, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Columns (n, inputs) to (n, outputs)."""
        return self.mean_y + self.scale_y * self.network((x - self.mean_x) / self.scale_x)


class OnlineLearner:
    """A callback that learns its output arrays from its input arrays.

    Args:
        network: (n, inputs) to (n, outputs); trained in place.
        inputs: number of input arrays; the others are what is to be learned.
        features: see `NetworkCallback`.
        comm: with it the ranks learn one network together: gradients are averaged, and every call is collective. Each
            rank has to bring the same number of columns.
        warmup: columns (of each rank) that means and scales are taken from before anything is learned.
        capacity: columns that are remembered; a batch is drawn from them, so that the latest do not outweigh the rest.
        batch, updates: columns per gradient step; steps per call.
        learning_rate: of Adam.
        window: columns that the skill is taken over.
        seed: of what is drawn.

    Attributes:
        samples: columns seen so far on this rank.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: int = 1,
        features: str = "first",
        comm: MPI.Comm | None = None,
        warmup: int = 1000,
        capacity: int = 50_000,
        batch: int = 256,
        updates: int = 1,
        learning_rate: float = 1e-3,
        window: int = 4000,
        seed: int = 0,
    ):
        self.network, self.inputs, self.features = network, inputs, features
        self.warmup, self.capacity, self.batch, self.updates, self.window = warmup, capacity, batch, updates, window
        self.samples = 0
        self._comm = comm if comm is not None and comm.Get_size() > 1 else None
        self._model: Standardized | None = None
        self._optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        self._generator = torch.Generator().manual_seed(seed)
        self._errors: list[np.ndarray] = []  # squared errors and values of each call, for the skill
        if self._comm:
            for parameter in network.parameters():
                self._comm.Bcast(parameter.data.numpy())

    def __call__(self, *arrays: np.ndarray) -> None:
        """What Fortran calls, with inputs and what its own routine made of them."""
        columns = columns_of(arrays, self.features)
        x, y = self._tensor(columns[: self.inputs]), self._tensor(columns[self.inputs :])
        if self._model is None:
            self._begin(x.shape[1], y.shape[1])
        if self.samples >= self.warmup:
            self._score(x, y)
        self._remember(x, y)
        if self.samples >= self.warmup:
            if self.samples - len(x) < self.warmup:
                self._standardize()
            for _ in range(self.updates):
                self._learn()

    @property
    def skill(self) -> float:
        """1 - mean squared error / variance of the latest samples before they were learned; -inf before there are any.

        Of this rank's samples alone.
        """
        if sum(len(e) for e in self._errors) < self.window:
            return -np.inf
        error, value = np.concatenate(self._errors)[-self.window :].transpose(1, 0, 2)
        return float(1.0 - error.mean() / value.var(axis=0).mean())

    def emulator(self, **options) -> NetworkCallback:
        """A callback that writes what the network gives, as learned so far; `options` of `NetworkCallback`."""
        frozen = copy.deepcopy(self._model).requires_grad_(False).eval()
        return NetworkCallback(frozen, inputs=self.inputs, features=self.features, **options)

    def _begin(self, inputs: int, outputs: int) -> None:
        self._model = Standardized(self.network, inputs, outputs)
        dtype = dtype_of(self.network)
        self._x = torch.empty(self.capacity, inputs, dtype=dtype)
        self._y = torch.empty(self.capacity, outputs, dtype=dtype)

    def _tensor(self, columns: Sequence[np.ndarray]) -> torch.Tensor:
        """A copy: Fortran's memory is its own again after the call."""
        return torch.from_numpy(np.concatenate(columns, axis=1)).to(dtype_of(self.network))

    @torch.no_grad()
    def _score(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self._errors.append(torch.stack([(y - self._model(x)) ** 2, y], dim=1).numpy())
        while sum(len(e) for e in self._errors[1:]) >= self.window:
            self._errors.pop(0)

    def _remember(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """The latest `capacity` columns, in a ring."""
        place = (self.samples + torch.arange(len(x))) % self.capacity
        self._x[place], self._y[place] = x, y
        self.samples += len(x)

    def _standardize(self) -> None:
        known = min(self.samples, self.capacity)
        for name, values in (("x", self._x[:known]), ("y", self._y[:known])):
            moments = self._average(torch.stack([values.mean(0), (values**2).mean(0)]))
            getattr(self._model, f"mean_{name}").copy_(moments[0])
            spread = (moments[1] - moments[0] ** 2).clamp_min(0.0).sqrt()
            getattr(self._model, f"scale_{name}").copy_(torch.where(spread > 0, spread, 1.0))

    def _learn(self) -> None:
        known = min(self.samples, self.capacity)
        drawn = torch.randint(known, (min(self.batch, known),), generator=self._generator)
        loss = (((self._model(self._x[drawn]) - self._y[drawn]) / self._model.scale_y) ** 2).mean()
        self._optimizer.zero_grad()
        loss.backward()
        if self._comm:
            self._share_gradients()
        self._optimizer.step()

    def _share_gradients(self) -> None:
        """Average over the ranks, in one message."""
        gradients = [parameter.grad for parameter in self.network.parameters()]
        together = self._average(torch.cat([g.reshape(-1) for g in gradients]))
        for gradient, part in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.reshape(gradient.shape))

    def _average(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over the ranks."""
        if not self._comm:
            return values
        total = np.empty_like(values.numpy())
        self._comm.Allreduce(np.ascontiguousarray(values.numpy()), total)
        return torch.from_numpy(total / self._comm.Get_size())
