"""Climatological B from differences d of encoded states (NMC method, Parrish and Derber 1992), read from background.nc:

    B = inflation (diag(delta) + U U^T),    delta + sum_k U_k^2 = var(d),

d = E(x_48h) - E(x_24h) between forecasts valid at the same time, or d = E(x_(t+lag)) - E(x_t) along one run.
`background_statistics` gathers d and writes the file; with rank 0 only the variance is used, the papers' choice.
"""

from __future__ import annotations

from pathlib import Path

import torch
import xarray as xr

from pipeline.covariances._low_rank import LowRankUpdate
from pipeline.covariances.base import Composite
from pipeline.covariances.diagonal import Diagonal
from pipeline.errors import PipelineError
from pipeline.netcdf import read


class Nmc(Composite):
    """Diagonal, or diagonal plus low rank, from the file of background error statistics.

    Args:
        file: NetCDF file or dataset with `variance (latent)`, and for a rank above 0 `diagonal (latent)` and
            `factor (rank, latent)`.
        rank: number of directions U; 0 for a diagonal B, None for all in the file.
        inflation: factor on the variance.
    """

    def __init__(self, file: str | Path | xr.Dataset, rank: int | None = 0, inflation: float = 1.0) -> None:
        super().__init__()
        if not inflation > 0:
            raise PipelineError(f"covariances/nmc: inflation {inflation} must be positive")
        dataset = read(file, "variance", "diagonal", "factor")
        available = dataset.sizes["rank"]
        rank = available if rank is None else rank
        if not 0 <= rank <= available:
            raise PipelineError(f"covariances/nmc: rank {rank} is outside 0..{available}, what the file holds")
        variance = torch.as_tensor(dataset["variance"].values.copy())
        if rank == 0:
            self.total = Diagonal((inflation * variance).sqrt())
            return
        factor = torch.as_tensor(dataset["factor"].values[:rank].copy())
        rest = variance - (factor**2).sum(0)  # the directions left out keep their variance, not their correlations
        delta = torch.maximum(rest, torch.as_tensor(dataset["diagonal"].values.copy()))
        self.total = LowRankUpdate(Diagonal((inflation * delta).sqrt()), inflation**0.5 * factor)
