"""The observation-to-latent network: shapes, what it may not see, periodic longitude; its training stage."""

import numpy as np
import pytest
import torch

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.networks import load_network, save_network
from pipeline.networks._windows import WindowBlock, blocks
from pipeline.networks.convolutional_autoencoder import ConvolutionalAutoencoder
from pipeline.networks.o2lnet import O2lnet
from pipeline.spaces import Component, Grid, Space
from pipeline.training import AutoencoderObjective, Settings, fit, reference_statistics
from pipeline.training.o2lnet import ObservationObjective, observe, smoothed

BOUNDS = np.linspace(-90.0, 90.0, 17)
GRID = Grid(0.5 * (BOUNDS[1:] + BOUNDS[:-1]), np.arange(32) * 11.25, BOUNDS)
PLANET = Space((Component("atmosphere", GRID, ("ps", "ta")),))
SMALL = {"width": 16, "strides": 4, "depth": 2, "heads": 2, "windows": []}


def states(count: int, seed: int = 0) -> torch.Tensor:
    """Smooth random fields: six waves, the second variable half the first plus its own."""
    rng = torch.Generator().manual_seed(seed)
    lat, lon = torch.meshgrid(torch.linspace(-1.4, 1.4, 16), torch.arange(32) * 2 * torch.pi / 32, indexing="ij")
    waves = [
        torch.cos(lat) * f(k * lon) * g for k in (1, 2) for f in (torch.sin, torch.cos) for g in (1.0, torch.sin(lat))
    ]
    basis = torch.stack(waves).flatten(1)
    first, second = (torch.randn(count, len(basis), generator=rng) @ basis for _ in range(2))
    return torch.cat([first, 0.5 * first + second], dim=1)


@pytest.mark.parametrize("windows", [[], [(2, 4), (4, 3)]])
def test_shapes_leading_axes_and_both_components(air_sea_space, windows):
    network = O2lnet(air_sea_space, (3, 6, 12), **{**SMALL, "windows": windows, "strides": [2, 2]}).eval()
    y = torch.randn(2, 3, air_sea_space.size)
    m = (torch.rand(2, 3, air_sea_space.size) < 0.1).float()
    z = network(y, m)
    assert z.shape == (2, 3, 3 * 6 * 12)
    torch.testing.assert_close(network(y[1, 2], m[1, 2]), z[1, 2], rtol=1e-4, atol=1e-5)


def test_values_that_were_not_observed_are_not_seen():
    network = O2lnet(PLANET, (2, 4, 8), **SMALL).eval()
    network.set_reference(torch.randn(PLANET.size), torch.full((PLANET.size,), 2.0))
    y, m = torch.randn(PLANET.size), (torch.rand(PLANET.size) < 0.2).float()
    other = torch.where(m > 0, y, 100.0)
    assert torch.equal(network(y, m), network(other, m))
    assert not torch.equal(network(y, m), network(y + m, m))
    assert not torch.equal(network(y, m), network(y, 0.5 * m))


def test_turning_the_globe_turns_the_latents():
    network = O2lnet(PLANET, (2, 4, 8), **{**SMALL, "positions": "none"}).eval()
    y, m = torch.randn(PLANET.size), (torch.rand(PLANET.size) < 0.3).float()
    turned = [t.reshape(2, 16, 32).roll(8, -1).flatten() for t in (y, m)]
    z = network(y, m).reshape(2, 4, 8).roll(2, -1)
    torch.testing.assert_close(network(*turned).reshape(2, 4, 8), z, rtol=1e-4, atol=1e-5)


def test_window_attention_is_full_attention_within_each_window():
    torch.manual_seed(0)
    block, x = WindowBlock(8, 2, (3, 4)).eval(), torch.randn(2, 7, 10, 8)  # neither divides the grid
    found = block(x)
    alone = WindowBlock(8, 2, None).eval()
    alone.load_state_dict(block.state_dict())
    for south, west in ((0, 0), (3, 4), (6, 8)):
        cut = (slice(None), slice(south, south + 3), slice(west, west + 4))
        torch.testing.assert_close(found[cut], alone(x[cut]), rtol=1e-5, atol=1e-6)


def test_windows_cycle_turn_and_every_fourth_is_global():
    chosen = [(b.window, b.turn) for b in blocks(8, 2, 8, [(2, 4), (4, 2)], 4)]
    assert chosen == [
        ((2, 4), 0),
        ((4, 2), 0),
        ((2, 4), 2),
        (None, 0),
        ((4, 2), 1),
        ((2, 4), 0),
        ((4, 2), 0),
        (None, 0),
    ]


def test_weights_come_back_from_disk(tmp_path):
    network = O2lnet(PLANET, (2, 4, 8), **SMALL).eval()
    save_network(tmp_path, network, {})
    y, m = torch.randn(PLANET.size), torch.ones(PLANET.size)
    assert torch.equal(load_network(tmp_path, PLANET)(y, m), network(y, m))
    with pytest.raises(PipelineError, match="strides: 2 for 1 components"):
        O2lnet(PLANET, (2, 4, 8), **{**SMALL, "strides": [4, 4]})


def test_mask_weight_is_large_where_many_report_and_has_mean_one():
    autoencoder, network = ConvolutionalAutoencoder(PLANET, 2, (4, 8), (1,), (8,)), O2lnet(PLANET, (2, 4, 8), **SMALL)
    objective = ObservationObjective(network, autoencoder, *_statistics(), torch.ones(64))
    m = torch.zeros(1, PLANET.size)
    m[0, :20] = 1.0
    w = objective.weight(m).reshape(2, 4, 8)
    assert float(w.mean()) == pytest.approx(1.0, rel=1e-5)
    assert float(w[0, 0, 1]) > 2 * float(w[0, 3, 5])
    assert torch.equal(w[0], w[1])
    flat = torch.ones(1, 1, 4, 8)
    torch.testing.assert_close(smoothed(flat, 1.0), flat)


def _statistics():
    return torch.full((PLANET.size,), 0.3), torch.full((PLANET.size,), 0.1)


def test_drawn_observations_have_the_coverage_and_the_error_of_their_quality():
    torch.manual_seed(0)
    x = torch.zeros(400, PLANET.size)
    y, m = observe(x, *_statistics(), lowest_quality=0.5)
    assert float((m > 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert not y[m == 0].any()
    good, bad = (y[(m > a) & (m < b)].std() for a, b in ((0.9, 1.0), (0.5, 0.55)))
    assert float(good) == pytest.approx(0.1 / 0.95, rel=0.03)
    assert float(bad) == pytest.approx(0.1 / 0.525, rel=0.03)


def test_two_stages_of_training_learn_to_see(tmp_path):
    """After both, the decoded network is nearer to the truth than the climate is, from 30 % of the cells."""
    train, validation = states(256, 1), states(32, 2)
    torch.manual_seed(0)
    autoencoder = ConvolutionalAutoencoder(PLANET, 4, (4, 8), (1,), (16,))
    autoencoder.set_reference(*reference_statistics(train, PLANET))
    settings = Settings(epochs=6, batch_size=8, learning_rate=5e-3, accelerator="cpu")
    fit(AutoencoderObjective(autoencoder), train, validation, settings, tmp_path / "a")
    frozen = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    network = registry.build("networks", "o2lnet", space=PLANET, latent_shape=[4, 4, 8], **SMALL)
    variance = autoencoder.encode(train)[0].detach().var(0)
    objective = ObservationObjective(network, autoencoder, *_statistics(), variance)
    result = fit(objective, train, validation, settings, tmp_path / "o")
    assert result.history[-1]["validation_loss"] < 0.6 * result.history[0]["validation_loss"]
    assert all(torch.equal(value, frozen[name]) for name, value in autoencoder.state_dict().items())
    y, m = observe(validation, *_statistics())
    with torch.no_grad():
        seen = autoencoder.decode(network(y, m))
    assert float((seen - validation).std()) < 0.6 * float(validation.std())


def test_a_network_of_another_latent_space_is_refused():
    autoencoder, network = ConvolutionalAutoencoder(PLANET, 3, (4, 8), (1,), (8,)), O2lnet(PLANET, (2, 4, 8), **SMALL)
    with pytest.raises(PipelineError, match=r"latent_shape \(2, 4, 8\) is not the autoencoder's \(3, 4, 8\)"):
        ObservationObjective(network, autoencoder, *_statistics(), torch.ones(np.prod((2, 4, 8))))
