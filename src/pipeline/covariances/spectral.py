"""B = S U U^T S: homogeneous and isotropic on the sphere, the control variable transform of global 3D-Var.

    dx_l(lambda, mu) = s_l(mu) sum_(n,m) Y_n^m(lambda, mu) sum_k L_n[l, k] v_(k,n,m)

s_l is the standard deviation of field l by latitude, L_n L_n^T the covariance of the fields' spectral coefficients of
total wavenumber n (Parrish and Derber 1992): horizontal scales, vertical structure and the balance between fields per
scale, without a matrix of the size of the state. `fit` estimates both from differences. Global means (n = 0) have no
errors but where `fit` is told: that of a streamfunction means nothing, that of a temperature does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import xarray as xr

from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.spherical_harmonics import SphericalHarmonics


class Spectral(Covariance):
    """Covariance of fields on a Gaussian grid, (..., field, lat, lon) in C order.

    Args:
        file: NetCDF file or dataset, as `fit` makes it.
        inflation: factor on the variance.
    """

    invertible = False  # the grid has more points than the truncation has coefficients
    deviation: torch.Tensor
    root: torch.Tensor
    held: torch.Tensor
    gram_inverse: torch.Tensor

    def __init__(self, file: str | Path | xr.Dataset, inflation: float = 1.0) -> None:
        super().__init__()
        if not inflation > 0:
            raise PipelineError(f"covariances/spectral: inflation {inflation} must be positive")
        dataset = read(file, "deviation", "root")
        deviation, root = (torch.as_tensor(dataset[name].values.copy()) for name in ("deviation", "root"))
        fields, nlat = deviation.shape
        self.harmonics = SphericalHarmonics(len(root) - 1, nlat, int(dataset.attrs["nlon"]))
        self.fields = fields
        means = dataset["mean"].values.nonzero()[0] if "mean" in dataset else []
        self.register_buffer("held", _held(self.harmonics, fields, means))
        self.register_buffer("deviation", inflation**0.5 * deviation)
        self.register_buffer("root", root)
        h = self.harmonics
        weighted = h.legendre * self.held[:, :, None] * self.deviation[:, None, :, None]
        gram = h.nlon * weighted.transpose(-1, -2) @ weighted  # of the columns of S Y, per field and m
        self.register_buffer("gram_inverse", torch.linalg.pinv(gram, hermitian=True, rtol=1e-12))

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        a = self._unflatten(v)
        return self._synthesise(torch.einsum("nlk,...kmnc->...lmnc", self.root, a))

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        a = torch.einsum("nlk,...lmnc->...kmnc", self.root, self._synthesis_adjoint(dz))
        return a.flatten(-4)

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        a = self._solve(self._synthesis_adjoint(dz))
        inverse = torch.linalg.pinv(self.root @ self.root.mT, hermitian=True)
        a = torch.einsum("nlk,...kmnc->...lmnc", inverse, a)
        return self._synthesise(self._solve(a))

    @property
    def variance(self) -> torch.Tensor:
        h = self.harmonics
        power = (self.root**2).sum(-1).T  # (field, n); every m counts twice but m = 0
        twice = torch.where(h.order > 0, 2.0, 1.0)[:, None, None]
        shape = torch.einsum("mjn,fmn,fn->fj", twice * h.legendre**2, self.held, power)
        field = self.deviation**2 * shape
        return field[:, :, None].expand(-1, -1, h.nlon).flatten()

    def _synthesise(self, a: torch.Tensor) -> torch.Tensor:
        """Real coordinates (..., field, m, n, 2) to fields (..., N), times their standard deviation."""
        spectrum = torch.view_as_complex((a * self._half * self.held[..., None]).contiguous())
        return (self.deviation[:, :, None] * self.harmonics.synthesise(spectrum)).flatten(-3)

    def _synthesis_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        h = self.harmonics
        fields = self.deviation[:, :, None] * dz.unflatten(-1, (self.fields, h.nlat, h.nlon))
        waves = torch.view_as_real(torch.fft.rfft(fields)[..., : h.truncation + 1])
        a = torch.einsum("...jmc,mjn->...mnc", waves, h.legendre)
        return a * self._twice * self.held[..., None]

    def _solve(self, a: torch.Tensor) -> torch.Tensor:
        return torch.einsum("lmnk,...lmkc->...lmnc", self.gram_inverse, a) * self.held[..., None]

    @property
    def _half(self) -> torch.Tensor:
        """Coordinates to coefficients, (m, 1, 2): sqrt(1/2) each where m > 0; m = 0 has no imaginary part."""
        wave = (self.harmonics.order > 0).to(self.harmonics.order)
        return torch.stack([1 - wave + wave * 0.5**0.5, wave * 0.5**0.5], dim=-1)[:, None]

    @property
    def _twice(self) -> torch.Tensor:
        """The adjoint's factors: each wave m > 0 stands for two."""
        return self._half * (1 + (self.harmonics.order > 0).to(self.harmonics.order))[:, None, None]

    def _unflatten(self, v: torch.Tensor) -> torch.Tensor:
        top = self.harmonics.truncation + 1
        return v.unflatten(-1, (self.fields, top, top, 2))


def _held(h: SphericalHarmonics, fields: int, means: Sequence[int]) -> torch.Tensor:
    """1 where a coefficient has errors, (field, m, n): inside the truncation, global means of `means` alone."""
    held = h.inside.repeat(fields, 1, 1)
    held[list(means), 0, 0] = 1.0
    return held


def fit(
    differences: torch.Tensor,
    fields: int,
    truncation: int,
    nlat: int,
    nlon: int,
    floor: float = 1e-6,
    means: Sequence[int] = (),
) -> xr.Dataset:
    """s_l and L_n from differences (N, n), N >= 2; their mean is removed.

    Args:
        differences: of states on a Gaussian grid.
        fields: how many a state holds.
        truncation, nlat, nlon: of the grid.
        floor: smallest eigenvalue of a covariance, as a share of its trace: a scale without errors stays invertible.
        means: fields whose global mean has errors.
    """
    if len(differences) < 2:
        raise PipelineError(f"covariances/spectral: {len(differences)} differences are too few; give two at least")
    h = SphericalHarmonics(truncation, nlat, nlon)
    d = (differences - differences.mean(0)).double().unflatten(-1, (fields, nlat, nlon))
    deviation = d.square().mean(dim=(0, -1)).sqrt()
    held = _held(h, fields, means)
    a = h.analyse(d / deviation.clamp(min=torch.finfo(torch.float64).tiny)[:, :, None]) * held
    twice = torch.where(h.order > 0, 2.0, 1.0)[:, None]
    covariance = torch.einsum("mn,bkmn,blmn->nkl", (twice * held.amax(0)).to(a), a, a.conj()).real
    covariance = covariance / len(d) / (2 * h.order + 1)[:, None, None]
    covariance[0] += torch.diag(1 - held[:, 0, 0]) * covariance[1].trace()  # not held, but to be factored
    root = roots(covariance, floor)
    data = {"deviation": (("field", "lat"), deviation.numpy()), "root": (("n", "field", "control"), root.numpy())}
    data["mean"] = ("field", held[:, 0, 0].to(torch.int8).numpy())
    return xr.Dataset(data, attrs={"nlon": nlon, "samples": len(d)})


def roots(covariance: torch.Tensor, floor: float) -> torch.Tensor:
    """L_n (n, field, field) with L_n L_n^T = covariance + floor tr(covariance) I, lower triangular."""
    trace = covariance.diagonal(dim1=1, dim2=2).sum(1).clamp(min=torch.finfo(torch.float64).tiny)
    return torch.linalg.cholesky(covariance + floor * trace[:, None, None] * torch.eye(covariance.shape[-1]).double())
