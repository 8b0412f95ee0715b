"""Scores of ensembles against their definitions."""

import pytest
import torch

from pipeline.verification import ensembles

MEMBERS = torch.randn(4, 9, 6, generator=torch.Generator().manual_seed(1)).double()
TRUTH = torch.randn(4, 6, generator=torch.Generator().manual_seed(2)).double()


def test_error_and_spread_by_definition():
    k = 2
    wanted = ((MEMBERS[k].mean(0) - TRUTH[k]) ** 2).mean().sqrt()
    assert float(ensembles.error(MEMBERS, TRUTH)[k]) == pytest.approx(float(wanted))
    assert float(ensembles.spread(MEMBERS)[k]) == pytest.approx(float(MEMBERS[k].var(0).mean().sqrt()))
    assert not ensembles.spread(MEMBERS[:, :1]).any()


def test_crps_by_its_double_sum():
    pairs = (MEMBERS[:, :, None] - MEMBERS[:, None]).abs().mean((1, 2))
    wanted = ((MEMBERS - TRUTH[:, None]).abs().mean(1) - 0.5 * pairs).mean(-1)
    torch.testing.assert_close(ensembles.crps(MEMBERS, TRUTH), wanted, rtol=1e-12, atol=1e-12)


def test_crps_of_one_member_is_its_absolute_error():
    torch.testing.assert_close(ensembles.crps(MEMBERS[:, :1], TRUTH), (MEMBERS[:, 0] - TRUTH).abs().mean(-1))


def test_rank_histogram_counts_members_below_the_truth():
    members = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
    truth = torch.tensor([[0.5, 9.0]])
    assert ensembles.rank_histogram(members, truth).tolist() == [[0, 1, 0, 1]]


def test_a_truth_like_a_member_has_a_flat_histogram_and_another_has_not():
    draws = torch.randn(10, 20000, generator=torch.Generator().manual_seed(3)).double()
    flat = ensembles.flatness(ensembles.rank_histogram(draws[:9], draws[9]))
    assert float(flat) < 0.05  # 10 ranks: 0.1 +- 0.002 each
    narrow = ensembles.flatness(ensembles.rank_histogram(0.3 * draws[:9], draws[9]))
    assert float(narrow) > 0.5
