"""A network that sees what it is shown, and observations at the centres of cells: with them HLOBA is linear."""

from __future__ import annotations

import numpy as np
import torch
from stand_ins import small_space
from torch import nn

from pipeline.observations import Observations

SPACE = small_space()
NOMINAL = {"ps": 80.0, "ta": 0.6, "sst": 0.3, "ssh": 0.02}


class Units:
    """Physical units are the network's."""

    def normalize(self, x):
        return x

    def denormalize(self, x):
        return x


class Passes(nn.Module):
    """O(y, m) = y: with the identity for E and D, latent space is model space."""

    def forward(self, y, m):
        return y


def at_cells(
    x: torch.Tensor, share: float = 1.0, factor: float = 1.0, seed: int = 0, noise: float = 1.0
) -> Observations:
    """One noisy report at the centre of a share of the unmasked cells, of every variable."""
    rng, rows = np.random.default_rng(seed), []
    for c in SPACE.components:
        for name in c.variables:
            j, i = np.nonzero(c.grid.mask & (rng.random(c.grid.shape) < share))
            sigma = factor * NOMINAL[name] * np.ones(len(j))
            value = x[SPACE.index(name)].numpy().reshape(c.grid.shape)[j, i] + noise * sigma * rng.standard_normal(
                len(j)
            )
            zero = np.zeros(len(j))
            rows.append(Observations(zero, np.full(len(j), name), c.grid.lat[j], c.grid.lon[i], value, sigma, zero))
    return Observations.concatenate(rows)
