"""Balanced control variables: regressions recovered, inverse and adjoint, increments of single observations."""

import numpy as np
import pytest
import torch
import xarray as xr

from pipeline.assimilation import build
from pipeline.covariances import spectral
from pipeline.covariances.spectral import Spectral
from pipeline.errors import PipelineError
from pipeline.models.quasi_geostrophic import OMEGA, gaussian_grid
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import EARTH_RADIUS, Component, Grid, Space
from pipeline.spherical_harmonics import SphericalHarmonics
from pipeline.transforms.balance import Balance, Places, _on_columns, fit, wind_levels

SHAPE = (15, 24, 48)  # truncation, latitudes, longitudes
VARIABLES = ("u_300", "u_700", "q_700", "v_300", "v_700", "ps", "t_300", "t_700")
DEVIATION = {"u_300": 4e6, "u_700": 3e6, "v_300": 1e6, "v_700": 1e6, "q_700": 1e-3, "ps": 50.0}  # of z
DENSITY, LAYER, GAS, MID = 1.2, 4e4, 287.0, 5e4


@pytest.fixture(scope="module")
def space() -> Space:
    return Space((Component("atmosphere", gaussian_grid(SphericalHarmonics(*SHAPE)), VARIABLES),))


@pytest.fixture(scope="module")
def known(space) -> xr.Dataset:
    """Geostrophic, hydrostatic: ps = rho f psi_700, t = p/R f (psi_300 - psi_700) / dp (half of it below); friction."""
    sine = np.sin(np.radians(space.components[0].grid.lat))
    f, thickness = 2 * OMEGA * sine, MID / (GAS * LAYER)
    pressure = np.stack([np.zeros_like(f), DENSITY * f], axis=1)
    temperature = thickness * np.stack([f, -f], axis=1)
    return xr.Dataset(
        {
            "chi_psi": (("level", "lat"), np.stack([0.0 * sine, 0.2 * sine])),
            "scalar_psi": (("lat", "scalar", "level"), np.stack([pressure, temperature, 0.5 * temperature], axis=1)),
            "vertical": (("lat", "field", "control"), np.tile(np.eye(len(VARIABLES)), (len(sine), 1, 1))),
        },
        attrs={"variables": " ".join(VARIABLES), "nlon": SHAPE[2], "truncation": SHAPE[0]},
    )


@pytest.fixture(scope="module")
def control() -> Spectral:
    """Of z: red spectra, larger errors at high latitudes, psi of the two levels correlated by 0.8, all else apart."""
    truncation, _, nlon = SHAPE
    order, sine = torch.arange(truncation + 1.0), SphericalHarmonics(*SHAPE).mu
    power = torch.where(order > 0, 1 / (1 + (order / 5) ** 4), 0.0).double()
    power = power / ((2 * order + 1) * power).sum()
    root = torch.eye(len(VARIABLES)).double()
    root[1, :2] = torch.tensor([0.8, 0.6])
    deviation = torch.stack([DEVIATION.get(name, 0.5) * (0.7 + 0.6 * sine**2) for name in VARIABLES])
    data = {
        "deviation": (("field", "lat"), deviation.numpy()),
        "root": (("n", "field", "control"), (power.sqrt()[:, None, None] * root).numpy()),
    }
    return Spectral(xr.Dataset(data, attrs={"nlon": nlon}))


@pytest.fixture(scope="module")
def differences(space, known, control) -> torch.Tensor:
    like = torch.zeros(300, space.size).double()
    return Balance(known, space).decode(control.sample(like, torch.Generator().manual_seed(0)))


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference over the largest value."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def test_regressions_and_variances_of_a_known_covariance_come_back(space, known, control, differences):
    found = fit(differences, space, share=1.0)
    assert relative(found["chi_psi"].values[1], known["chi_psi"].values[1]) < 0.1
    assert np.abs(found["chi_psi"].values[0]).max() < 0.02
    for scalar in range(3):
        assert relative(*(ds["scalar_psi"].values[:, scalar] for ds in (found, known))) < 0.1


def test_draws_have_the_variances_and_the_vertical_correlation(space, control, differences):
    """In z unit variance at every latitude, in psi the deviations of `control` and its 0.8 between levels."""
    found = fit(differences, space)
    z = Balance(found, space).encode(differences)
    covariance = Spectral(spectral.fit(z, len(VARIABLES), *SHAPE))
    torch.testing.assert_close(covariance.variance, torch.ones(space.size).double(), rtol=0.0, atol=0.2)
    drawn = covariance.sample(z, torch.Generator().manual_seed(1))
    drawn = _on_columns(torch.from_numpy(found["vertical"].values), drawn.unflatten(1, (-1, 24, 48)))
    ratio = drawn.square().mean((0, 3)) / control.variance.reshape(-1, 24, 48)[..., 0]
    torch.testing.assert_close(ratio, torch.ones_like(ratio), rtol=0.0, atol=0.25)
    within = torch.corrcoef(drawn.transpose(0, 1).flatten(1))
    assert within[0, 1] == pytest.approx(0.8, abs=0.05)
    assert (within - torch.eye(len(VARIABLES)).double())[2:].abs().max() < 0.1


def test_explained_variance_is_that_of_the_regression(space, differences):
    found = fit(differences, space)
    z, x = (v.unflatten(1, (-1, 24, 48)) for v in (Balance(found, space).encode(differences), differences))
    z = _on_columns(torch.from_numpy(found["vertical"].values), z)
    weights = torch.from_numpy(space.components[0].grid.weights)
    for name, k in (("ps", 5), ("t_300", 6)):
        residual, total = ((d[:, k] - d[:, k].mean(0)).square().mean(0).mul(weights).sum() for d in (z, x))
        assert found.attrs[f"explained_{name}"] == pytest.approx(float(1 - residual / total), abs=1e-6)
    assert found.attrs["explained_ps"] > 0.8 > 0.1 > found.attrs["explained_chi_300"]


def test_encode_inverts_decode_where_the_truncation_holds_the_winds(space, known, differences):
    transform = Balance(known, space)
    x = transform(differences[:3] + 7.0)  # a constant wind is not held; once projected, it stays
    torch.testing.assert_close(transform(x), x, rtol=1e-10, atol=1e-9)  # ps is in hundreds of Pa
    torch.testing.assert_close(transform(differences[:3]), differences[:3], rtol=1e-10, atol=1e-9)


def test_few_modes_explain_less(space, differences):
    all_of_them, one = (fit(differences, space, share=share) for share in (1.0, 0.5))
    assert (all_of_them.attrs["modes"], one.attrs["modes"]) == (2, 1)
    assert one.attrs["explained_t_300"] < all_of_them.attrs["explained_t_300"]


@pytest.mark.parametrize(("variable", "lat"), [("ps", 45.0), ("ps", -45.0), ("t_300", 45.0), ("t_300", -45.0)])
def test_a_single_observation_moves_the_wind_along_the_isobars(tmp_path, space, differences, variable, lat):
    """By the files that a configuration names: clockwise about a high in the north, the other way in the south."""
    fit(differences, space).to_netcdf(tmp_path / "balance.nc")
    z = Balance(tmp_path / "balance.nc", space).encode(differences)
    spectral.fit(z, len(VARIABLES), *SHAPE).to_netcdf(tmp_path / "spectral.nc")
    method = build(
        {"kind": "three_d_var", "minimizer": "gauss_newton", "tolerance": 1e-6}
        | {"transform": {"kind": "balance", "file": str(tmp_path / "balance.nc")}}
        | {"covariance": {"kind": "spectral", "file": str(tmp_path / "spectral.nc")}},
        space=space,
        operator=Interpolation,
    )
    background = torch.zeros(space.size).double()
    for name, value in (("ps", 1e5), ("t_300", 230.0), ("t_700", 270.0)):
        background[space.index(name)] = value
    row = {"time": 0, "variable": variable, "lat": lat, "lon": 180.0, "error": 1.0, "withheld": False}
    error = np.sqrt(float(differences[:, space.index(variable)].var()))
    row |= {"value": float(background[space.index(variable)][0]) + error, "error": error}
    found = method.analysis(background, Observations(**{name: np.array([value]) for name, value in row.items()}))
    assert 0.3 * error < found.innovation[0] - found.residual[0] < 0.7 * error

    dx = dict(zip(VARIABLES, found.increment.reshape(len(VARIABLES), 24, 48), strict=True))
    # what is high: pressure below, or by hydrostatic balance the thickness and with it the flow of 300 less that of 700
    high = dx["ps"] / DENSITY if variable == "ps" else dx["t_300"] * GAS * LAYER / MID
    u, v = (dx[f"{w}_700"] if variable == "ps" else dx[f"{w}_300"] - dx[f"{w}_700"] for w in "uv")
    geostrophic = _geostrophic(space.components[0].grid, high)
    near = _distance(space.components[0].grid, lat, 180.0) < 2.5e6
    wind = torch.cat([u[near], v[near]])
    wanted = torch.cat([g[near] for g in geostrophic])
    assert float(wind @ wanted / (wind.norm() * wanted.norm())) > 0.95
    assert 0.7 < float(wind.norm() / wanted.norm()) < 1.3
    row = int(np.argmin(np.abs(space.components[0].grid.lat - lat)))
    assert np.sign(lat) * float(v[row, 20]) > 0.0 > np.sign(lat) * float(v[row, 28])  # west, east of it


def _geostrophic(grid: Grid, geopotential: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """u = -dPhi/dphi / (f a), v = dPhi/dlambda / (f a cos(phi)), by centred differences."""
    phi, step = np.radians(grid.lat), 2 * np.pi / len(grid.lon)
    scale = torch.from_numpy(2 * OMEGA * np.sin(phi) * EARTH_RADIUS)[:, None]
    southward = -torch.gradient(geopotential, spacing=(torch.from_numpy(phi),), dim=0)[0]
    eastward = (geopotential.roll(-1, 1) - geopotential.roll(1, 1)) / (2 * step)
    return southward / scale, eastward / (scale * torch.from_numpy(np.cos(phi))[:, None])


def _distance(grid: Grid, lat: float, lon: float) -> torch.Tensor:
    """Great circle from a point [m], (lat, lon)."""
    phi, centre = np.radians(grid.lat)[:, None], np.radians(lat)
    cosine = np.sin(phi) * np.sin(centre) + np.cos(phi) * np.cos(centre) * np.cos(np.radians(grid.lon - lon))
    return torch.from_numpy(EARTH_RADIUS * np.arccos(np.clip(cosine, -1, 1)))


def test_levels_come_from_the_names():
    assert wind_levels(VARIABLES) == ("300", "700")
    assert wind_levels(("ps", "ta", "ua", "va")) == ("a",)
    assert wind_levels(("sst", "ssu", "ssv", "ssh")) == ()
    with pytest.raises(PipelineError, match="u_850 and v_850 one is missing"):
        wind_levels(("u_850", "t_850"))


def test_mass_fields_are_balanced_with_the_winds_and_humidity_is_not():
    assert Places.of(("q_850", "ps", "ua", "ta", "va")).parts == ([2], [4], [1, 3], [0])


def test_what_cannot_be_is_refused(space, known, differences, air_sea_space):
    grid = space.components[0].grid
    uniform = Grid(grid.lat + 0.1, grid.lon, grid.lat_bounds)
    for match, x, wanted in (
        ("too few", differences[:1], space),
        ("components atmosphere, ocean", differences, air_sea_space),
        ("no winds", differences, Space((Component("atmosphere", grid, ("ps", "t_700")),))),
        ("no Gaussian grid", differences, Space((Component("atmosphere", uniform, VARIABLES),))),
        ("level without wind", torch.zeros_like(differences), space),
    ):
        with pytest.raises(PipelineError, match=match):
            fit(x, wanted)
    with pytest.raises(PipelineError, match="the state is another"):
        Balance(known, air_sea_space)
    with pytest.raises(PipelineError, match="no variable 'scalar_psi'"):
        Balance(known.drop_vars("scalar_psi"))
