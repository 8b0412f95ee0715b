"""B = 1/(K-1) sum_k (z_k - zbar)(z_k - zbar)^T: errors of the day from K members.

With X^T = (z_k - zbar) / sqrt(K-1) as columns, B = X^T X and its pseudo-inverse is X^T (X X^T)^-2 X.
"""

from __future__ import annotations

from pathlib import Path

import torch
import xarray as xr

from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.netcdf import read

_NO_MEMBERS = "covariances/ensemble: no members; set `file`, or give the analysis an ensemble"


class Ensemble(Covariance):
    """Sample covariance of an ensemble; its increments stay in the span of the anomalies.

    Args:
        file: NetCDF file or dataset with `z (member, latent)`; None where each analysis brings its own members.
        inflation: factor on the variance.
    """

    invertible = False
    anomalies: torch.Tensor
    inverse_gram: torch.Tensor

    def __init__(self, file: str | Path | xr.Dataset | None = None, inflation: float = 1.0) -> None:
        super().__init__()
        if not inflation > 0:
            raise PipelineError(f"covariances/ensemble: inflation {inflation} must be positive")
        self.inflation = inflation
        if file is None:
            self._set(torch.empty(0, 0, dtype=torch.float64))
        else:
            self._set(_anomalies(torch.as_tensor(read(file, "z")["z"].values.copy()), inflation))

    def with_members(self, members: torch.Tensor) -> Ensemble:
        covariance = Ensemble(inflation=self.inflation)
        covariance._set(_anomalies(members, self.inflation))
        return covariance

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return v @ self._members()

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return dz @ self._members().T

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        return self.sqrt(self.sqrt_adjoint(dz) @ self.inverse_gram @ self.inverse_gram)

    @property
    def variance(self) -> torch.Tensor:
        return (self._members() ** 2).sum(0)

    def _members(self) -> torch.Tensor:
        if not self.anomalies.numel():
            raise PipelineError(_NO_MEMBERS)
        return self.anomalies

    def _set(self, anomalies: torch.Tensor) -> None:
        gram = anomalies @ anomalies.T  # singular by construction: the anomalies sum to 0
        self.register_buffer("anomalies", anomalies)
        self.register_buffer("inverse_gram", torch.linalg.pinv(gram, hermitian=True))


def _anomalies(members: torch.Tensor, inflation: float) -> torch.Tensor:
    """X (K, n)."""
    if members.ndim != 2 or len(members) < 2:
        raise PipelineError(f"covariances/ensemble: members (member, latent), two at least; got {tuple(members.shape)}")
    if not bool(torch.isfinite(members).all()):
        raise PipelineError("covariances/ensemble: a member is not finite; look for the forecast that failed")
    return (members - members.mean(0)) * (inflation / (len(members) - 1)) ** 0.5
