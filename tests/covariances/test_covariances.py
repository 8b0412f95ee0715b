"""Every covariance: square root, inverse, variance and draws belong to one symmetric, positive matrix."""

import numpy as np
import pytest
import torch
import xarray as xr

from pipeline import laplacian, registry
from pipeline.covariances import Covariance, Differences, laplacian_modes, spectral
from pipeline.covariances.blended import Blended
from pipeline.covariances.by_component import ByComponent
from pipeline.covariances.diagonal import Diagonal
from pipeline.covariances.ensemble import Ensemble
from pipeline.covariances.hybrid import Hybrid
from pipeline.covariances.identity import Identity
from pipeline.covariances.laplacian_modes import LaplacianModes
from pipeline.covariances.nmc import Nmc
from pipeline.covariances.spectral import Spectral
from pipeline.errors import PipelineError
from pipeline.spaces import Component, Grid, Space
from pipeline.spherical_harmonics import SphericalHarmonics

N, MEMBERS = 12, 6
TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


def _deviation() -> torch.Tensor:
    return torch.linspace(0.3, 2.0, N).double()


def _members(seed: int = 3) -> torch.Tensor:
    return torch.randn(MEMBERS, N, generator=torch.Generator().manual_seed(seed)).double() * _deviation()


def _statistics(rank: int = 4) -> xr.Dataset:
    differences = Differences(rank, channels=3)
    directions = torch.randn(2, N, generator=torch.Generator().manual_seed(5)).double()
    noise = torch.randn(300, N + 2, generator=torch.Generator().manual_seed(6)).double()
    differences.update(noise[:, :N] * _deviation() + noise[:, N:] @ directions)
    return differences.dataset()


def _ensemble() -> Ensemble:
    return Ensemble(xr.Dataset({"z": (("member", "latent"), _members().numpy())}), inflation=1.2)


def _component(name: str, variables: tuple[str, ...], rows: int) -> Component:
    """On rows x 4 cells without land."""
    bounds = np.linspace(-90.0, 90.0, rows + 1)
    return Component(name, Grid((bounds[1:] + bounds[:-1]) / 2, 90.0 * np.arange(4), bounds), variables)


SEA = _component("ocean", ("sst",), 3)
TWO = Space((_component("atmosphere", ("ps",), 1), _component("ocean", ("sst", "ssh"), 1)))


def _by_component() -> ByComponent:
    sea = _members()[:, TWO.slice_of("ocean")]
    parts = {"ocean": LaplacianModes(laplacian_modes.fit(sea, TWO["ocean"], 1)), "atmosphere": Identity(0.7)}
    return ByComponent(parts, TWO)


BUILDERS = {
    "by_component": _by_component,
    "laplacian_modes": lambda: LaplacianModes(laplacian_modes.fit(_members(), SEA, 1), inflation=1.4),
    "blended": lambda: Blended(xr.Dataset({"variance": ("latent", (_deviation() ** 2).numpy())}), 0.3).with_members(
        _members()
    ),
    "identity": lambda: Identity(0.7),
    "diagonal": lambda: Diagonal(_deviation()),
    "nmc": lambda: Nmc(_statistics(), rank=3, inflation=1.5),
    "ensemble": _ensemble,
    "hybrid": lambda: Hybrid(0.4, Diagonal(_deviation()), _ensemble()),
    "spectral": lambda: Spectral(spectral.fit(_members(), fields=1, truncation=1, nlat=3, nlon=4), inflation=1.4),
}


BUILDERS["spectral_with_means"] = lambda: Spectral(spectral.fit(_members(), 1, 1, 3, 4, means=[0]))


@pytest.fixture(params=[*registry.kinds("covariances"), "spectral_with_means"])
def covariance(request) -> Covariance:
    assert request.param in BUILDERS, f"add a builder for covariances/{request.param} to the tests"
    return BUILDERS[request.param]()


def _dense(covariance: Covariance) -> torch.Tensor:
    """B by its square root, a column for each control variable."""
    m = len(covariance.control(torch.zeros(N).double()))
    root = covariance.sqrt(torch.eye(m).double())
    return root.T @ root


def _in_range(covariance: Covariance, lead: tuple[int, ...] = ()) -> torch.Tensor:
    return covariance.sample(torch.zeros(*lead, N).double(), torch.Generator().manual_seed(1))


def test_is_symmetric_and_positive(covariance):
    applied = covariance(torch.eye(N).double())
    torch.testing.assert_close(applied, applied.T, **TOLERANCE)
    assert torch.linalg.eigvalsh(applied).min() > -1e-12


def test_root_times_adjoint_is_the_matrix(covariance):
    torch.testing.assert_close(covariance(torch.eye(N).double()), _dense(covariance), **TOLERANCE)


def test_adjoint_by_dot_product(covariance):
    dz = torch.randn(N, generator=torch.Generator().manual_seed(2)).double()
    v = torch.randn(covariance.control(dz).shape, generator=torch.Generator().manual_seed(4)).double()
    assert float(covariance.sqrt(v) @ dz) == pytest.approx(float(v @ covariance.sqrt_adjoint(dz)), rel=1e-12)


def test_inverse_against_dense(covariance):
    dz = _in_range(covariance, (5,))
    expected = dz @ torch.linalg.pinv(_dense(covariance), hermitian=True, rtol=1e-12)
    torch.testing.assert_close(covariance.inverse(dz), expected, **TOLERANCE)


def test_inverse_sqrt_is_a_right_inverse_with_the_same_norm(covariance):
    dz = _in_range(covariance, (5,))
    v = covariance.inverse_sqrt(dz)
    torch.testing.assert_close(covariance.sqrt(v), dz, **TOLERANCE)
    torch.testing.assert_close((v**2).sum(-1), (dz * covariance.inverse(dz)).sum(-1), **TOLERANCE)


def test_variance_is_the_diagonal(covariance):
    diagonal = _dense(covariance).diagonal()
    torch.testing.assert_close(covariance.variance.expand(N), diagonal, **TOLERANCE)


def test_draws_have_the_covariance(covariance):
    drawn = _in_range(covariance, (40000,))
    dense = _dense(covariance)
    scale = dense.diagonal().sqrt()
    difference = (drawn.T @ drawn / len(drawn) - dense) / (scale[:, None] * scale)
    assert difference.abs().max() < 0.04  # 5 sigma of a sample correlation of 40,000 draws, sqrt(2) on the diagonal


def test_leading_axes_change_nothing(covariance):
    dz = _in_range(covariance, (2, 3))
    torch.testing.assert_close(covariance.inverse(dz)[1, 2], covariance.inverse(dz[1, 2]), **TOLERANCE)
    torch.testing.assert_close(covariance(dz)[0, 1], covariance(dz[0, 1]), **TOLERANCE)


def test_single_precision_follows(covariance):
    dz = _in_range(covariance)
    exact = covariance(dz)
    single = covariance.float()(dz.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max()))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_hybrid_is_the_weighted_sum(alpha):
    static, ensemble = Nmc(_statistics(), rank=None), _ensemble()
    wanted = (1 - alpha) * _dense(static) + alpha * _dense(ensemble)
    torch.testing.assert_close(_dense(Hybrid(alpha, static, ensemble)), wanted, **TOLERANCE)


def test_hybrid_ends_are_static_and_ensemble_bit_for_bit():
    static, ensemble, dz = Diagonal(_deviation()), _ensemble(), _members()[0]
    assert torch.equal(Hybrid(0.0, static, ensemble)(dz), static(dz))
    assert torch.equal(Hybrid(1.0, static, ensemble)(dz), ensemble(dz))


def test_members_of_the_day_replace_the_files():
    day = _members(seed=8)
    expected = torch.cov(day.T)
    torch.testing.assert_close(_dense(Ensemble().with_members(day)), expected, **TOLERANCE)
    hybrid = Hybrid(0.5, Identity(1.0), Ensemble()).with_members(day)
    torch.testing.assert_close(_dense(hybrid), 0.5 * torch.eye(N).double() + 0.5 * expected, **TOLERANCE)


def test_what_cannot_be_is_refused():
    with pytest.raises(PipelineError, match=r"alpha 1\.5"):
        Hybrid(1.5, Identity())
    with pytest.raises(PipelineError, match="no members"):
        Hybrid(0.5, Identity()).sqrt(torch.zeros(N))
    with pytest.raises(PipelineError, match="does not use an ensemble"):
        Identity().with_members(_members())
    with pytest.raises(PipelineError, match="positive"):
        Diagonal(torch.tensor([1.0, 0.0]))
    with pytest.raises(PipelineError, match="not finite"):
        Ensemble().with_members(_members() * np.nan)
    with pytest.raises(PipelineError, match="rank 9"):
        Nmc(_statistics(), rank=9)


def test_standard_deviation_per_variable(air_sea_space):
    names = [v for c in air_sea_space.components for v in c.variables]
    values = {name: 1.0 + k for k, name in enumerate(names)}
    covariance = Diagonal(values, air_sea_space)
    assert torch.equal(covariance.variance[air_sea_space.index("sst")].unique(), torch.tensor([25.0]).double())
    with pytest.raises(PipelineError, match="sst"):
        Diagonal({"ps": 1.0}, air_sea_space)


def test_spectral_covariance_is_that_of_the_differences_it_was_made_from():
    """Draws from a known spectrum and balance between two fields: fitted, the draws' statistics come back."""
    h = SphericalHarmonics(8, 14, 26)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2000, 2, 9, 9, 2, generator=generator, dtype=torch.float64)
    noise[:, :, 0, :, 1] = 0.0
    noise[:, :, 0] *= 2**0.5
    a = torch.view_as_complex(noise) * h.inside / h.order.clamp(min=1.0)
    fields = h.synthesise(torch.stack([3.0 * a[:, 0], a[:, 0] + a[:, 1]], dim=1))
    covariance = Spectral(spectral.fit(fields.flatten(1), 2, 8, 14, 26))
    torch.testing.assert_close(covariance.variance, fields.flatten(1).var(0), rtol=0.2, atol=0.0)
    drawn = covariance.sample(fields.flatten(1), generator).unflatten(1, fields.shape[1:])
    wanted, found = (
        torch.corrcoef(torch.stack([f[:, 0, 7, 3], f[:, 1, 7, 3], f[:, 0, 7, 6]])) for f in (fields, drawn)
    )
    torch.testing.assert_close(found, wanted, rtol=0.0, atol=0.08)


def test_global_means_have_errors_where_told():
    """Of two fields the second's mean varies, with an amplitude of the first: both found, the first's mean never."""
    h = SphericalHarmonics(5, 8, 16)
    a = torch.zeros(4000, 2, 6, 6, dtype=torch.complex128)
    a[:, :, 0, :4] = torch.randn(4000, 2, 4, generator=torch.Generator().manual_seed(0)).to(a)
    a[:, 1, 0, 0] *= 3.0
    fields = h.synthesise(a).flatten(1)
    for means, wanted in (([], 0.0), ([1], 9.0)):
        covariance = Spectral(spectral.fit(fields, 2, 5, 8, 16, floor=1e-12, means=means))
        constant = h.weight[:, None].expand(8, 16).flatten().repeat(2) / 16
        applied = covariance(constant.clone().index_fill_(0, torch.arange(128), 0.0)).unflatten(0, (2, 8, 16))
        found = (h.weight @ applied).mean(-1)
        assert found[1] == pytest.approx(wanted, rel=0.25, abs=0.05)
        assert found[0].abs() < 0.2


def _two_seas() -> Component:
    """Land along 90 and 270 degrees east, from pole to pole."""
    bounds = np.linspace(-90.0, 90.0, 13)
    lon = np.arange(24) * 15.0
    mask = np.broadcast_to((lon != 90) & (lon != 270), (12, 24)).copy()
    return Component("ocean", Grid((bounds[1:] + bounds[:-1]) / 2, lon, bounds, mask), ("sst", "ssh"))


def test_modes_of_the_laplacian_hold_scales_and_their_relation_and_end_at_land():
    """Differences drawn from a known covariance of the modes give it back; parted seas and land have nothing."""
    sea = _two_seas()
    wavenumber, modes = laplacian.modes(sea.grid, 6)
    power = torch.from_numpy(1 / (1 + (wavenumber / 3) ** 4)).sqrt()
    noise = torch.randn(4000, 2, len(power), generator=torch.Generator().manual_seed(2)).double()
    sst = noise[:, 0] * power
    ssh = 0.8 * sst + 0.6 * noise[:, 1] * power
    d = torch.stack([2.0 * sst, 0.1 * ssh], 1) @ torch.from_numpy(modes)
    covariance = LaplacianModes(laplacian_modes.fit(d.flatten(1), sea, 6))

    wet = torch.from_numpy(np.broadcast_to(sea.grid.mask, sea.shape).copy()).flatten()
    own = covariance.variance
    assert float(own[~wet].abs().max()) == 0.0
    of_latitude = (
        d.var(0, correction=0).unflatten(-1, sea.grid.shape).sum(-1) / torch.from_numpy(sea.grid.mask.sum(1))
    ).flatten()
    torch.testing.assert_close(own[wet], of_latitude.repeat_interleave(24)[wet], rtol=1e-10, atol=0.0)

    place = np.zeros(sea.shape)
    place[0, 6, 12] = 1.0  # SST in the sea that has 180 degrees east
    column = covariance(torch.from_numpy(place).flatten()).unflatten(0, sea.shape).numpy()
    lon = sea.grid.lon
    other = (lon < 90) | (lon > 270)
    assert np.abs(column[..., other]).max() < 1e-9 * column.max()
    deviation = own.sqrt().unflatten(0, sea.shape).numpy()
    same = (lon > 90) & (lon < 270)
    found = column[..., same] / (deviation[..., same] * deviation[0, 6, 12])
    known = (modes.T * power.numpy() ** 2) @ modes
    known = (known / np.sqrt(np.outer(known.diagonal(), known.diagonal()).clip(1e-30)))[6 * 24 + 12]
    known = known.reshape(sea.grid.shape)[:, same]
    np.testing.assert_allclose(found, [known, 0.8 * known], atol=0.06)


def test_inflation_multiplies_the_covariance_by_scale():
    dz = torch.randn(N, generator=torch.Generator().manual_seed(4)).double()
    for make, dataset in (
        (Spectral, spectral.fit(_members(), fields=1, truncation=1, nlat=3, nlon=4)),
        (LaplacianModes, laplacian_modes.fit(_members(), SEA, 1)),
    ):
        torch.testing.assert_close(make(dataset, inflation=1.4)(dz), 1.4 * make(dataset)(dz), **TOLERANCE)


def test_modes_of_the_laplacian_need_differences_and_a_sea():
    sea = _two_seas()
    with pytest.raises(PipelineError, match="1 differences are too few"):
        laplacian_modes.fit(torch.ones(1, sea.size), sea, 3)
    dry = Component("ocean", Grid(sea.grid.lat, sea.grid.lon, sea.grid.lat_bounds, sea.grid.mask & False), ("sst",))
    with pytest.raises(PipelineError, match="12x24 cells, all of them masked"):
        laplacian_modes.fit(torch.ones(2, dry.size), dry, 3)
    half = Component("ocean", Grid(sea.grid.lat, sea.grid.lon[:12], sea.grid.lat_bounds), ("sst",))
    with pytest.raises(PipelineError, match="equally spaced around the globe"):
        laplacian_modes.fit(torch.randn(2, half.size), half, 3)
    with pytest.raises(PipelineError, match="inflation 0"):
        LaplacianModes(laplacian_modes.fit(torch.randn(3, sea.size), sea, 3), inflation=0.0)


def test_components_by_themselves_are_blocks():
    covariance, sea = _by_component(), TWO.slice_of("ocean")
    dense = _dense(covariance)
    assert float(dense[sea, : sea.start].abs().max()) == 0.0
    torch.testing.assert_close(dense[sea, sea], _dense_of(covariance.parts[1]), **TOLERANCE)
    assert not covariance.invertible  # the sea's is not
    assert ByComponent({name: Identity() for name in TWO.names}, TWO).invertible
    with pytest.raises(PipelineError, match="parts for ocean, the state has atmosphere, ocean"):
        ByComponent({"ocean": Identity()}, TWO)


def _dense_of(covariance: Covariance) -> torch.Tensor:
    return covariance(torch.eye(len(covariance.variance)).double())
