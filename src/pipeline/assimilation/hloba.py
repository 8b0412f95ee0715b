"""Hybrid latent observation-background assimilation (HLOBA, Fan et al.): Bayes element by element in latent space.

    z_b = E(x_b),  z_o = O(y, m),   z_a = (R z_b + B z_o) / (B + R),   sigma_a^2 = B R / (B + R),   x_a = D(z_a)

B and R are diagonal: where latent errors are uncorrelated this is the best linear unbiased estimate. With several
observers precisions add, 1/sigma_a^2 = 1/B + sum_k 1/R_k: each observing system brings its own network and R. There is
no iteration and no gradient. Of a share c of the increment, z = z_b + c (z_a - z_b), the error is

    sigma^2 = (1 - c k)^2 B + (c k)^2 R = sigma_a^2 + (1 - c)^2 (B - sigma_a^2),    k = B / (B + R),  1/R = sum_k 1/R_k

Uncertainty in model space: sigma_x^2 = mean_s [D(z_a + sigma s) - D(z_a)]^2 over vectors s of independent signs. For
an affine D its expectation is the diagonal of D' A D'^T, as E(s s^T) = I, and signs have the smallest variance of all
such s; no Jacobian is formed, and the steps being as long as the errors are, a curved D counts as it acts. Components
left alone have the background's error, mean_s [D(z_b + B^1/2 s) - D(z_b)]^2. With
`probes: 0` the one vector s = sign(z_a - z_b) is taken, the paper's: cheaper, but its square contains all products of
latent elements, which the mean over random signs removes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from pipeline.assimilation.base import Analysis, check_background, deviations, free_elements, variables_of
from pipeline.covariances.base import Covariance
from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.observations.gridded import Gridded
from pipeline.precision import matched
from pipeline.spaces import Space
from pipeline.transforms.base import Transform


@dataclass(frozen=True)
class Estimate(Analysis):
    """An analysis that knows its error.

    Attributes:
        innovation, residual: of the values at the cells c seen, (..., c): y - H(x_b), less x_a(c) - x_b(c).
        history: 1/2 |z_a - z_b|^2_(B^-1) and 1/2 |z_a - z_o|^2_(R^-1), the one evaluation there is.
        deviation: sigma_x, standard deviation of the error of `state` (..., n), physical units, 0 where masked; empty
            where nothing was observed.
        latent_deviation: sigma (..., m), of the share of the increment that was applied.
    """

    deviation: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    latent_deviation: torch.Tensor = field(default_factory=lambda: torch.zeros(0))


class Observer(Protocol):
    """O with its R, see `observations.latent_observer`."""

    covariance: Covariance
    variables: tuple[str, ...]

    def gridded(self, observations: Observations, background: torch.Tensor | None = None) -> Gridded:
        """The observations on the cells of the state, values (..., c) for a background (..., n)."""

    def encode(
        self, seen: Gridded, value: torch.Tensor | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """z_o (..., m)."""

    def errors(self, seen: Gridded, members: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
        """e_k (K, m)."""

    def likelihood(self, z: torch.Tensor, variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """z_o and R as they are fused with the background."""


class Hloba:
    """HLOBA.

    Args:
        transform: E and D.
        covariance: B in latent space, of which the variances are used; `blended` follows the ensemble.
        observers: one, or several that see different variables: reports are told apart by these alone.
        space: what the elements of the state are.
        update: `replace` takes D(z_a) (the paper's), `increment` adds D(z_a) - D(z_b) to the background.
        coefficient: c, the share of the increment that is applied, 0 < c <= 1.
        probes: random sign vectors for sigma_x; 0 for the paper's single one.
        components: change these alone, by their own observations (weak coupling); all by default.
        representativeness: standard deviation per variable, in its units, of what the decoder cannot represent; with
            `replace` c^2 times its square is added to sigma_x^2.
        seed: of the signs.
        device: `cpu`, `cuda`, ...; that of the background by default.
        dtype: `float32` or `float64`; that of the background by default.

    Raises:
        PipelineError: an option is unknown or out of its range, or two observers see the same variable.
    """

    def __init__(
        self,
        transform: Transform,
        covariance: Covariance,
        observers: Observer | Sequence[Observer],
        space: Space,
        update: str = "replace",
        coefficient: float = 1.0,
        probes: int = 16,
        components: Sequence[str] | None = None,
        representativeness: Mapping[str, float] | None = None,
        seed: int = 0,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        if update not in ("increment", "replace"):
            raise PipelineError(f"assimilation/hloba: update {update!r} is unknown; choose one of increment, replace")
        if probes < 0:
            raise PipelineError(f"assimilation/hloba: probes {probes} must not be negative")
        if not 0 < coefficient <= 1:
            raise PipelineError(f"assimilation/hloba: coefficient {coefficient} is outside (0, 1]")
        if dtype not in (None, "float32", "float64"):
            raise PipelineError(f"assimilation/hloba: dtype {dtype!r} is unknown; choose one of float32, float64")
        self.transform, self.covariance, self.space = transform, covariance, space
        self.observers = tuple(observers) if isinstance(observers, Sequence) else (observers,)
        self.update, self.coefficient, self.probes, self.seed = update, coefficient, probes, seed
        self.variables, self.free = variables_of(space, components), free_elements(space, components)
        self.unresolved = torch.zeros(space.size, dtype=torch.float64)
        for name, value in deviations(representativeness, space).items():
            self.unresolved[space.index(name)] = value
        _refuse_shared(self.observers)
        self.device, self.dtype = device, getattr(torch, dtype) if dtype else None

    @torch.no_grad()
    def analysis(
        self, background: torch.Tensor, observations: Observations, ensemble: torch.Tensor | None = None
    ) -> Estimate:
        """The analysis of a background (..., n) with its sigma; `ensemble` (K, n) for B and R that follow the flow.

        Raises:
            PipelineError: background, observations or ensemble are not what they should be.
        """
        check_background(background, self.space)
        own = observations.where(np.isin(observations.variable, self.variables))
        seen = [(observer, observer.gridded(own, background)) for observer in self.observers]
        seen = [(observer, cells) for observer, cells in seen if len(cells.cells)]
        if not seen:
            return Estimate.unchanged(background)
        x_b = background.to(device=self.device, dtype=self.dtype)
        transform = matched(self.transform, x_b)
        z_b, estimates = self._latent(x_b, transform, seen, ensemble)
        z_a, a = bayes(*zip(*estimates, strict=True))
        j_b, *j_o = (0.5 * ((z_a - z).square() / v).sum(-1)[None] for z, v in estimates)
        costs = {"background": j_b, "observation": sum(j_o)}
        b = estimates[0][1]
        sigma = (a + (1 - self.coefficient) ** 2 * (b - a)).sqrt().expand_as(z_a)
        return self._assemble(background, x_b, transform, z_b, z_a, b.sqrt(), sigma, costs, seen)

    def _latent(
        self,
        x_b: torch.Tensor,
        transform: Transform,
        seen: list[tuple[Observer, Gridded]],
        ensemble: torch.Tensor | None,
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """z_b, and (z, variance) of the background and of each observer."""
        b = matched(self.covariance, x_b)
        members = None if ensemble is None else ensemble.to(x_b)
        encoded = None if members is None else transform.encode(members)
        b = b if encoded is None else b.with_members(encoded)
        z_b = transform.encode(x_b)
        estimates = [(z_b, b.variance.to(z_b))]
        for observer, cells in seen:
            observer = matched(observer, x_b)
            r = observer.covariance
            if members is not None:
                r = r.with_members(observer.errors(cells, members, encoded))
            z_o = observer.encode(cells, like=x_b).expand_as(z_b)
            estimates.append(observer.likelihood(z_o, r.variance.to(z_b)))
        return z_b, estimates

    def _assemble(
        self,
        background: torch.Tensor,
        x_b: torch.Tensor,
        transform: Transform,
        z_b: torch.Tensor,
        z_a: torch.Tensor,
        sigma_b: torch.Tensor,
        sigma: torch.Tensor,
        costs: dict[str, torch.Tensor],
        seen: list[tuple[Observer, Gridded]],
    ) -> Estimate:
        decoded = transform.decode(z_a)
        change = decoded - (transform.decode(z_b) if self.update == "increment" else x_b)
        free = self.free.to(x_b.device)
        increment = torch.where(free, self.coefficient * change, 0.0).to(background)
        state = background + increment
        variance = self._variance(transform, decoded, z_a, sigma, z_a - z_b)
        if self.update == "replace":
            variance = variance + (self.coefficient * self.unresolved.to(variance)) ** 2
        if not torch.equal(self.free, self.space.mask):
            kept = self._variance(transform, transform.decode(z_b), z_b, sigma_b, z_a - z_b)
            variance = torch.where(free, variance, kept)
        cells = torch.cat([found.cells for _, found in seen]).to(background.device)
        value, error = (torch.cat([getattr(found, name) for _, found in seen], -1) for name in ("value", "error"))
        return Estimate(
            state=state,
            increment=increment,
            latent_increment=z_a - z_b,
            history=costs,
            iterations=torch.zeros(background.shape[:-1], dtype=torch.int64),
            variable=self._names()[cells.cpu().numpy()],
            innovation=value.to(background) - background[..., cells],
            residual=value.to(background) - state[..., cells],
            error=error.to(background),
            deviation=torch.where(self.space.mask.to(x_b.device), variance.sqrt(), 0.0).to(background),
            latent_deviation=sigma,
        )

    def _variance(
        self, transform: Transform, decoded: torch.Tensor, z: torch.Tensor, sigma: torch.Tensor, dz: torch.Tensor
    ) -> torch.Tensor:
        """Variance (..., n) of `decoded` = D(z), errors of z being sigma; one probe at a time bounds the memory."""
        if self.probes == 0:
            return (transform.decode(z + sigma * torch.sign(dz)) - decoded).square()
        generator = torch.Generator().manual_seed(self.seed)
        total = torch.zeros_like(decoded)
        for _ in range(self.probes):
            # One vector for the whole batch: an element's sigma must not depend on its neighbours.
            signs = torch.randint(0, 2, z.shape[-1:], generator=generator).to(z) * 2 - 1
            total += (transform.decode(z + sigma * signs) - decoded).square()
        return total / self.probes

    def _names(self) -> np.ndarray:
        """The variable of each element, (n,)."""
        names = np.empty(self.space.size, dtype="<U32")
        for component in self.space.components:
            for variable in component.variables:
                names[self.space.index(variable)] = variable
        return names


def bayes(means: Sequence[torch.Tensor], variances: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of independent Gaussian estimates of one vector, element by element.

    Written as updates of the first, z + B (z_o - z) / (B + R), so that an infinite R leaves it bit for bit.
    """
    z, b = means[0], variances[0]
    for other, r in zip(means[1:], variances[1:], strict=True):
        gain = torch.where(torch.isinf(r), 0.0, b / (b + r))
        z, b = z + gain * (other - z), (1 - gain) * b
    return z, b


def _refuse_shared(observers: Sequence[Observer]) -> None:
    """Refuse observers that see a variable twice: its errors would be taken for independent ones."""
    seen = Counter(name for observer in observers for name in set(observer.variables))
    if shared := sorted(name for name, times in seen.items() if times > 1):
        raise PipelineError(
            f"assimilation/hloba: {', '.join(shared)} would be used by more than one of {len(observers)} observers, "
            "and counted twice; give each observer `variables` of its own"
        )
