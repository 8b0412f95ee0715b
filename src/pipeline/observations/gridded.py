"""Observations on the cells of a state: what an observation-to-latent network sees.

A report p stands beside the centre of its cell c, and H interpolates. With a background its innovation is carried there
and the background says the rest; reports in one cell are averaged by their variances:

    y_pc = y_p + x_b(c) - (H x_b)_p,     sigma_c^-2 = sum sigma_p^-2,     y_c = sigma_c^2 sum sigma_p^-2 y_pc

What is left of the move is that of the background's error, e_b(c) - (H e_b)_p, which sigma does not hold. The quality
of a cell, min(1, nominal / sigma_c), is 0 where nothing was observed, 1 where the error is at most the nominal one, and
falls as the error grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Space


@dataclass(frozen=True)
class Gridded:
    """Observations by element of a state.

    Attributes:
        cells: elements that were observed, (c,), ascending.
        value: at those, (..., c) for a background (..., n), (c,) without; physical units, float64.
        error, quality: of those, (c,), float64.
        count: reports used.
    """

    cells: torch.Tensor
    value: torch.Tensor
    error: torch.Tensor
    quality: torch.Tensor
    count: int

    @classmethod
    def of(
        cls,
        space: Space,
        observations: Observations,
        nominal: Mapping[str, float],
        background: torch.Tensor | None = None,
    ) -> Gridded:
        """Observations that the space can represent, each in the unmasked cell of most weight in its H.

        Args:
            space: what the elements of the state are.
            observations: those of a variable without a nominal error are refused.
            nominal: variable -> standard deviation of error at quality 1.
            background: x_b (..., n), physical units, by which reports are carried to the centres of their cells;
                without it they are moved as they are, which is right where all stand at centres.

        Raises:
            PipelineError: a variable has no nominal error.
        """
        H = Interpolation(space, observations)
        kept = H.observations
        if missing := sorted(set(kept.variable.tolist()) - set(nominal)):
            known = ", ".join(nominal)
            raise PipelineError(f"gridded observations: no nominal error of {missing[0]}; there is {known}")
        cell = H.index.gather(1, H.weight.argmax(1, keepdim=True))[:, 0]
        value = torch.from_numpy(kept.value)
        if background is not None:
            x_b = background.double()
            value = value + (x_b[..., cell.to(x_b.device)] - H(x_b)).cpu()
        reference = torch.tensor([nominal[name] for name in kept.variable.tolist()], dtype=torch.float64)
        return cls._averaged(cell, value, torch.from_numpy(kept.error), reference)

    @classmethod
    def _averaged(cls, cell: torch.Tensor, value: torch.Tensor, error: torch.Tensor, nominal: torch.Tensor) -> Gridded:
        """Reports (..., p) in cells (p,) with errors and nominal errors (p,)."""
        cells, into = cell.unique(return_inverse=True)
        weight = error**-2.0
        precision = weight.new_zeros(len(cells)).index_add(0, into, weight)
        mean = value.new_zeros(*value.shape[:-1], len(cells)).index_add(-1, into, value * weight) / precision
        sigma = precision**-0.5
        reference = nominal.new_zeros(len(cells)).index_copy(0, into, nominal)  # the same for all in a cell
        return cls(cells, mean, sigma, (reference / sigma).clamp(max=1.0), count=len(cell))

    def fields(self, value: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (..., c) and their quality spread over vectors (..., size), zero where nothing was observed."""
        cells = self.cells.to(value.device)
        y = value.new_zeros(*value.shape[:-1], size).index_copy(-1, cells, value)
        m = value.new_zeros(size).index_copy(-1, cells, self.quality.to(value))
        return y, m.expand_as(y)
