"""What every method of assimilation is: analysis = method(background, observations).

A method knows nothing of time loops. Strong coupling is a method on a joined space; weak coupling is the same method
with `components: [...]`, which takes the observations of those components and changes nothing else. For linear
operators this is the analysis with the components' own block of B, whatever correlations B holds between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.spaces import Space


class ObservationOperator(Protocol):
    """H for a set of observations; those it cannot represent are left out of `observations`."""

    observations: Observations
    valid: np.ndarray
    """Which of the given observations these are, shape (given,)."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """States (..., n) to what they would measure (..., p), differentiable."""


OperatorFactory = Callable[[Space, Observations], ObservationOperator]


@dataclass(frozen=True)
class Analysis:
    """The outcome of an analysis; leading axes (...) are those of the background.

    Attributes:
        state: x_a (..., n).
        increment: x_a - x_b (..., n), zero on land and in components left alone.
        latent_increment: z_a - z_b (..., m); empty where nothing was observed.
        history: `background` and `observation`, J_b and J_o at each evaluation, (evaluation, ...).
        iterations: evaluations until the minimisation of each element ended, (...).
        variable: of the observations used, (p,).
        innovation, residual: y - H(x_b) and y - H(x_a), (..., p).
        error: standard deviation of the observations used, (p,).
    """

    state: torch.Tensor
    increment: torch.Tensor
    latent_increment: torch.Tensor
    history: dict[str, torch.Tensor]
    iterations: torch.Tensor
    variable: np.ndarray = field(default_factory=lambda: np.array([], dtype=str))
    innovation: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    residual: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    error: torch.Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def unchanged(cls, background: torch.Tensor) -> Analysis:
        """No observations: the analysis is the background, bit for bit."""
        lead = background.shape[:-1]
        nothing = background.new_zeros(0, *lead)
        return cls(
            state=background.clone(),
            increment=torch.zeros_like(background),
            latent_increment=background.new_zeros(*lead, 0),
            history={"background": nothing, "observation": nothing.clone()},
            iterations=torch.zeros(lead, dtype=torch.int64),
        )

    @property
    def statistics(self) -> dict[str, dict[str, float]]:
        """Per variable: count, bias and rms of innovation and residual, and the mean of (innovation / error)^2."""
        found = {}
        for name in np.unique(self.variable):
            rows = torch.from_numpy(self.variable == name).to(self.innovation.device)
            d, r = self.innovation[..., rows], self.residual[..., rows]
            found[str(name)] = {
                "count": int(rows.sum()),
                "innovation_bias": float(d.mean()),
                "innovation_rms": float((d**2).mean().sqrt()),
                "residual_bias": float(r.mean()),
                "residual_rms": float((r**2).mean().sqrt()),
                "normalized_innovation": float(((d / self.error[rows]) ** 2).mean()),
            }
        return found


class Method(Protocol):
    """One update of a state by observations."""

    def analysis(
        self, background: torch.Tensor, observations: Observations, ensemble: torch.Tensor | None = None
    ) -> Analysis:
        """The analysis of a background (..., n) in physical units; `ensemble` (K, n) gives errors of the day."""


def check_background(background: torch.Tensor, space: Space) -> None:
    """Refuse a background that is not a finite state of the space."""
    if background.shape[-1] != space.size:
        raise PipelineError(f"analysis: the background has {background.shape[-1]} elements, the space {space.size}")
    bad = ~torch.isfinite(background)
    if bool(bad.any()):
        raise PipelineError(f"analysis: {int(bad.sum())} elements of the background are not finite; the model failed")


def usable(observations: Observations, variables: Sequence[str]) -> Observations:
    """The observations of some variables that are not withheld for verification.

    Raises:
        PipelineError: one of them is missing or has no positive error, see `Observations`.
    """
    return observations.where(are_usable(observations, variables))


def are_usable(observations: Observations, variables: Sequence[str]) -> np.ndarray:
    """Which observations are those of `usable`, shape (given,)."""
    return np.isin(observations.variable, list(variables)) & ~observations.withheld


def variables_of(space: Space, components: Sequence[str] | None) -> tuple[str, ...]:
    """Variables of the chosen components, of all by default."""
    unknown = [name for name in components or () if name not in space.names]
    if unknown:
        raise PipelineError(f"components: unknown {unknown[0]!r}; choose from {', '.join(space.names)}")
    return tuple(v for c in space.components if components is None or c.name in components for v in c.variables)


def deviations(representativeness: Mapping[str, float] | None, space: Space) -> dict[str, float]:
    """Standard deviation per variable, in its units, of what a decoder cannot represent.

    Raises:
        PipelineError: of an unknown variable, negative, or not finite.
    """
    known = variables_of(space, None)
    for name, value in (representativeness or {}).items():
        if name not in known:
            raise PipelineError(f"representativeness of {name!r}; the state has {', '.join(known)}")
        if not 0 <= value < float("inf"):
            raise PipelineError(f"representativeness: {name} {value} must be 0 or more, and finite")
    return dict(representativeness or {})


def shares(coefficient: float | Mapping[str, float], space: Space) -> float | torch.Tensor:
    """The share of an increment that is applied: one number, or (n,) from one per component.

    Raises:
        PipelineError: outside (0, 1], a component is missing or unknown, or all of them get nothing.
    """
    if not isinstance(coefficient, Mapping):
        if not 0 < coefficient <= 1:
            raise PipelineError(f"coefficient {coefficient} is outside (0, 1]")
        return coefficient
    given = ", ".join(f"{name}: {value}" for name, value in coefficient.items())
    if set(coefficient) != set(space.names):
        raise PipelineError(f"coefficient {{{given}}} must name each of {', '.join(space.names)}")
    if not all(0 <= value <= 1 for value in coefficient.values()) or not any(coefficient.values()):
        raise PipelineError(f"coefficient {{{given}}} must lie in [0, 1], and not be 0 for all")
    share = torch.zeros(space.size, dtype=torch.float64)
    for name, value in coefficient.items():
        share[space.slice_of(name)] = value
    return share


def free_elements(space: Space, components: Sequence[str] | None) -> torch.Tensor:
    """True where an analysis may change the state: unmasked elements of the chosen components, (n,)."""
    free = space.mask.clone()
    for name in space.names:
        if components is not None and name not in components:
            free[space.slice_of(name)] = False
    return free
