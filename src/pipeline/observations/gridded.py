"""Observations on the cells of a state: what an observation-to-latent network sees.

Reports in one cell are averaged by their variances, sigma_c^-2 = sum sigma_p^-2, y_c = sigma_c^2 sum sigma_p^-2 y_p.
The quality of a cell, min(1, nominal / sigma_c), is 0 where nothing was observed, 1 where the error is at most the
nominal one, and falls as the error grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.operators import bilinear
from pipeline.spaces import Space


@dataclass(frozen=True)
class Gridded:
    """Observations by element of a state.

    Attributes:
        cells: elements that were observed, (c,), ascending.
        value, error, quality: of those, (c,), float64.
        count: reports used.
    """

    cells: torch.Tensor
    value: torch.Tensor
    error: torch.Tensor
    quality: torch.Tensor
    count: int

    @classmethod
    def of(cls, space: Space, observations: Observations, nominal: Mapping[str, float]) -> Gridded:
        """Observations that the space can represent, each in the unmasked cell nearest to it.

        Args:
            space: what the elements of the state are.
            observations: those of a variable without a nominal error are refused.
            nominal: variable -> standard deviation of error at quality 1.
        """
        cell = np.full(len(observations), -1, dtype=np.int64)
        reference = np.ones(len(observations))
        for component in space.components:
            for variable in set(component.variables) & set(observations.variable.tolist()):
                if variable not in nominal:
                    known = ", ".join(nominal)
                    raise PipelineError(f"gridded observations: no nominal error of {variable}; there is {known}")
                rows = np.flatnonzero(observations.variable == variable)
                cells, weight = bilinear(component.grid, observations.lat[rows], observations.lon[rows])
                nearest = cells[np.arange(len(rows)), weight.argmax(axis=1)]
                usable = weight.sum(axis=1) > 0
                cell[rows[usable]] = space.index(variable).start + nearest[usable]
                reference[rows] = nominal[variable]
        kept = cell >= 0
        return cls._averaged(cell[kept], observations.value[kept], observations.error[kept], reference[kept])

    @classmethod
    def _averaged(cls, cell: np.ndarray, value: np.ndarray, error: np.ndarray, nominal: np.ndarray) -> Gridded:
        cells, first, into = np.unique(cell, return_index=True, return_inverse=True)
        precision = np.bincount(into, error**-2.0, len(cells))
        mean = np.bincount(into, value * error**-2.0, len(cells)) / precision
        sigma = precision**-0.5
        quality = np.minimum(1.0, nominal[first] / sigma)
        return cls(*(torch.from_numpy(a) for a in (cells, mean, sigma, quality)), count=len(cell))

    def fields(self, value: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (..., c) and their quality spread over vectors (..., size), zero where nothing was observed."""
        cells = self.cells.to(value.device)
        y = value.new_zeros(*value.shape[:-1], size).index_copy(-1, cells, value)
        m = value.new_zeros(size).index_copy(-1, cells, self.quality.to(value))
        return y, m.expand_as(y)
