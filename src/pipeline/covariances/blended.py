"""Variances element by element, of the climate, of the day, or a blend of both (HLOBA, Fan et al.):

    B = (1 - w) B_c + w B_e     diagonal;     B_e = 1/(K-1) sum_k (z_k - zbar)^2,   or   1/K sum_k e_k^2   (not centred)

It serves for B, where the members are encoded forecasts, and for R in latent space, where e_k = O(H x_k + eps) - E(x_k)
is the error of the observation-to-latent network in member k and counts with its mean. `weight: 0` is not changed by
an ensemble; `weight: 1` takes of the climate the floor alone. Until members come, as in the first K cycles of a
time-lagged ensemble, B is B_c whatever the weight; runs with a weight where none will ever come are refused.
"""

from __future__ import annotations

from pathlib import Path

import torch
import xarray as xr

from pipeline.covariances.base import Composite
from pipeline.covariances.diagonal import Diagonal
from pipeline.errors import PipelineError
from pipeline.netcdf import read


class Blended(Composite):
    """A diagonal covariance that may follow the flow.

    Args:
        file: NetCDF file or dataset with the climatological `variance (latent)`.
        weight: w, the share of the ensemble, 0 to 1.
        inflation: factor on the blended variance.
        centred: whether the members' mean is removed; not for R.
        floor: smallest ensemble variance of an element as a share of the climatological one. A few members have, by
            chance, almost none in some elements.
    """

    climate: torch.Tensor

    def __init__(
        self,
        file: str | Path | xr.Dataset,
        weight: float = 0.0,
        inflation: float = 1.0,
        centred: bool = True,
        floor: float = 0.01,
    ) -> None:
        super().__init__()
        if not 0 <= weight <= 1:
            raise PipelineError(f"covariances/blended: weight {weight} is outside 0..1")
        if not (inflation > 0 and floor > 0):
            raise PipelineError(f"covariances/blended: inflation {inflation} and floor {floor} must be positive")
        self.weight, self.inflation, self.centred, self.floor = weight, inflation, centred, floor
        self.register_buffer("climate", torch.as_tensor(read(file, "variance")["variance"].values.copy()))
        self.total = Diagonal((inflation * self.climate).sqrt())

    def with_members(self, members: torch.Tensor) -> Blended:
        """With the ensemble (K, m) of the day; itself where the weight is 0."""
        if self.weight == 0:
            return self
        if members.ndim != 2 or len(members) < 1 + self.centred:
            raise PipelineError(f"covariances/blended: members (member, latent) are too few: {tuple(members.shape)}")
        if not bool(torch.isfinite(members).all()):
            raise PipelineError("covariances/blended: a member is not finite; look for the forecast that failed")
        day = members.var(0) if self.centred else members.square().mean(0)
        climate = self.climate.to(day)
        blend = (1 - self.weight) * climate + self.weight * torch.maximum(day, self.floor * climate)
        dataset = xr.Dataset({"variance": ("latent", climate.detach().cpu().numpy())})
        found = Blended(dataset, self.weight, self.inflation, self.centred, self.floor).to(day)
        found.total = Diagonal((self.inflation * blend).sqrt()).to(day)
        return found
