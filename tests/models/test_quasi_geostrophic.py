"""The two-level model against exact waves, conservation, the order of its time step, and its own adjoint."""

from itertools import pairwise

import pytest
import torch

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.models.quasi_geostrophic import DAY, QuasiGeostrophic, doubling_days, rotation_rate
from pipeline.spaces import Space

FREE = QuasiGeostrophic(21, forced=False)
FORCED = QuasiGeostrophic(21)


@pytest.fixture(scope="module")
def attractor() -> torch.Tensor:
    return FORCED.spun_up(4, days=40.0)


def random_spectrum(model, seed=0, slope=-3.0) -> torch.Tensor:
    """(2, m, n), red."""
    h = model.harmonics
    shape = (2, *h.inside.shape)
    noise = torch.randn(*shape, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    noise[:, 0, :, 1] = 0.0
    n = h.order.clamp(min=1.0)
    return 5e8 * torch.view_as_complex(noise) * h.inside * n**slope


def test_transforms_are_each_others_inverse_and_orthonormal():
    h, spectrum = FREE.harmonics, random_spectrum(FREE)
    field = h.synthesise(spectrum)
    torch.testing.assert_close(h.analyse(field), spectrum, rtol=1e-12, atol=1e-5)
    mean = (field**2 * h.weight[:, None]).sum((-2, -1)) / h.nlon
    torch.testing.assert_close(h.mean_product(spectrum, spectrum), mean, rtol=1e-12, atol=0.0)


def test_derivatives_against_a_closed_form():
    """cos^2(lat) sin(lat) cos(2 lon) = (1 - mu^2) mu cos(2 lambda), a harmonic of n = 3."""
    h = FREE.harmonics
    mu, lon = h.mu[:, None], torch.arange(h.nlon, dtype=torch.float64) * 2 * torch.pi / h.nlon
    spectrum = h.analyse((1 - mu**2) * mu * torch.cos(2 * lon))
    torch.testing.assert_close(h.along_latitude(spectrum), (1 - mu**2) * (1 - 3 * mu**2) * torch.cos(2 * lon))
    torch.testing.assert_close(h.along_longitude(spectrum), -2 * (1 - mu**2) * mu * torch.sin(2 * lon))
    laplacian = h.synthesise(h.laplacian * spectrum)
    torch.testing.assert_close(laplacian, -12 * h.synthesise(spectrum))


@pytest.mark.parametrize("baroclinic", [False, True])
@pytest.mark.parametrize("n", [3, 6])
def test_waves_of_one_wavenumber_turn_at_the_speed_of_theory(n, baroclinic):
    """Exact solutions of the full nonlinear equations, of large amplitude, after two days."""
    model, h = FREE, FREE.harmonics
    psi = random_spectrum(model, slope=0.0) * (h.order == n) * 0.03
    psi[1] = -psi[0] if baroclinic else psi[0]
    x = model.state(psi)
    for _ in range(8):
        x = model.step(x)
    turned = psi * torch.exp(-1j * h.order[:, None] * rotation_rate(n, baroclinic) * 2 * DAY)
    wanted = model.state(turned)
    assert (x - wanted).norm() < 2e-4 * wanted.norm()  # the error of the time step, see the test of its order
    assert (model.state(psi) - wanted).norm() > 0.1 * wanted.norm()


def test_tendency_conserves_energy_and_enstrophy_to_rounding():
    psi = random_spectrum(FREE, seed=1)
    q = FREE.vorticity(psi)
    tendency, product = FREE.tendency(q), FREE.harmonics.mean_product
    energy = product(psi, tendency)
    size = (product(psi, psi) * product(tendency, tendency)).sqrt()
    assert float(energy.sum().abs() / size.sum()) < 1e-13
    enstrophy = product(q + FREE.planetary, tendency)
    size = (product(q + FREE.planetary, q + FREE.planetary) * product(tendency, tendency)).sqrt()
    assert float((enstrophy / size).abs().max()) < 1e-13


def test_free_run_keeps_energy_and_enstrophy_as_well_as_its_time_step(attractor):
    """Losses fall by about 2^5 where the step is halved, as the fourth-order scheme's own damping does."""
    start = attractor[0]
    losses = []
    for dt in (3600, 1800):
        model = QuasiGeostrophic(21, dt=dt, forced=False)
        x = model.state(model.spectrum(start))
        before = torch.cat([model.energy(x)[None], model.enstrophy(x)])
        for _ in range(4):
            x = model.step(x)
        losses.append((torch.cat([model.energy(x)[None], model.enstrophy(x)]) / before - 1).abs())
    assert losses[0].max() < 1e-4
    assert bool((losses[1] < losses[0] / 16).all())


def test_time_step_is_of_fourth_order(attractor):
    start = attractor[0]

    def after(dt):
        model = QuasiGeostrophic(21, seconds=14400, dt=dt)
        return model.step(start)

    exact = after(600)
    errors = [float((after(dt) - exact).norm()) for dt in (7200, 3600, 1800)]
    orders = [torch.tensor(a / b).log2().item() for a, b in pairwise(errors)]
    assert orders[0] > 3.6
    assert orders[1] == pytest.approx(4.0, abs=0.2)


def test_adjoint_by_dot_product_and_gradient_by_finite_differences(attractor):
    x = attractor[0]
    generator = torch.Generator().manual_seed(1)
    p, q = (1e6 * torch.randn(x.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    _, transposed = torch.func.vjp(FORCED.step, x)
    forward = torch.func.jvp(FORCED.step, (x,), (p,))[1]
    torch.testing.assert_close((forward * q).sum(), (p * transposed(q)[0]).sum(), rtol=1e-12, atol=0.0)
    h = 1e-2
    difference = (FORCED.step(x + h * p) - FORCED.step(x - h * p)) / (2 * h)
    assert (difference - forward).norm() < 1e-6 * forward.norm()


def test_is_chaotic_with_the_stated_doubling_time(attractor):
    """Small errors double in about 1.6 days; states of the attractor stay apart as states of its climate do."""
    states = attractor
    noise = torch.randn(states.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    other = FORCED.state(FORCED.spectrum(states + 1e3 * noise))
    distances = []
    for step in range(56):
        states, other = FORCED.step(states), FORCED.step(other)
        if step in (15, 55):
            distances.append(float((other - states).norm(dim=-1).log().mean().exp()))
    assert 1.2 < doubling_days(distances[1] / distances[0], 10.0) < 2.2
    spread = (states - states.mean(0)).std()
    assert 1e7 < float(spread) < 4e7


def test_a_batch_is_its_elements_and_single_precision_follows(attractor):
    states = attractor[:3]
    after = FORCED.step(states)
    torch.testing.assert_close(after[1], FORCED.step(states[1]), rtol=1e-12, atol=1e-4)
    torch.testing.assert_close(FORCED.step(states.reshape(3, 1, -1))[:, 0], after, rtol=1e-12, atol=1e-4)
    single = QuasiGeostrophic(21).float().step(states.float())
    assert single.dtype == torch.float32
    assert (single.double() - after).norm() < 1e-5 * after.norm()


def test_is_a_registered_kind_that_refuses_what_cannot_be():
    model = registry.build("models", "quasi_geostrophic", truncation=10, seconds=3600, dt=3600)
    assert isinstance(model.space, Space)
    assert model.space.size == 2 * 16 * 32
    assert float(model.space.weights.sum()) == pytest.approx(2.0)
    with pytest.raises(PipelineError, match="dt 7000 does not divide"):
        QuasiGeostrophic(dt=7000)
    with pytest.raises(PipelineError, match="aliases on 24x64"):
        QuasiGeostrophic(21, nlat=24, nlon=64)
