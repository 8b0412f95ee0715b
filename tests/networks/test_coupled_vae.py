import numpy as np
import pytest
import torch

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.networks.coupled_vae import LOG_VARIANCE_RANGE, CoupledVAE

SMALL = {
    "latent_channels": 3,
    "latent_grid": (4, 8),
    "atmosphere_depths": (1, 1),
    "atmosphere_widths": (8, 16),
    "ocean_depths": (1, 1),
    "ocean_widths": (8, 16),
    "fusion_width": 16,
    "layer_scale": 0.1,
}


def build(space, **options):
    torch.manual_seed(0)
    return CoupledVAE(space, **(SMALL | options)).eval()


def states(space, *lead):
    return torch.randn(*lead, space.size, generator=torch.Generator().manual_seed(1)) * space.mask


@pytest.mark.parametrize(
    ("atmosphere", "ocean"), [((32, 64), (40, 90)), ((48, 96), (50, 90)), ((96, 144), (200, 360)), ((19, 37), (23, 41))]
)
@pytest.mark.parametrize("strides", [None, (2, 3)])
def test_every_grid_fits_whatever_the_stride(coupled_space, atmosphere, ocean, strides):
    space = coupled_space(atmosphere, ocean)
    network = build(space, atmosphere_strides=strides, ocean_strides=strides, smoothing=4)
    mu, log_variance = network.encode(states(space, 2, 1))
    assert mu.shape == log_variance.shape == (2, 1, 3 * 4 * 8)
    x = network.decode(mu)
    assert x.shape == (2, 1, space.size)
    assert torch.isfinite(x).all()


def test_paper_configuration_has_20480_latent_variables(coupled_space):
    space = coupled_space((96, 144), (200, 360))
    network = CoupledVAE(space).eval()
    with torch.no_grad():
        mu, _ = network.encode(states(space))
    assert mu.shape == (20_480,)
    assert network.latent_size == 20_480
    assert network.compression == pytest.approx((4 * 96 * 144 + 4 * 200 * 360) / 20_480)
    widths = [[m.depthwise.convolution.out_channels for m in s] for s in network.encoders["ocean"].stages[1::2]]
    assert widths == [[24] * 2, [48] * 2, [96] * 6, [192] * 2]


def test_a_vector_alone_and_in_a_batch_give_the_same(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    network, x = build(space), states(space, 3)
    torch.testing.assert_close(network.encode(x[1])[0], network.encode(x)[0][1])


def test_rolling_the_globe_by_a_latent_cell_rolls_the_latents(coupled_space):
    """Exact in real arithmetic: circular convolutions, no positions, no land; grids aligned with the latent grid."""
    space = coupled_space((16, 32), (16, 64), land=False)
    network = build(space, positions="none", ocean_strides=(2, 4)).double()
    x = states(space, 1).double()
    cells = {"atmosphere": 32 // 8, "ocean": 64 // 8}
    rolled = space.join({name: part.roll(3 * cells[name], -1) for name, part in space.split(x).items()})
    mu, z = network.encode(x)[0], network.encode(rolled)[0]
    torch.testing.assert_close(mu.unflatten(-1, (3, 4, 8)).roll(3, -1).flatten(-3), z)
    assert not torch.allclose(mu, z, atol=1e-4)
    fields, moved = space.split(network.decode(mu)), space.split(network.decode(z))
    for name, part in fields.items():
        torch.testing.assert_close(part.roll(3 * cells[name], -1), moved[name])


def test_positions_tell_longitudes_apart(coupled_space):
    space = coupled_space((16, 32), (16, 64), land=False)
    network = build(space, positions="sincos")
    uniform = network.encode(torch.ones(space.size))[0].unflatten(-1, (3, 4, 8))
    assert (uniform - uniform.roll(1, -1)).abs().max() > 1e-3


def test_nothing_enters_from_land_and_land_decodes_to_zero(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    network, x = build(space), states(space, 2)
    ash = torch.where(space.mask, x, torch.tensor(1e3))
    assert torch.equal(network.encode(x)[0], network.encode(ash)[0])
    decoded = network.decode(network.encode(x)[0])
    assert (decoded[:, ~space.mask] == 0).all()
    assert (decoded[:, space.mask] != 0).all()


def test_reference_and_scale_shift_and_stretch_the_state(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    network, x = build(space), states(space, 2)
    mu, decoded = network.encode(x)[0], network.decode(network.encode(x)[0])
    reference, scale = torch.full((space.size,), 0.5), torch.full((space.size,), 2.0)
    network.set_reference(reference, scale)
    torch.testing.assert_close(network.encode((x * 2 + 0.5) * space.mask)[0], mu, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network.decode(mu), (decoded * 2 + 0.5) * space.mask)
    with pytest.raises(ValueError, match="positive"):
        network.set_reference(reference, scale * 0)


@pytest.mark.parametrize("coupled", [True, False])
def test_components_meet_only_in_the_cross_attention(coupled_space, coupled):
    space = coupled_space((16, 32), (20, 36))
    network, x = build(space, cross_attention=coupled), states(space, 1).requires_grad_()
    parts = {name: space.split(network(x)[0])[name].square().sum() for name in space.names}
    for name, other in (("atmosphere", "ocean"), ("ocean", "atmosphere")):
        (gradient,) = torch.autograd.grad(parts[name], x, retain_graph=True)
        assert space.split(gradient)[name].abs().max() > 0
        assert bool(space.split(gradient)[other].abs().max() > 0) is coupled
        weights = network.encoders[other].stages[0].linear.weight
        (reached,) = torch.autograd.grad(parts[name], weights, retain_graph=True, allow_unused=True)
        assert (reached is not None and bool(reached.abs().max() > 0)) is coupled


def test_cross_attention_itself_carries_the_gradient(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    network = build(space)
    a, o = torch.randn(1, 32, 16), torch.randn(1, 32, 16, requires_grad=True)
    network.exchange["encoder"](a, o)[0].sum().backward()
    assert o.grad.abs().max() > 0


def test_noise_only_in_training_and_only_when_variational(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    x = states(space, 1)
    network = build(space)
    assert torch.equal(network(x)[0], network(x)[0])
    network.train()
    assert not torch.equal(network(x)[0], network(x)[0])
    plain = build(space, variational=False).train()
    assert torch.equal(plain(x)[0], plain(x)[0])
    assert (plain.encode(x)[1] == LOG_VARIANCE_RANGE[0]).all()


def test_log_variance_is_clamped(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    network = build(space)
    with torch.no_grad():
        network.fusion.heads[0].bias.fill_(1e6)
    assert (network.encode(states(space, 1))[1] == LOG_VARIANCE_RANGE[1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ocean_depths": (1,)}, "ocean_depths has 1, ocean_widths has 2"),
        ({"heads": 5}, "heads: 5 does not divide fusion_width 16"),
        ({"kernel": 4}, "kernel: 4 is even"),
        ({"positions": "rotary"}, "choose one of sincos, learned, none"),
        ({"latent_channels": 1, "cross_attention": False}, "latent_channels: 1"),
    ],
)
def test_impossible_options_are_refused(coupled_space, options, message):
    with pytest.raises(PipelineError, match=message):
        build(coupled_space((16, 32), (20, 36)), **options)


def test_it_is_a_kind_of_the_registry(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    assert "coupled_vae" in registry.kinds("networks")
    network = registry.build("networks", "coupled_vae", space=space, **SMALL)
    assert network.options["latent_grid"] == [4, 8]
    assert network.kind == "coupled_vae"
    with pytest.raises(PipelineError, match="did you mean 'latent_grid'"):
        registry.build("networks", "coupled_vae", space=space, latent_gird=(4, 8))


def test_one_component_alone_is_refused(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    with pytest.raises(PipelineError, match="needs components atmosphere and ocean, got ocean"):
        build(type(space)((space["ocean"],)))


def test_learned_positions_are_trained(coupled_space):
    network = build(coupled_space((16, 32), (20, 36)), positions="learned")
    assert any("positions" in name for name, _ in network.named_parameters())


def test_any_depth_of_exchange(coupled_space):
    space = coupled_space((16, 32), (20, 36))
    count = [sum(p.numel() for p in build(space, exchanges=k).exchange.parameters()) for k in (0, 1, 3)]
    assert count[0] == 0
    assert count[2] == 3 * count[1]
    assert np.isfinite(build(space, exchanges=3)(states(space, 1))[0].detach().numpy()).all()
