"""Ensembles, filters of every registered kind, and the Kalman filter with dense matrices."""

from __future__ import annotations

import torch
from stand_ins import background, coupled_covariance, observe, per_element, small_space

from pipeline import registry
from pipeline.assimilation import build
from pipeline.assimilation._ensemble_filter import EnsembleFilter
from pipeline.observations.operators import Interpolation

SPACE = small_space()
SCALES = {"ps": 300.0, "ta": 2.0, "sst": 1.0, "ssh": 0.1}
SCALE = torch.where(SPACE.mask, per_element(SPACE, SCALES), 1.0)
TRUTH, X_B = background(SPACE, seed=1), background(SPACE, seed=2)
OBSERVATIONS = observe(SPACE, TRUTH)

KINDS = [k for k in registry.kinds("assimilation") if issubclass(registry.find("assimilation", k), EnsembleFilter)]
"""Every ensemble filter there is; a new one is tested without being named here."""

STOCHASTIC = {"enkf"}
"""Exact in the mean, and in the covariance by expectation only."""

APPROXIMATE = {"denkf"}
"""Exact in the mean; the covariance is the kind's own."""

EXACT = [k for k in KINDS if k not in STOCHASTIC | APPROXIMATE]

GLOBAL = {"letkf": {"localization": {"kind": "cutoff"}}}
"""What a kind needs to be global."""


def filter_of(kind: str, **options) -> EnsembleFilter:
    """A filter without localization, unless options say so."""
    return build({"kind": kind, **GLOBAL.get(kind, {}), **options}, space=SPACE, operator=Interpolation)


def ensemble(count: int = 12, lead: tuple[int, ...] = (), seed: int = 3) -> torch.Tensor:
    """Draws about the background, with correlations between air and sea; land stays 0."""
    generator = torch.Generator().manual_seed(seed)
    draws = coupled_covariance(SPACE).sample(torch.zeros(*lead, count, SPACE.size).double(), generator)
    return torch.where(SPACE.mask, X_B + draws, 0.0)


def linear_operator(observations=OBSERVATIONS) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """H (p, n), y and the variances of the observations."""
    operator = Interpolation(SPACE, observations)
    kept = operator.observations
    h = operator(torch.eye(SPACE.size).double()).T
    return h, torch.as_tensor(kept.value), torch.as_tensor(kept.error**2)


def kalman(mean: torch.Tensor, b: torch.Tensor, observations=OBSERVATIONS) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of the Kalman filter."""
    h, y, r = linear_operator(observations)
    gain = b @ h.T @ torch.linalg.inv(h @ b @ h.T + r.diag())
    return mean + gain @ (y - h @ mean), b - gain @ h @ b


def moments(members: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample mean and covariance of members (N, n)."""
    return members.mean(0), torch.cov(members.T)


def assert_same(found: torch.Tensor, wanted: torch.Tensor, tolerance: float = 1e-10) -> None:
    """States (..., n) equal in units of each variable's standard deviation."""
    assert float(((found - wanted) / SCALE).abs().max()) < tolerance


def assert_same_covariance(found: torch.Tensor, wanted: torch.Tensor, tolerance: float = 1e-10) -> None:
    """Covariances (n, n) equal in units of the variables' standard deviations."""
    assert float(((found - wanted) / (SCALE[:, None] * SCALE)).abs().max()) < tolerance
