"""Random numbers of one or several experiments side by side, each from its own seed.

An experiment's numbers do not depend on its neighbours in the batch, nor on the device.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipeline.errors import PipelineError


class Random:
    """Streams of normal numbers.

    Args:
        seeds: one for the whole tensor, or one per element of its first axis.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

    def normal(self, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Independent N(0, 1) in a shape, on the device and in the precision of a tensor."""
        if len(self.generators) == 1:
            return torch.randn(*shape, generator=self.generators[0], dtype=like.dtype).to(like.device)
        if shape[0] != len(self.generators):
            raise PipelineError(f"random: {len(self.generators)} seeds for a batch of {shape[0]}")
        drawn = [torch.randn(*shape[1:], generator=g, dtype=like.dtype) for g in self.generators]
        return torch.stack(drawn).to(like.device)

    def centred(self, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """N(0, 1) less its mean over the last axis but one, the members; the sample variance is 1 in expectation."""
        drawn = self.normal(shape, like)
        return drawn - drawn.mean(-2, keepdim=True)

    def rotation(self, count: int, lead: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Random orthogonal matrices (..., N, N) that keep the mean: Omega 1 = 1 (Sakov and Oke 2008b, section 4)."""
        q, r = torch.linalg.qr(self.normal((*lead, count - 1, count - 1), like))
        q = q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)  # uniform over the orthogonal group
        basis = mean_free_basis(count, like)
        return basis @ q @ basis.T + 1.0 / count


def mean_free_basis(count: int, like: torch.Tensor) -> torch.Tensor:
    """Orthonormal columns orthogonal to the vector of ones, (N, N-1): Householder's reflection of e_1 onto it."""
    v = torch.full((count,), count**-0.5, dtype=like.dtype, device=like.device)
    v[0] += 1.0
    reflection = torch.eye(count).to(like) - 2.0 / (v @ v) * torch.outer(v, v)
    return reflection[:, 1:]
