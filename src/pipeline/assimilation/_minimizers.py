"""Minimisation of J_b + J_o over batches; the best iterate is kept, which the last one need not be.

Each element of a batch has its own step size and its own end, so that its analysis does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

CostFunction = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Minimum:
    """Outcome of a minimisation.

    Attributes:
        v: the best iterate, (batch, m).
        background, observation: J_b and J_o at each evaluation, (evaluation, batch).
        iterations: evaluations until each element ended, (batch,).
    """

    v: torch.Tensor
    background: torch.Tensor
    observation: torch.Tensor
    iterations: torch.Tensor

    @classmethod
    def joined(cls, parts: Sequence[Minimum]) -> Minimum:
        """Parts of a batch as one; the last costs of those that ended earlier are repeated."""
        length = max(len(part.background) for part in parts)
        return cls(
            torch.cat([part.v for part in parts]),
            torch.cat([_extended(part.background, length) for part in parts], dim=1),
            torch.cat([_extended(part.observation, length) for part in parts], dim=1),
            torch.cat([part.iterations for part in parts]),
        )


@dataclass
class Record:
    """Costs seen so far and the best control vector of each element."""

    v: torch.Tensor
    best: torch.Tensor
    background: list[torch.Tensor]
    observation: list[torch.Tensor]

    @classmethod
    def start(cls, v: torch.Tensor) -> Record:
        return cls(v.clone(), torch.full(v.shape[:-1], torch.inf).to(v), [], [])

    def add(self, v: torch.Tensor, j_b: torch.Tensor, j_o: torch.Tensor) -> torch.Tensor:
        """Record an evaluation; returns J."""
        self.background.append(j_b.detach())
        self.observation.append(j_o.detach())
        j = self.background[-1] + self.observation[-1]
        better = j <= self.best  # a tie goes to the later iterate, whose gradient is the smaller
        self.v = torch.where(better[..., None], v.detach(), self.v)
        self.best = torch.where(better, j, self.best)
        return j

    def minimum(self, iterations: torch.Tensor) -> Minimum:
        return Minimum(self.v, torch.stack(self.background), torch.stack(self.observation), iterations)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015), for decoders that are not linear.

    Attributes:
        iterations: at most.
        learning_rate: first step size, in units of the control vector.
        patience: halve the step after so many iterations without gain.
        stop: end after so many iterations without gain.
        gain: relative decrease of J that counts as a gain.
    """

    iterations: int
    learning_rate: float
    patience: int
    stop: int
    gain: float = 1e-4
    decay: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def __call__(self, cost: CostFunction, v: torch.Tensor) -> Minimum:
        record = Record.start(v)
        m, s = torch.zeros_like(v), torch.zeros_like(v)
        rate = torch.full_like(v[..., :1], self.learning_rate)
        level, idle = torch.full_like(record.best, torch.inf), torch.zeros_like(record.best, dtype=torch.int64)
        ended = torch.zeros_like(idle, dtype=torch.bool)
        iterations = torch.zeros_like(idle)
        for k in range(self.iterations + 1):
            v = v.detach().requires_grad_()
            with torch.enable_grad():
                j_b, j_o = cost(v)
                gradient = None if k == self.iterations else torch.autograd.grad((j_b + j_o).sum(), v)[0]
            j = record.add(v, j_b, j_o)
            gained = j < level - self.gain * level.abs().nan_to_num(posinf=0.0)
            level, idle = torch.where(gained, j, level), torch.where(gained, 0, idle + 1)
            ended |= (idle >= self.stop) | ~torch.isfinite(j)
            if gradient is None or bool(ended.all()):
                break
            iterations += ~ended
            halve = (idle > 0) & (idle % self.patience == 0)
            rate = torch.where(halve[..., None], 0.5 * rate, rate)
            m, s = m.lerp(gradient, 1 - self.decay[0]), s.lerp(gradient**2, 1 - self.decay[1])
            m_hat, s_hat = m / (1 - self.decay[0] ** (k + 1)), s / (1 - self.decay[1] ** (k + 1))
            step = rate * m_hat / (s_hat.sqrt() + self.epsilon)
            v = torch.where(ended[..., None], v, v - step)
        return record.minimum(iterations)


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS with a strong Wolfe line search, for convex costs; `v` is one element, (1, m).

    Attributes:
        iterations: at most.
        tolerance: end when no element of the gradient exceeds this share of the first gradient's largest; below
            about 1e-6 rounding in J stops the line search first.
        memory: pairs of steps and gradients kept.
    """

    iterations: int
    tolerance: float
    memory: int = 20

    def __call__(self, cost: CostFunction, v: torch.Tensor) -> Minimum:
        record = Record.start(v)
        v = v.detach().clone().requires_grad_()

        def evaluate() -> torch.Tensor:
            with torch.enable_grad():
                j_b, j_o = cost(v)
                v.grad = torch.autograd.grad((j_b + j_o).sum(), v)[0]
            return record.add(v, j_b, j_o).sum()

        evaluate()
        optimizer = torch.optim.LBFGS(
            [v],
            max_iter=self.iterations,
            max_eval=4 * self.iterations,
            tolerance_grad=self.tolerance * float(v.grad.abs().max()),
            tolerance_change=0.0,
            history_size=self.memory,
            line_search_fn="strong_wolfe",
        )
        optimizer.step(evaluate)
        return record.minimum(torch.tensor([len(record.background) - 1], device=v.device))


def _extended(values: torch.Tensor, length: int) -> torch.Tensor:
    return torch.cat([values, values[-1:].expand(length - len(values), -1)])
