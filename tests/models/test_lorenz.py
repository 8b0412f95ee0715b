"""Lorenz's models: equations, order of the scheme, symmetries, derivatives, batches."""

import pytest
import torch

from pipeline import registry
from pipeline.errors import PipelineError

KINDS = ["lorenz63", "lorenz96"]


def states(model, *lead: int, seed: int = 0) -> torch.Tensor:
    """Near the attractor."""
    x = model.rest() + torch.randn(*lead, model.space.size, generator=torch.Generator().manual_seed(seed)).double()
    for _ in range(200):
        x = model.step(x)
    return x


def test_tendencies_are_the_papers_written_out():
    l96, l63 = registry.build("models", "lorenz96", size=7, forcing=6.0), registry.build("models", "lorenz63")
    x = torch.randn(7, generator=torch.Generator().manual_seed(1)).double()
    wanted = [(x[(i + 1) % 7] - x[i - 2]) * x[i - 1] - x[i] + 6.0 for i in range(7)]
    torch.testing.assert_close(l96.tendency(x), torch.stack(wanted), rtol=0, atol=1e-14)
    wanted = torch.tensor([10.0 * (2 - 1), 1 * (28 - 3.0) - 2, 1 * 2 - 8 / 3 * 3], dtype=torch.float64)
    torch.testing.assert_close(l63.tendency(torch.tensor([1.0, 2.0, 3.0]).double()), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scheme_is_of_fourth_order(kind):
    coarse, fine, finest = (registry.build("models", kind, dt=dt) for dt in (0.04, 0.02, 0.0025))
    x = states(fine, 5)
    ends = []
    for model, steps in ((coarse, 2), (fine, 4), (finest, 32)):
        end = x
        for _ in range(steps):
            end = model.step(end)
        ends.append(end)
    ratio = (ends[0] - ends[2]).norm() / (ends[1] - ends[2]).norm()
    assert 11 < float(ratio) < 21  # 2^4


def test_the_ring_has_no_beginning():
    model = registry.build("models", "lorenz96")
    x = states(model)
    torch.testing.assert_close(model.step(x.roll(7)), model.step(x).roll(7), rtol=0, atol=1e-13)


def test_advection_conserves_energy_and_rest_is_steady():
    model = registry.build("models", "lorenz96", forcing=0.0)
    x = states(registry.build("models", "lorenz96"))
    assert float(x @ model.tendency(x)) == pytest.approx(-float(x @ x), rel=1e-12)
    for kind in KINDS:
        assert not registry.build("models", kind).tendency(registry.build("models", kind).rest()).any()


def test_climate_of_the_models():
    """Known moments: mean 2.3 and deviation 3.6 of Lorenz-96, mean z of 23.5 of Lorenz-63."""
    l96, l63 = (registry.build("models", kind) for kind in ("lorenz96", "lorenz63"))
    x, y, z = states(l96, 200), states(l63, 500), []
    assert float(x.mean()) == pytest.approx(2.34, abs=0.1)
    assert float(x.std()) == pytest.approx(3.64, abs=0.1)
    for _ in range(4000):  # the states set out from the origin together and take some 20 time units to part
        y = l63.step(y)
        z.append(y[:, 2].mean())
    assert float(torch.stack(z[2000:]).mean()) == pytest.approx(23.55, abs=0.3)


def test_what_cannot_be_is_refused():
    with pytest.raises(PipelineError, match="size 3 is too small"):
        registry.build("models", "lorenz96", size=3)
    with pytest.raises(PipelineError, match=r"dt 0\.0 must be positive"):
        registry.build("models", "lorenz63", dt=0.0)
