"""Every inflation keeps the mean; each does what its formula says."""

import pytest
import torch

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.inflation import Inflation

OPTIONS = {"multiplicative": {"factor": 1.3}, "rtps": {"alpha": 0.7}, "rtpp": {"alpha": 0.4}}
NEUTRAL = {"multiplicative": {"factor": 1.0}, "rtps": {"alpha": 0.0}, "rtpp": {"alpha": 0.0}}
BEFORE = torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(1)).double() * torch.arange(1.0, 6.0)
AFTER = 0.5 * BEFORE + torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(2)).double()
SAME = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(params=registry.kinds("inflation"))
def kind(request):
    assert request.param in OPTIONS, f"add options for inflation/{request.param} to the tests"
    return request.param


def anomalies(members):
    return members - members.mean(-2, keepdim=True)


def test_mean_is_kept(kind):
    found = registry.build("inflation", kind, **OPTIONS[kind])
    torch.testing.assert_close(found.posterior(BEFORE, AFTER).mean(-2), AFTER.mean(-2), **SAME)
    torch.testing.assert_close(found.prior(BEFORE).mean(-2), BEFORE.mean(-2), **SAME)


def test_neutral_options_change_nothing(kind):
    found = registry.build("inflation", kind, **NEUTRAL[kind])
    torch.testing.assert_close(found.posterior(BEFORE, AFTER), AFTER, **SAME)


def test_a_collapsed_ensemble_stays_finite(kind):
    found = registry.build("inflation", kind, **OPTIONS[kind]).posterior(BEFORE, torch.zeros_like(AFTER))
    assert bool(torch.isfinite(found).all())


def test_relaxation_to_spread_mixes_the_standard_deviations():
    found = registry.build("inflation", "rtps", alpha=0.7).posterior(BEFORE, AFTER)
    torch.testing.assert_close(found.std(-2), 0.3 * AFTER.std(-2) + 0.7 * BEFORE.std(-2), **SAME)
    torch.testing.assert_close(registry.build("inflation", "rtps", alpha=1.0).posterior(BEFORE, AFTER).std(-2),
                               BEFORE.std(-2), **SAME)  # fmt: skip


def test_relaxation_to_perturbations_mixes_the_anomalies():
    found = registry.build("inflation", "rtpp", alpha=0.4).posterior(BEFORE, AFTER)
    torch.testing.assert_close(anomalies(found), 0.6 * anomalies(AFTER) + 0.4 * anomalies(BEFORE), **SAME)


def test_factor_acts_once_at_its_stage():
    for stage, (prior, posterior) in {"prior": (1.3, 1.0), "posterior": (1.0, 1.3)}.items():
        found = registry.build("inflation", "multiplicative", factor=1.3, stage=stage)
        torch.testing.assert_close(anomalies(found.prior(BEFORE)), prior * anomalies(BEFORE), **SAME)
        torch.testing.assert_close(anomalies(found.posterior(BEFORE, AFTER)), posterior * anomalies(AFTER), **SAME)


def test_without_inflation_nothing_changes():
    assert Inflation().prior(BEFORE) is BEFORE
    assert Inflation().posterior(BEFORE, AFTER) is AFTER


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("multiplicative", {"factor": 0.0}, "factor 0.0 must be positive"),
        ("multiplicative", {"factor": 1.0, "stage": "both"}, "choose prior or posterior"),
        ("rtps", {"alpha": -0.1}, "must be 0 or more"),
        ("rtpp", {"alpha": 1.1}, "outside 0..1"),
    ],
)
def test_what_cannot_be_is_refused(kind, options, message):
    with pytest.raises(PipelineError, match=message):
        registry.build("inflation", kind, **options)
