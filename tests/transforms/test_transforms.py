"""Every transform: shapes, leading axes, gradients; the linear one against its definition."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.models.quasi_geostrophic import gaussian_grid
from pipeline.networks import save_network
from pipeline.networks.coupled_vae import CoupledVAE
from pipeline.normalization import Normalization
from pipeline.spaces import Component, Space
from pipeline.spherical_harmonics import SphericalHarmonics
from pipeline.transforms import Transform, balance
from pipeline.transforms.autoencoder import Autoencoder
from pipeline.transforms.by_component import ByComponent
from pipeline.transforms.identity import Identity
from pipeline.transforms.linear import Linear, fit

RANGES = {"ps": (9e4, 1.05e5), "ta": (220.0, 320.0), "ua": (-30.0, 30.0), "va": (-30.0, 30.0)} | {
    "sst": (-2.0, 32.0),
    "ssu": (-1.0, 1.0),
    "ssv": (-1.0, 1.0),
    "ssh": (-1.5, 1.5),
    "u_500": (-30.0, 30.0),
    "v_500": (-30.0, 30.0),
    "t_500": (220.0, 270.0),
}


class Bent(nn.Module):
    """A decoder that is not linear, with an encoder of its own: what `networks` promise, and no more."""

    def __init__(self, n: int, m: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.w = nn.Parameter(torch.randn(m, n, generator=generator) / m**0.5)

    def encode(self, x):
        return x @ self.w.T, torch.zeros(())

    def decode(self, z):
        return torch.tanh(z) @ self.w


def _states(space, count, seed=0):
    noise = torch.randn(count, space.size, generator=torch.Generator().manual_seed(seed)).double()
    return _normalization(space).denormalize(0.3 * noise)


def _normalization(space):
    return Normalization(space, RANGES, ("2000-01-01", "2001-01-01"), {})


WINDS = Component("atmosphere", gaussian_grid(SphericalHarmonics(5, 8, 16)), ("u_500", "v_500", "t_500", "ps"))
SEA = Component("ocean", WINDS.grid, ("sst",))
SPACES = {"balance": Space((WINDS,)), "by_component": Space((SEA, WINDS))}
"""Of the transforms that are not for any state."""


def _by_component(space: Space) -> ByComponent:
    """Balance for the second of two components, nothing for the first."""
    second = Space((space.components[1],))
    states = _states(space, 12)[:, space.slice_of(second.names[0])]
    return ByComponent({second.names[0]: balance.Balance(balance.fit(states, second), second)}, space)


BUILDERS = {
    "by_component": _by_component,
    "balance": lambda space: balance.Balance(balance.fit(_states(space, 12), space), space),
    "identity": lambda space: Identity(),
    "linear": lambda space: Linear(fit(_states(space, 12)), rank=7),
    "autoencoder": lambda space: Autoencoder(Bent(space.size, 20).double(), _normalization(space)),
}


@pytest.fixture(params=registry.kinds("transforms"))
def kind(request) -> str:
    assert request.param in BUILDERS, f"add a builder for transforms/{request.param} to the tests"
    return request.param


@pytest.fixture
def space(kind, air_sea_space) -> Space:
    return SPACES.get(kind, air_sea_space)


@pytest.fixture
def transform(kind, space) -> Transform:
    return BUILDERS[kind](space)


def test_leading_axes_change_nothing(transform, space):
    x = _states(space, 6, seed=1).reshape(2, 3, -1)
    z = transform.encode(x)
    assert z.shape[:-1] == (2, 3)
    assert transform.decode(z).shape == x.shape
    torch.testing.assert_close(z[1, 2], transform.encode(x[1, 2]), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(transform.decode(z)[1, 0], transform.decode(z[1, 0]), rtol=1e-10, atol=1e-10)


def test_decoder_has_the_gradient_of_finite_differences(transform, space):
    z = transform.encode(_states(space, 1, seed=1)[0]).clone().requires_grad_()
    weight = torch.randn(space.size, generator=torch.Generator().manual_seed(2)).double() / 1e3
    (gradient,) = torch.autograd.grad(transform.decode(z) @ weight, z)
    direction = torch.randn(z.shape, generator=torch.Generator().manual_seed(3)).double()
    h = 1e-4
    with torch.no_grad():
        ahead, behind = (transform.decode(z + s * h * direction) @ weight for s in (1, -1))
    assert float((ahead - behind) / (2 * h)) == pytest.approx(float(gradient @ direction), rel=1e-6)


def test_decoder_has_an_adjoint_by_dot_product(transform, space):
    z = transform.encode(_states(space, 1, seed=1)[0])
    sizes = (len(z), space.size)
    dz, dx = (torch.randn(n, generator=torch.Generator().manual_seed(n)).double() for n in sizes)
    tangent = torch.func.jvp(transform.decode, (z,), (dz,))[1]
    (adjoint,) = torch.func.vjp(transform.decode, z)[1](dx)
    assert float(tangent @ dx) == pytest.approx(float(adjoint @ dz), rel=1e-11)


def test_single_precision_follows(transform, space):
    x = _states(space, 2, seed=4)
    wanted, found = transform(x), transform.float()(x.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-3)


def test_each_component_goes_through_its_own_transform():
    space = SPACES["by_component"]
    transform, x = _by_component(space), _states(space, 2, seed=1)
    sea, air = (space.slice_of(c.name) for c in space.components)
    z = transform.encode(x)
    own = transform.parts[1]
    torch.testing.assert_close(z[:, air], own.encode(x[:, air]), rtol=0.0, atol=0.0)
    torch.testing.assert_close(transform.decode(z)[:, air], own.decode(z[:, air]), rtol=0.0, atol=0.0)
    assert torch.equal(z[:, sea], x[:, sea])
    assert torch.equal(transform.decode(z)[:, sea], x[:, sea])


def test_linear_whitens_its_sample_and_reconstructs_it(air_sea_space):
    states = _states(air_sea_space, 12)
    transform = Linear(fit(states))
    z = transform.encode(states)
    assert z.shape == (12, 11)  # a sample of N has N - 1 modes
    torch.testing.assert_close(torch.cov(z.T), torch.eye(11).double(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(transform(states), states, rtol=1e-10, atol=1e-8)


def test_linear_modes_are_those_of_the_weighted_covariance():
    """Against the eigenvectors of W^1/2 C W^1/2; an element of weight 0 keeps its mean."""
    states = torch.randn(60, 5, generator=torch.Generator().manual_seed(5)).double()
    weights = torch.tensor([1.0, 4.0, 0.25, 2.0, 0.0]).double()
    transform = Linear(fit(states, rank=2, weights=weights))
    root = weights.sqrt()
    eigenvalues, vectors = torch.linalg.eigh(root[:, None] * torch.cov(states.T) * root)
    projector = vectors[:, -2:] @ vectors[:, -2:].T
    wanted = (states - states.mean(0)) * root @ projector
    found = (transform(states) - states.mean(0)) * root
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(transform.encode(states).var(0).flip(0), torch.ones(2).double())
    assert torch.equal(transform(states)[:, 4], states.mean(0)[4].expand(60))
    assert (eigenvalues[-1] > eigenvalues[-2]).item()


def test_linear_reads_its_file(tmp_path, air_sea_space):
    dataset = fit(_states(air_sea_space, 9))
    dataset.to_netcdf(tmp_path / "eof.nc")
    x = _states(air_sea_space, 1, seed=7)
    assert torch.equal(Linear(tmp_path / "eof.nc", rank=3)(x), Linear(dataset, rank=3)(x))
    with pytest.raises(PipelineError, match=r"rank 99 is outside 1\.\.8"):
        Linear(dataset, rank=99)
    with pytest.raises(PipelineError, match="no such file"):
        Linear(tmp_path / "other.nc")
    with pytest.raises(PipelineError, match="no variable 'encoder'"):
        Linear(dataset.drop_vars("encoder"))


def test_autoencoder_loads_a_trained_network_with_its_normalization(tmp_path, air_sea_space):
    torch.manual_seed(0)
    network = CoupledVAE(
        air_sea_space,
        latent_channels=4,
        latent_grid=(5, 6),
        atmosphere_depths=(1,),
        atmosphere_widths=(8,),
        ocean_depths=(1,),
        ocean_widths=(8,),
        fusion_width=16,
        heads=2,
    ).eval()
    normalization = _normalization(air_sea_space)
    save_network(tmp_path, network, normalization.description())
    transform = Autoencoder(str(tmp_path), space=air_sea_space)
    x = _states(air_sea_space, 2).float()
    with torch.no_grad():
        mu, _ = network.encode(normalization.normalize(x))
        wanted = normalization.denormalize(network.decode(mu))
    torch.testing.assert_close(transform.encode(x), mu, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(transform.decode(mu), wanted, rtol=1e-5, atol=1e-4)
    assert transform.channels == 4
    assert not any(p.requires_grad for p in transform.parameters())


def test_autoencoder_says_what_is_missing(tmp_path, air_sea_space):
    with pytest.raises(PipelineError, match="normalization is missing"):
        Autoencoder(Bent(4, 2))
    with pytest.raises(PipelineError, match="without the space"):
        Autoencoder(str(tmp_path))
    with pytest.raises(PipelineError, match="not found"):
        Autoencoder(str(tmp_path), space=air_sea_space)


def test_encoding_keeps_no_graph(air_sea_space):
    transform = BUILDERS["autoencoder"](air_sea_space)
    x = _states(air_sea_space, 1).requires_grad_()
    assert not transform.encode(x).requires_grad
    assert np.isfinite(transform.encode(x).numpy()).all()
