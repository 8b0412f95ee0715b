"""Eigenfunctions of the Laplacian against those that are known: of the sphere, of half of it, of two seas."""

import numpy as np
import pytest

from pipeline import laplacian
from pipeline.spaces import Grid


def _grid(mask=None, rows: int = 24) -> Grid:
    columns = 2 * rows
    bounds = np.linspace(-90.0, 90.0, rows + 1)
    lat, lon = (bounds[1:] + bounds[:-1]) / 2, np.arange(columns) * 360.0 / columns
    return Grid(lat, lon, bounds, None if mask is None else mask(lat[:, None], lon[None, :]))


@pytest.fixture(params=["all at once", "smoothest alone"])
def solver(request, monkeypatch) -> None:
    if request.param == "smoothest alone":
        monkeypatch.setattr(laplacian, "_DENSE", 0)


@pytest.mark.usefixtures("solver")
def test_on_the_sphere_they_are_spherical_harmonics():
    expected, errors = np.repeat(np.arange(4), 2 * np.arange(4) + 1), []
    for rows in (12, 24):
        grid = _grid(rows=rows)
        wavenumber, modes = laplacian.modes(grid, 3)
        errors.append(np.abs(wavenumber - expected).max())
        gram = (modes * grid.weights.ravel()) @ modes.T
        np.testing.assert_allclose(gram, np.eye(len(modes)), atol=1e-10)
    assert errors[1] < 0.03
    assert errors[0] / errors[1] == pytest.approx(4.0, abs=0.4)  # of second order
    mu = np.sin(np.deg2rad(grid.lat))
    legendre = np.sqrt(5.0) * 0.5 * (3 * mu**2 - 1)  # P_2, zonal, in the span of the five modes of n = 2
    field = np.repeat(legendre[:, None], len(grid.lon), axis=1).ravel()
    held = modes[4:9] @ (field * grid.weights.ravel())
    assert float((held**2).sum()) == pytest.approx(1.0, abs=5e-3)


def test_a_coast_along_the_equator_leaves_the_harmonics_without_flux_across_it():
    """Those with n + m even: n + 1 of each n, and as many modes as half a sphere has room for."""
    grid = _grid(lambda lat, lon: (lat > 0) & (lon >= 0))
    wavenumber, modes = laplacian.modes(grid, 3)
    assert len(wavenumber) == 8
    np.testing.assert_allclose(wavenumber, np.repeat(np.arange(4), np.arange(4) + 1)[:8], atol=0.04)
    assert not modes[:, ~grid.mask.ravel()].any()
    share = grid.weights.ravel() * grid.mask.ravel()
    np.testing.assert_allclose((modes * share / share.sum()) @ modes.T, np.eye(8), atol=1e-10)


def test_each_sea_has_a_constant_of_its_own():
    grid = _grid(lambda lat, lon: (np.abs(lat) > 10) & (lon >= 0))
    wavenumber, modes = laplacian.modes(grid, 3)
    np.testing.assert_allclose(wavenumber[:3], [0, 0, wavenumber[2]], atol=1e-6)
    assert wavenumber[2] > 0.5
    north = modes[:2].reshape(2, *grid.shape)[:, grid.lat > 10]
    assert float(north.reshape(2, -1).std(axis=1).max()) < 1e-6
