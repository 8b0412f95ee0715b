"""Background statistics from differences: exact moments, known covariances, one pass in batches."""

from math import pi, sqrt

import numpy as np
import pytest
import torch
import xarray as xr

from pipeline.covariances import Differences, forecast_pairs, lagged_states, write_background
from pipeline.covariances.nmc import Nmc
from pipeline.errors import PipelineError
from pipeline.transforms.identity import Identity

N, RANK = 24, 3


def _known(rank: int = RANK) -> tuple[torch.Tensor, torch.Tensor]:
    """A covariance sigma^2 I + U U^T and its U^T with orthogonal rows."""
    random = torch.randn(N, rank, generator=torch.Generator().manual_seed(0)).double()
    factor = torch.linalg.qr(random)[0].T * torch.tensor([3.0, 2.0, 1.5])[:rank, None].double()
    return 0.25 * torch.eye(N).double() + factor.T @ factor, factor


def _exact_sample(covariance: torch.Tensor, mean: float = 0.7) -> torch.Tensor:
    """2 n vectors whose sample mean and covariance are exactly those wanted."""
    root = torch.linalg.cholesky(covariance)
    count = 2 * len(covariance)
    scale = sqrt((count - 1) / 2)
    return mean + torch.cat([root.T, -root.T]) * scale


def _dense(covariance) -> torch.Tensor:
    return covariance(torch.eye(N).double())


@pytest.mark.parametrize(("batch", "tolerance"), [(2 * N, 1e-10), (7, 2e-3)], ids=["at_once", "truncated"])
def test_recovers_a_known_covariance(batch, tolerance):
    """To rounding in one batch; batches smaller than n keep 13 of the 24 directions, which costs a little."""
    known, _ = _known()
    statistics = Differences(RANK)
    for part in _exact_sample(known).split(batch):
        statistics.update(part)
    dataset = statistics.dataset()
    torch.testing.assert_close(_dense(Nmc(dataset, rank=None)), known, rtol=1e-10, atol=tolerance)
    diagonal = _dense(Nmc(dataset, rank=0, inflation=2.0))
    torch.testing.assert_close(diagonal, 2.0 * known.diagonal().diag(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(dataset["mean"], 0.7, rtol=1e-12)


def test_any_rank_keeps_the_variance():
    known, _ = _known()
    statistics = Differences(RANK)
    statistics.update(_exact_sample(known))
    for rank in range(RANK + 1):
        variance = Nmc(statistics.dataset(), rank=rank).variance
        torch.testing.assert_close(variance, known.diagonal(), rtol=1e-10, atol=1e-10)


def test_batches_change_nothing():
    d = torch.randn(90, N, generator=torch.Generator().manual_seed(1)).double() + 3.0
    whole, parts = Differences(0, channels=4), Differences(0, channels=4)
    whole.update(d)
    for part in d.split([1, 40, 49]):
        parts.update(part)
    a, b = whole.dataset(), parts.dataset()
    np.testing.assert_allclose(a["variance"], d.var(0), rtol=1e-12)
    np.testing.assert_allclose(b["variance"], a["variance"], rtol=1e-12)
    key = "mean_absolute_channel_correlation"
    assert b.attrs[key] == pytest.approx(a.attrs[key], rel=1e-10)


def test_lagged_differences_of_an_autoregression():
    """z_t = rho z_(t-1) + e with covariance C has cov(z_(t+l) - z_t) = 2 (1 - rho^l) C."""
    known, _ = _known()
    rho, lag, count = 0.8, 4, 20000
    root = torch.linalg.cholesky(known)
    noise = torch.randn(count, N, generator=torch.Generator().manual_seed(2)).double() @ root.T
    z = [noise[0]]
    for e in noise[1:]:
        z.append(rho * z[-1] + sqrt(1 - rho**2) * e)
    statistics = Differences(RANK)
    for d in lagged_states(Identity(), torch.stack(z).split(1000), lag):
        statistics.update(d)
    assert statistics.count == count - lag
    found = _dense(Nmc(statistics.dataset(), rank=None, inflation=1 / (2 * (1 - rho**lag))))
    assert (found - known).norm() / known.norm() < 0.05  # some 5,000 independent differences


def test_lagged_pairs_cross_the_batches():
    z = torch.arange(10.0)[:, None] ** 2
    found = torch.cat(list(lagged_states(Identity(), z.split(3), 4)))
    assert torch.equal(found, z[4:] - z[:-4])


def test_pairs_of_forecasts():
    longer, shorter = torch.ones(2, N), 0.25 * torch.ones(2, N)
    assert torch.equal(next(iter(forecast_pairs(Identity(), [(longer, shorter)]))), 0.75 * torch.ones(2, N))


def test_diagonality_of_correlated_and_independent_channels():
    noise = torch.randn(4000, 2, 6, generator=torch.Generator().manual_seed(3)).double()
    together = noise.clone()
    together[:, 1] = 0.6 * noise[:, 0] + 0.8 * noise[:, 1]
    found = {}
    for name, z in {"independent": noise, "together": together}.items():
        statistics = Differences(0, channels=2)
        statistics.update(z.flatten(1))
        found[name] = statistics.dataset().attrs
    assert found["together"]["mean_absolute_channel_correlation"] == pytest.approx(0.6, abs=0.03)
    expected = sqrt(2 / (pi * 4000))
    assert found["independent"]["mean_absolute_channel_correlation_of_noise"] == pytest.approx(expected)
    assert found["independent"]["mean_absolute_channel_correlation"] < 3 * expected


def test_file_carries_its_origin(tmp_path):
    known, _ = _known()
    path = tmp_path / "errors" / "background.nc"
    write_background(path, [_exact_sample(known)], RANK, attributes={"lag_seconds": 86400, "code": "test"})
    with xr.open_dataset(path) as dataset:
        assert dataset.attrs["lag_seconds"] == 86400
        assert dataset.attrs["samples"] == 2 * N
    torch.testing.assert_close(_dense(Nmc(path, rank=None)), known, rtol=1e-10, atol=1e-10)
    assert [p.name for p in path.parent.iterdir()] == ["background.nc"]


def test_a_latent_variable_that_never_moves_stays_invertible():
    known, _ = _known()
    d = _exact_sample(known)
    d[:, 5] = 1.0
    statistics = Differences(RANK)
    statistics.update(d)
    for rank in (0, None):
        assert torch.isfinite(Nmc(statistics.dataset(), rank=rank).inverse(torch.ones(N).double())).all()


def test_bad_input_is_refused(tmp_path):
    statistics = Differences()
    with pytest.raises(PipelineError, match="not finite"):
        statistics.update(torch.full((2, N), torch.nan))
    with pytest.raises(PipelineError, match="0 differences"):
        statistics.dataset()
    statistics.update(torch.ones(5, N))
    with pytest.raises(PipelineError, match="all differences are equal"):
        statistics.dataset()
    with pytest.raises(PipelineError, match=r"background\.nc: no such file"):
        Nmc(tmp_path / "background.nc")
    (tmp_path / "background.nc").write_bytes(b"CDF")
    with pytest.raises(PipelineError, match="not a readable NetCDF file"):
        Nmc(tmp_path / "background.nc")
