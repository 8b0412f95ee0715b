"""Observations as a latent vector with an error covariance: z_o = O(y, m), R = cov(z_o - E(x)).

One observer for one observing system; an analysis fuses several. R is climatological, of the members of the day, or
blended, as its covariance says: e_k = O(H x_k + eps, m) - E(x_k), with the network, the stations and the errors that
this analysis has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import nn

from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.networks import load_network, read_model
from pipeline.normalization import Normalization
from pipeline.observations import Observations
from pipeline.observations.gridded import Gridded
from pipeline.spaces import Space


class LatentObserver(nn.Module):
    """O with its R.

    Args:
        network: directory of a trained `o2lnet`, or the network itself, `network(y, m) -> z` on normalized vectors.
        covariance: R in latent space; its variances are used.
        space: what the elements of the state are.
        nominal: variable -> standard deviation of the observation error at quality 1, that of the training.
        normalization: of the network's inputs; a directory brings its own.
        variables: what this observing system measures; all that have a nominal error by default.
        seed: of the errors drawn for R of the day.
        climate: NetCDF file or dataset with `mean (latent)` and `variance (latent)` of E(x), which `likelihood` takes
            out of z_o. Without it z_o stands as it is, as published.
    """

    def __init__(
        self,
        network: str | Path | nn.Module,
        covariance: Covariance,
        space: Space,
        nominal: Mapping[str, float],
        normalization: Normalization | None = None,
        variables: Sequence[str] | None = None,
        seed: int = 0,
        climate: str | Path | xr.Dataset | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            directory, network = network, load_network(network, space)
            description = read_model(directory)["normalization"]
            normalization = Normalization.from_description(description, space, f"{directory}: normalization")
        if normalization is None:
            raise PipelineError("observations/latent_observer: normalization is missing; give that of the training")
        self.network = network.eval().requires_grad_(False)
        self.covariance, self.space, self.normalization = covariance, space, normalization
        self.nominal, self.seed = dict(nominal), seed
        self.variables = tuple(variables if variables is not None else self.nominal)
        self.climate = None
        if climate is not None:
            found = read(climate, "mean", "variance")
            self.climate = tuple(torch.as_tensor(found[name].values.copy()) for name in ("mean", "variance"))

    def gridded(self, observations: Observations, background: torch.Tensor | None = None) -> Gridded:
        """Those that this observer sees and that are not withheld, carried to cells by a background (..., n)."""
        own = np.isin(observations.variable, self.variables) & ~observations.withheld
        return Gridded.of(self.space, observations.where(own), self.nominal, background)

    @torch.no_grad()
    def encode(
        self, seen: Gridded, value: torch.Tensor | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """z_o (..., m) of values (..., c) at the observed cells, by default the observed ones."""
        value = seen.value if value is None else value
        value = value.to(like) if like is not None else value
        y, m = seen.fields(value, self.space.size)
        return self.network(torch.where(m > 0, self.normalization.normalize(y), 0.0), m)

    def likelihood(self, z: torch.Tensor, variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the observations alone say, (z, variance) (..., m), of z_o and R.

            1/R_l = 1/R - 1/C,    z_l = R_l (z_o/R - c/C),    E(x) ~ N(c, C) over the climate

        A network trained by least squares returns the mean of E(x) given y, which holds the climate as its prior: where
        little was observed it is the climate's mean, with R near C. To fuse that with a background counts the climate
        as an observation, anew at every cycle. Where R >= C nothing was learnt: R_l is infinite.
        """
        if self.climate is None:
            return z, variance
        c, climate = (x.to(z) for x in self.climate)
        precision = (1 / variance - 1 / climate).clamp_min(0.0)
        shifted = (z / variance - c / climate) / precision
        return torch.where(precision > 0, shifted, z), 1 / precision

    @torch.no_grad()
    def errors(self, seen: Gridded, members: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
        """e_k (K, m) of members (K, n), physical units, whose E(x_k) are `encoded` (K, m); H picks the cells seen."""
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(len(members), len(seen.cells), generator=generator, dtype=torch.float64).to(members)
        value = members[:, seen.cells.to(members.device)] + seen.error.to(members) * noise
        return self.encode(seen, value) - encoded
