"""B = S Phi^T L L^T Phi S on a sea with coasts, what `spectral` is on the whole sphere.

    dx_l(i) = s_l(i) sum_k phi_k(i) sum_j L_n(k)[l, j] v_(j,k)

phi_k are eigenfunctions of the Laplacian without flux through coasts (`laplacian.modes`): seas that land parts have no
correlation. L_n L_n^T is the covariance of the fields' coefficients in modes of total wavenumber n, rounded: horizontal
scales, and how the fields go together in each. s_l makes the variance of field l that of its latitude, at coasts too,
where the modes alone have more. `fit` estimates both from differences. Correlations by diffusion (Weaver and Courtier
2001, Q. J. R. Meteorol. Soc. 127, 1815-1846) are functions of the same Laplacian, of a shape that is given.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import xarray as xr

from pipeline import laplacian
from pipeline.covariances.base import Covariance
from pipeline.covariances.spectral import roots
from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.spaces import Component


class LaplacianModes(Covariance):
    """Covariance of fields on a masked grid, (..., field, lat, lon) in C order; land has no errors.

    Args:
        file: NetCDF file or dataset, as `fit` makes it.
        inflation: factor on the variance.
    """

    invertible = False  # there are fewer modes than cells
    deviation: torch.Tensor
    modes: torch.Tensor
    root: torch.Tensor

    def __init__(self, file: str | Path | xr.Dataset, inflation: float = 1.0) -> None:
        super().__init__()
        if not inflation > 0:
            raise PipelineError(f"covariances/laplacian_modes: inflation {inflation} must be positive")
        dataset = read(file, "deviation", "root", "band", "modes")
        root = torch.as_tensor(dataset["root"].values.copy())
        self.register_buffer("deviation", inflation**0.5 * torch.as_tensor(dataset["deviation"].values.copy()))
        self.register_buffer("modes", torch.as_tensor(dataset["modes"].values.copy()))
        self.register_buffer("root", root[torch.as_tensor(dataset["band"].values.astype(np.int64))])  # (k, l, j)

    def sqrt(self, v: torch.Tensor) -> torch.Tensor:
        return self._synthesise(torch.einsum("klj,...jk->...lk", self.root, self._unflatten(v)))

    def sqrt_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return torch.einsum("klj,...lk->...jk", self.root, self._synthesis_adjoint(dz)).flatten(-2)

    def inverse(self, dz: torch.Tensor) -> torch.Tensor:
        scaled = self.deviation[:, None] * self.modes
        gram = torch.linalg.pinv(scaled @ scaled.mT, hermitian=True, rtol=1e-12)  # of the columns of S Phi^T
        a = torch.einsum("lkm,...lm->...lk", gram, self._synthesis_adjoint(dz))
        inverse = torch.linalg.pinv(self.root @ self.root.mT, hermitian=True)
        a = torch.einsum("klj,...jk->...lk", inverse, a)
        return self._synthesise(torch.einsum("lkm,...lm->...lk", gram, a))

    @property
    def variance(self) -> torch.Tensor:
        power = self.root.square().sum(-1)  # (k, l)
        return (self.deviation**2 * (power.mT @ self.modes**2)).flatten()

    def _synthesise(self, a: torch.Tensor) -> torch.Tensor:
        """Coefficients (..., field, mode) to fields (..., n), times their standard deviation."""
        return (self.deviation * (a @ self.modes)).flatten(-2)

    def _synthesis_adjoint(self, dz: torch.Tensor) -> torch.Tensor:
        return (self.deviation * dz.unflatten(-1, self.deviation.shape)) @ self.modes.mT

    def _unflatten(self, v: torch.Tensor) -> torch.Tensor:
        return v.unflatten(-1, (len(self.deviation), len(self.modes)))


def fit(differences: torch.Tensor, component: Component, wavenumber: int = 31, floor: float = 1e-6) -> xr.Dataset:
    """s_l, L_n and the modes from differences (N, n), N >= 2; their mean is removed.

    Args:
        differences: of states of the component, as of forecasts valid at the same time.
        component: on a grid around the globe; masked cells are land.
        wavenumber: of the modes, as for `laplacian.modes`.
        floor: smallest eigenvalue of a covariance, as a share of its trace: a scale without errors stays invertible.
    """
    if len(differences) < 2:
        raise PipelineError(
            f"covariances/laplacian_modes: {len(differences)} differences are too few; give two at least"
        )
    tiny = torch.finfo(torch.float64).tiny
    n, modes = laplacian.modes(component.grid, wavenumber)
    numbers, band = np.unique(n.round().astype(int), return_inverse=True)
    wet = torch.from_numpy(component.grid.mask.astype(np.float64))
    d = (differences - differences.mean(0)).double().unflatten(-1, component.shape) * wet
    deviation = (d.square().mean(0).sum(-1) / wet.sum(-1).clamp(min=1.0)).sqrt()  # (field, lat)
    weighted = torch.from_numpy(modes * component.grid.weights.ravel())
    a = (d / deviation.clamp(min=tiny)[..., None]).flatten(-2) @ weighted.T  # (N, field, mode)
    of_mode = torch.einsum("nik,njk->kij", a, a) / len(a)
    fields = len(component.variables)
    covariance = torch.zeros(len(numbers), fields, fields, dtype=torch.float64)
    covariance.index_add_(0, torch.from_numpy(band), of_mode)
    covariance /= torch.from_numpy(np.bincount(band)).double()[:, None, None]
    root = roots(covariance, floor)
    power = root.square().sum(-1)[torch.from_numpy(band)]  # (mode, field)
    of_correlations = (power.T @ torch.from_numpy(modes) ** 2).clamp(min=tiny).sqrt()  # 1 but for coasts and truncation
    by_cell = (deviation[..., None] * wet).flatten(1) / of_correlations
    return xr.Dataset(
        {
            "deviation": (("field", "place"), by_cell.numpy()),
            "root": (("band", "field", "control"), root.numpy()),
            "wavenumber": ("band", numbers),
            "band": ("mode", band),
            "modes": (("mode", "place"), modes),
        },
        attrs={"variables": " ".join(component.variables), "samples": len(d)},
    )
