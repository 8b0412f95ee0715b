"""Statistics of differences d between encoded states in one pass over batches; nothing of size n x n is formed.

Variances are merged by the formula of Chan et al. (1983). The leading directions come from a sequential singular value
decomposition (Ross et al. 2008, 10.1007/s11263-007-0075-7): what is kept of the batches so far, the new batch and one
row for the shift of the mean are decomposed together. Directions and diagonal are split as in probabilistic principal
components (Tipping and Bishop 1999): with eigenvalues l_k and sigma^2 the mean of those left out,

    U_k = sqrt(l_k - sigma^2) q_k,    delta = var(d) - sum_k U_k^2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import pi, sqrt
from pathlib import Path

import torch
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.transforms.base import Transform

FLOOR = 1e-6
"""Smallest diagonal element as a share of the mean variance: a latent variable that never moves stays invertible."""

SPARE = 10
"""Directions kept beyond the rank, against the error of truncating after each batch."""


class Differences:
    """Mean, variance, leading directions and channel correlations of differences (..., n).

    Args:
        rank: directions wanted; 0 for none.
        channels: latent variables at one place, z ordered (channel, place); 1 leaves their correlations out.
    """

    def __init__(self, rank: int = 0, channels: int = 1) -> None:
        self.rank, self.channels, self.count = rank, channels, 0

    def update(self, d: torch.Tensor) -> None:
        """Add differences (batch, n).

        Raises:
            PipelineError: one of them is not finite.
        """
        d = d.detach().double().cpu()
        if not len(d):
            return
        if not bool(torch.isfinite(d).all()):
            raise PipelineError("background error: a difference is not finite; look for damaged states or weights")
        if not self.count:
            self._start(d.shape[-1])
        mean, batch = d.mean(0), len(d)
        total = self.count + batch
        shift = sqrt(self.count * batch / total) * (mean - self.mean)
        rows = torch.cat([d - mean, shift[None]])  # rows^T rows: what this batch adds to sum (d - mean)(d - mean)^T
        self.squares += (rows**2).sum(0)
        if self.channels > 1:
            by_place = rows.reshape(len(rows), self.channels, -1).permute(2, 1, 0)
            self.products += by_place @ by_place.transpose(1, 2)
        if self.rank:
            self.basis = _leading(torch.cat([self.basis, rows]), self.rank + SPARE)
        self.mean += (mean - self.mean) * (batch / total)
        self.count = total

    def dataset(self, attributes: dict[str, str | int | float] | None = None) -> xr.Dataset:
        """The content of background.nc.

        Raises:
            PipelineError: fewer than two differences.
        """
        if self.count < 2:
            raise PipelineError(f"background error: {self.count} differences are too few; give a longer run")
        variance = self.squares / (self.count - 1)
        floor = FLOOR * variance.mean()
        if not floor > 0:
            raise PipelineError("background error: all differences are equal; the states do not change")
        factor = self._factor(variance)
        diagonal = (variance - (factor**2).sum(0)).clamp(min=floor)
        data = {
            "variance": ("latent", torch.maximum(variance, floor).numpy(), {"long_name": "variance of z"}),
            "diagonal": ("latent", diagonal.numpy(), {"long_name": "variance of z outside the directions"}),
            "factor": (("rank", "latent"), factor.numpy(), {"long_name": "directions scaled by standard deviation"}),
            "mean": ("latent", self.mean.numpy(), {"long_name": "mean difference, removed"}),
        }
        return xr.Dataset(data, attrs={"samples": self.count, **self._diagonality(), **(attributes or {})})

    def _start(self, size: int) -> None:
        if size % self.channels:
            raise PipelineError(f"background error: {self.channels} channels do not divide {size} latent variables")
        places = size // self.channels
        self.mean, self.squares = torch.zeros(size).double(), torch.zeros(size).double()
        self.basis = torch.zeros(0, size).double()
        if self.channels > 1:
            self.products = torch.zeros(places, self.channels, self.channels).double()

    def _factor(self, variance: torch.Tensor) -> torch.Tensor:
        """U^T, (rank, n), at most as many rows as there are directions in the sample."""
        if not self.rank:
            return variance.new_zeros(0, len(variance))
        scaled = self.basis[: self.rank] / sqrt(self.count - 1)
        eigenvalues = (scaled**2).sum(1)
        left_out = max(len(variance) - len(scaled), 1)
        sigma2 = ((variance.sum() - eigenvalues.sum()) / left_out).clamp(min=0)
        return scaled * ((eigenvalues - sigma2).clamp(min=0) / eigenvalues).sqrt()[:, None]

    def _diagonality(self) -> dict[str, float]:
        """Mean |correlation| between channels at the same place, beside what independent channels would show."""
        if self.channels == 1:
            return {}
        deviation = self.products.diagonal(dim1=1, dim2=2).sqrt()
        moving = (deviation > 0).all(1)
        correlation = (self.products / (deviation[:, :, None] * deviation[:, None, :]))[moving]
        pairs = ~torch.eye(self.channels, dtype=torch.bool)
        return {
            "mean_absolute_channel_correlation": float(correlation[:, pairs].abs().mean()),
            "mean_absolute_channel_correlation_of_noise": sqrt(2 / (pi * self.count)),
        }


def lagged(z: Iterable[torch.Tensor], lag: int) -> Iterable[torch.Tensor]:
    """Differences z_(t+lag) - z_t along one run without gaps, given in batches (batch, n) in order of time."""
    memory: deque[torch.Tensor] = deque(maxlen=lag)
    for batch in z:
        pairs = []
        for latest in batch:
            if len(memory) == lag:
                pairs.append(latest - memory[0])
            memory.append(latest)
        if pairs:
            yield torch.stack(pairs)


@torch.no_grad()
def lagged_states(transform: Transform, states: Iterable[torch.Tensor], lag: int) -> Iterable[torch.Tensor]:
    """Differences E(x_(t+lag)) - E(x_t) from batches of consecutive states (batch, n)."""
    yield from lagged((transform.encode(x) for x in states), lag)


@torch.no_grad()
def forecast_pairs(transform: Transform, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Iterable[torch.Tensor]:
    """Differences E(x_48h) - E(x_24h) from batches of (longer, shorter) forecasts valid at the same times."""
    for longer, shorter in pairs:
        yield transform.encode(longer) - transform.encode(shorter)


def _leading(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Rows s_k q_k of the leading right singular vectors, by the Gram matrix of the (few) rows."""
    eigenvalues, vectors = torch.linalg.eigh(rows @ rows.T)
    kept = vectors[:, -count:].flip(1)[:, eigenvalues[-count:].flip(0) > 1e-12 * eigenvalues[-1]]
    return kept.T @ rows


def write_background(
    path: str | Path,
    differences: Iterable[torch.Tensor],
    rank: int = 0,
    channels: int = 1,
    attributes: dict[str, str | int | float] | None = None,
) -> xr.Dataset:
    """Gather differences (batches of (batch, n)) and write background.nc, whole or not at all.

    Args:
        path: the file.
        differences: from `lagged_states` or `forecast_pairs`, or several of them in a row.
        rank, channels: see `Differences`; `transform.channels` is what an autoencoder has.
        attributes: how the differences were made, and the provenance.
    """
    statistics = Differences(rank, channels)
    for batch in differences:
        statistics.update(batch)
    dataset = statistics.dataset(attributes)
    with atomic(path) as partial:
        dataset.to_netcdf(partial, engine="netcdf4")
    return dataset
