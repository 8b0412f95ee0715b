"""Spherical harmonics in PyTorch: a Gaussian grid, and transforms that are exact for products of two fields.

    f(lambda, mu) = sum_m sum_n f_n^m P_n^m(mu) exp(i m lambda),   m, n <= T,   mu = sin(latitude)

P_n^m are normalised so that 1/2 int (P_n^m)^2 dmu = 1; f_n^-m is the conjugate of f_n^m. With (3T+1)/2 latitudes and
3T+1 longitudes the spectrum of a product of two fields is free of aliasing (Machenhauer 1979).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pipeline.errors import PipelineError


class SphericalHarmonics(nn.Module):
    """Triangular truncation T on a Gaussian grid.

    Spectra are complex, (..., T+1, T+1) for [m, n], zero where n < m; fields are real, (..., nlat, nlon), south to
    north. The tables follow the module's precision.

    Attributes:
        mu: sine of the Gaussian latitudes, (nlat,).
        weight: Gaussian weights with sum 1, (nlat,).
        laplacian: -n (n + 1), (T+1,): a^2 times the eigenvalues of the Laplacian.
        inside: 1 where 0 < n and m <= n, else 0, (T+1, T+1).
    """

    mu: torch.Tensor
    weight: torch.Tensor
    legendre: torch.Tensor
    derivative: torch.Tensor
    laplacian: torch.Tensor
    order: torch.Tensor
    inside: torch.Tensor

    def __init__(self, truncation: int, nlat: int, nlon: int) -> None:
        super().__init__()
        if nlon < 3 * truncation + 1 or 2 * nlat < 3 * truncation + 1:
            raise PipelineError(
                f"truncation {truncation} aliases on {nlat}x{nlon} points; "
                f"give {-(-(3 * truncation + 1) // 2)}x{3 * truncation + 1} at least"
            )
        self.truncation, self.nlat, self.nlon = truncation, nlat, nlon
        mu, weight = np.polynomial.legendre.leggauss(nlat)
        p, h = legendre_functions(truncation, mu)
        n = torch.arange(truncation + 1, dtype=torch.float64)
        tables = {"mu": torch.from_numpy(mu), "weight": torch.from_numpy(0.5 * weight)}
        tables |= {"legendre": torch.from_numpy(p), "derivative": torch.from_numpy(h)}
        tables |= {"laplacian": -n * (n + 1), "order": n, "inside": ((n[:, None] <= n) & (n > 0)).double()}
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def analyse(self, field: torch.Tensor) -> torch.Tensor:
        """Field to spectrum."""
        return self._to_spectrum(field, self.legendre)

    def synthesise(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Spectrum to field."""
        return self._to_grid(spectrum, self.legendre)

    def along_longitude(self, spectrum: torch.Tensor) -> torch.Tensor:
        """d f / d lambda as a field."""
        return self._to_grid(1j * self.order[:, None] * spectrum, self.legendre)

    def along_latitude(self, spectrum: torch.Tensor) -> torch.Tensor:
        """(1 - mu^2) d f / d mu = cos(latitude) d f / d latitude as a field."""
        return self._to_grid(spectrum, self.derivative)

    def jacobian(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Spectrum of (da/dlambda db/dmu - da/dmu db/dlambda), which is radius^2 J(a, b)."""
        both = torch.stack([a, b])
        (a_x, b_x), (a_y, b_y) = self.along_longitude(both), self.along_latitude(both)
        return self.analyse((a_x * b_y - a_y * b_x) / (1 - self.mu**2)[:, None])

    def winds(self, psi: torch.Tensor, chi: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Eastward and northward wind, fields, of streamfunction and velocity potential, spectra; times the radius.

        u = -dpsi/dphi + 1/cos(phi) dchi/dlambda,   v = 1/cos(phi) dpsi/dlambda + dchi/dphi,   phi = latitude
        """
        both = torch.stack([psi, chi])
        (psi_x, chi_x), (psi_y, chi_y) = self.along_longitude(both), self.along_latitude(both)
        return (chi_x - psi_y) / self._cosine, (psi_x + chi_y) / self._cosine

    def streamfunction_and_potential(self, u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The inverse of `winds`, spectra without global mean, over the radius; exact for what the truncation holds.

        Vorticity and divergence on the unit sphere, integrated by parts so that no field is differentiated:

            zeta_n^m = sum_j w_j (i m V P_n^m + U H_n^m)      U, V = (u, v)^m / cos(phi),  H = (1 - mu^2) dP/dmu
            div_n^m  = sum_j w_j (i m U P_n^m - V H_n^m)      psi, chi = zeta, div / -n (n + 1)
        """
        both = torch.stack([u, v]) / self._cosine
        u_p, v_p = 1j * self.order[:, None] * self._to_spectrum(both, self.legendre)
        u_h, v_h = self._to_spectrum(both, self.derivative)
        inverse = self.inside / self.laplacian.clamp(max=-1.0)
        return (v_p + u_h) * inverse, (u_p - v_h) * inverse

    def mean_product(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Global mean of the product of two fields, from their spectra."""
        twice = torch.where(self.order > 0, 2.0, 1.0)[:, None]
        return (twice * (a * b.conj()).real).sum(dim=(-2, -1))

    @property
    def _cosine(self) -> torch.Tensor:
        """Cosine of the latitudes, (nlat, 1)."""
        return (1 - self.mu**2).sqrt()[:, None]

    def _to_spectrum(self, field: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        waves = torch.fft.rfft(field, norm="forward")[..., : self.truncation + 1]
        parts = torch.view_as_real(waves * self.weight[:, None])
        return torch.view_as_complex(torch.einsum("...jmc,mjn->...mnc", parts, table).contiguous())

    def _to_grid(self, spectrum: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        parts = torch.einsum("...mnc,mjn->...jmc", torch.view_as_real(spectrum), table)
        return torch.fft.irfft(torch.view_as_complex(parts.contiguous()), n=self.nlon, norm="forward")


def legendre_functions(truncation: int, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P_n^m and (1 - mu^2) dP_n^m/dmu at points, both (m, point, n), zero where n < m.

    By the recurrence mu P_n^m = e_(n+1) P_(n+1)^m + e_n P_(n-1)^m, e_n^m = sqrt((n^2 - m^2) / (4 n^2 - 1)), and
    (1 - mu^2) dP_n^m/dmu = (n + 1) e_n P_(n-1)^m - n e_(n+1) P_(n+1)^m (Belousov 1962).
    """
    top = truncation + 1
    p = np.zeros((top, len(mu), top + 1))
    n = np.arange(top + 1)
    for m in range(top):
        e = np.sqrt(np.maximum(n**2 - m**2, 0) / np.maximum(4.0 * n**2 - 1.0, 1.0))
        factors = [(2 * k + 1) / (2 * k) for k in range(1, m + 1)]
        p[m, :, m] = np.sqrt(np.prod(factors)) * (1 - mu**2) ** (m / 2)
        for k in range(m, top):
            p[m, :, k + 1] = (mu * p[m, :, k] - (e[k] * p[m, :, k - 1] if k > m else 0.0)) / e[k + 1]
    h = np.zeros((top, len(mu), top))
    for m in range(top):
        e = np.sqrt(np.maximum(n**2 - m**2, 0) / np.maximum(4.0 * n**2 - 1.0, 1.0))
        for k in range(m, top):
            below = p[m, :, k - 1] if k > 0 else 0.0
            h[m, :, k] = (k + 1) * e[k] * below - k * e[k + 1] * p[m, :, k + 1]
    return p[..., :top], h
