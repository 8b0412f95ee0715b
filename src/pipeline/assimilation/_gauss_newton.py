"""Incremental minimisation (Courtier, Thepaut and Hollingsworth 1994): Gauss-Newton around conjugate gradients.

With the preconditioned control vector J(v) = 1/2 v^T v + 1/2 f^T f, f(v) = R^-1/2 (y - H(x(v))), each outer loop solves

    (I + F^T F) s = -(v + F^T f),   F = df/dv,

by products with F (forward mode) and F^T (reverse mode) alone, then takes v + s, or less where J would not fall. For
linear operators one outer loop is the Kalman analysis; a nearly affine decoder needs two or three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipeline.assimilation._cost import Cost
from pipeline.assimilation._minimizers import Minimum, Record

OUTER_LOOPS = 10
HALVINGS = 8


@dataclass(frozen=True)
class GaussNewton:
    """Gauss-Newton with an inner conjugate gradient.

    Attributes:
        iterations: of the inner loop, at most, over all outer loops.
        tolerance: end when the gradient's norm has fallen to this share of the first; also that of the inner loop.
    """

    iterations: int
    tolerance: float

    def __call__(self, cost: Cost, v: torch.Tensor) -> Minimum:
        record = Record.start(v)
        v, j = v.detach(), record.add(v, *cost(v))
        spent, used = 0, torch.zeros_like(j, dtype=torch.int64)
        first = None
        with sdpa_kernel(SDPBackend.MATH):  # the fused attention kernels have no forward mode
            for _ in range(OUTER_LOOPS):
                f, transposed = torch.func.vjp(cost.normalized_departure, v)
                gradient = v + transposed(f)[0]
                norm = gradient.norm(dim=-1, keepdim=True)
                first = norm if first is None else first
                active = norm > self.tolerance * first
                if spent >= self.iterations or not bool(active.any()):
                    break
                product = self._product(cost, v, transposed)
                wanted = torch.where(active, -gradient, 0.0)
                s, count = conjugate_gradient(product, wanted, self.iterations - spent, self.tolerance)
                spent, used = spent + int(count.max()), used + count
                v, j, moved = self._advance(cost, record, v, s, j)
                if not bool(moved.any()):
                    break
        return record.minimum(used)

    def _product(self, cost: Cost, v: torch.Tensor, transposed: Callable) -> Callable[[torch.Tensor], torch.Tensor]:
        """p to (I + F^T F) p."""

        def product(p: torch.Tensor) -> torch.Tensor:
            return p + transposed(torch.func.jvp(cost.normalized_departure, (v,), (p,))[1])[0]

        return product

    def _advance(
        self, cost: Cost, record: Record, v: torch.Tensor, s: torch.Tensor, j: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """v + s / 2^h with the first h for which J does not grow beyond rounding; else v."""
        rounding = 8 * torch.finfo(j.dtype).eps * j.abs()
        share = torch.ones_like(j)
        for _ in range(HALVINGS):
            trial = v + share[..., None] * s
            j_trial = record.add(trial, *cost(trial))
            falls = j_trial <= j + rounding
            if bool(falls.all()):
                break
            share = torch.where(falls, share, 0.5 * share)
        v = torch.where(falls[..., None], trial, v)
        return v, torch.where(falls, j_trial, j), falls & (s != 0).any(-1)


def conjugate_gradient(
    product: Callable[[torch.Tensor], torch.Tensor], b: torch.Tensor, iterations: int, tolerance: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Solve A x = b for each row of `b` (batch, m), A symmetric and positive.

    Returns:
        x, and the iterations each row took until |b - A x| <= tolerance |b|.
    """
    x, r, p = torch.zeros_like(b), b, b
    rr = (r * r).sum(-1, keepdim=True)
    target, count = tolerance**2 * rr, torch.zeros(b.shape[:-1], dtype=torch.int64, device=b.device)
    for _ in range(iterations):
        active = rr > target
        if not bool(active.any()):
            break
        count += active[..., 0]
        a_p = product(p)
        alpha = torch.where(active, rr / (p * a_p).sum(-1, keepdim=True), 0.0)
        x, r = x + alpha * p, r - alpha * a_p
        before, rr = rr, (r * r).sum(-1, keepdim=True)
        p = torch.where(active, r + rr / before * p, p)
    return x, count
