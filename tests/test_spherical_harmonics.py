"""Winds from streamfunction and velocity potential, and back, against closed forms."""

import numpy as np
import pytest
import torch

from pipeline.spherical_harmonics import SphericalHarmonics


def random_spectra(h: SphericalHarmonics, *shape: int) -> torch.Tensor:
    size = (*shape, h.truncation + 1, h.truncation + 1, 2)
    parts = torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    parts[..., 0, :, 1] = 0.0
    return torch.view_as_complex(parts) * h.inside


def coordinates(h: SphericalHarmonics) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sine and cosine of latitude (nlat, 1), longitude (nlon,)."""
    sine = h.mu[:, None]
    return sine, (1 - sine**2).sqrt(), torch.arange(h.nlon, dtype=torch.float64) * 2 * np.pi / h.nlon


@pytest.mark.parametrize(("truncation", "nlat", "nlon"), [(1, 2, 4), (10, 16, 31), (31, 48, 96)])
def test_winds_give_back_streamfunction_and_potential(truncation, nlat, nlon):
    h = SphericalHarmonics(truncation, nlat, nlon)
    psi, chi = random_spectra(h, 2, 3)
    found = h.streamfunction_and_potential(*h.winds(psi, chi))
    torch.testing.assert_close(found, (psi, chi), rtol=0.0, atol=1e-10)


def test_solid_body_rotation():
    """u = cos(latitude), v = 0 has psi = -mu and no divergence."""
    h = SphericalHarmonics(5, 8, 16)
    sine, cosine, _ = coordinates(h)
    u = cosine.expand(8, 16)
    psi, chi = h.streamfunction_and_potential(u, torch.zeros_like(u))
    torch.testing.assert_close(h.synthesise(psi), -sine.expand(8, 16), rtol=0.0, atol=1e-13)
    assert chi.abs().max() < 1e-13


def test_winds_of_the_rossby_haurwitz_wave():
    """Williamson et al. (1992), case 6, with radius 1: psi, u and v as printed."""
    omega, k, r = 0.7, 0.4, 4
    h = SphericalHarmonics(10, 16, 32)
    sine, cosine, lon = coordinates(h)
    psi = -omega * sine + k * cosine**r * sine * torch.cos(r * lon)
    u = omega * cosine + k * cosine ** (r - 1) * (r * sine**2 - cosine**2) * torch.cos(r * lon)
    v = -k * r * cosine ** (r - 1) * sine * torch.sin(r * lon)
    spectrum = h.analyse(psi)
    torch.testing.assert_close(h.winds(spectrum, torch.zeros_like(spectrum)), (u, v), rtol=0.0, atol=1e-13)
    found, potential = h.streamfunction_and_potential(u, v)
    torch.testing.assert_close(h.synthesise(found), psi, rtol=0.0, atol=1e-13)
    assert potential.abs().max() < 1e-13


def test_the_wind_of_a_potential_blows_up_its_gradient():
    """chi = cos(latitude) cos(lon): u = -sin(lon), v = -sin(latitude) cos(lon)."""
    h = SphericalHarmonics(4, 8, 16)
    sine, cosine, lon = coordinates(h)
    chi = h.analyse(cosine * torch.cos(lon))
    u, v = h.winds(torch.zeros_like(chi), chi)
    torch.testing.assert_close(u, -torch.sin(lon).expand(8, 16), rtol=0.0, atol=1e-13)
    torch.testing.assert_close(v, -sine * torch.cos(lon), rtol=0.0, atol=1e-13)
