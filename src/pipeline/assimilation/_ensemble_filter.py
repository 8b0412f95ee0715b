"""What all ensemble filters share: transform, observations, inflation, rotation; the update itself is the kind's own.

    z_k = E(x_k),   y_k = H(x(z_k)),   {z_k} -> update -> inflation -> rotation,   x_k = x(z_k)
    x(z) = x_k + D(z) - D(z_k)   (update: increment)      x(z) = D(z)   (update: replace)

Members are rows: an ensemble is (..., N, n), an ensemble of what it would measure (..., N, p). Leading axes are a batch
of independent experiments. No matrix of the size of the state, or of the observations, is ever formed.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.assimilation._random import Random
from pipeline.assimilation.base import (
    Analysis,
    ObservationOperator,
    OperatorFactory,
    are_usable,
    check_background,
    free_elements,
    usable,
    variables_of,
)
from pipeline.errors import PipelineError
from pipeline.inflation.base import Inflation
from pipeline.localization._places import between_components
from pipeline.localization.base import Localization
from pipeline.observations import Observations
from pipeline.precision import matched
from pipeline.spaces import Space
from pipeline.transforms.base import Transform


@dataclass(frozen=True)
class Network:
    """Observations made ready for a filter, but for their values; one network serves many cycles.

    Attributes:
        operator: H.
        transform: E and D on the members' device and in their precision, if there is one.
        rows: which of the given observations it sees, (p,).
        error: standard deviations, (p,).
        local: what a localized filter worked out of the positions.
    """

    operator: ObservationOperator
    transform: Transform | None
    rows: torch.Tensor
    error: torch.Tensor
    local: object = None

    def __len__(self) -> int:
        return len(self.error)


@dataclass(frozen=True)
class Departures:
    """What an update sees of the observations.

    Attributes:
        mean: of the members' H(x_k), (..., p).
        anomalies: H(x_k) less their mean, (..., N, p).
        innovation: y - mean, (..., p).
        error: standard deviations of y, (p,).
    """

    mean: torch.Tensor
    anomalies: torch.Tensor
    innovation: torch.Tensor
    error: torch.Tensor

    @classmethod
    def of(cls, predicted: torch.Tensor, value: torch.Tensor, error: torch.Tensor) -> Departures:
        """From the members' observations (..., N, p) and the values (..., p)."""
        mean = predicted.mean(-2)
        return cls(mean, predicted - mean.unsqueeze(-2), value - mean, error)


class EnsembleFilter(ABC):
    """An ensemble to an ensemble.

    Args:
        operator: makes H of (space, observations).
        space: what the elements of the state are.
        transform: E and D; the filter works on the state itself by default.
        localization: what an observation may say about distant places; for filters that are `local`.
        inflation: of the anomalies; none by default.
        rotate: turn the anomalies at random after the analysis, which keeps mean and covariance.
        update: `increment` adds D(z_a) - D(z_b) to each member, `replace` takes D(z_a) for it.
        components: change these alone, by their own observations (weak coupling); all by default.
        seed: of the random numbers, where the filter or the rotation needs any. Those of `analysis` follow from it and
            from the observations: a run that was interrupted draws what it would have drawn, and sets of observations
            that are assimilated in turn draw different numbers.
        device: `cpu`, `cuda`, ...; that of the background by default.
        dtype: `float32` or `float64`; that of the background by default.

    Attributes:
        local: whether the kind can be localized.
        mean_alone: nobody asks for the analysis anomalies; a kind that saves by it may leave them as they were.
    """

    local = False
    mean_alone = False

    def __init__(
        self,
        operator: OperatorFactory,
        space: Space,
        transform: Transform | None = None,
        localization: Localization | None = None,
        inflation: Inflation | None = None,
        rotate: bool = False,
        update: str = "increment",
        components: Sequence[str] | None = None,
        seed: int = 0,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        if update not in ("increment", "replace"):
            raise PipelineError(f"{self._name}: update {update!r} is unknown; choose one of increment, replace")
        if dtype not in (None, "float32", "float64"):
            raise PipelineError(f"{self._name}: dtype {dtype!r} is unknown; choose one of float32, float64")
        if localization is not None and not self.local:
            raise PipelineError(f"{self._name}: this filter is global; choose letkf or eakf with a localization")
        if transform is not None and localization is not None and localization.reach < math.inf:
            raise PipelineError(
                f"{self._name}: latent variables have no place; leave localization out, work without a transform "
                "(transform: null), or let every observation count everywhere, localization: {kind: cutoff}"
            )
        self.operator, self.space, self.transform = operator, space, transform
        if localization is not None:
            self.between = between_components(localization, space)
            if transform is not None and not bool((self.between == 1).all()):
                raise PipelineError(
                    f"{self._name}: latent variables belong to no component; leave between or transform out, or change "
                    f"one component alone, components: [{space.names[0]}]"
                )
        self.localization = localization if transform is None else None
        self.inflation, self.rotate, self.update = inflation or Inflation(), rotate, update
        self.variables, self.free = variables_of(space, components), free_elements(space, components)
        self.whole = bool(self.free.all())
        self.seed, self.random = seed, Random([seed])
        self.device, self.dtype = device, getattr(torch, dtype) if dtype else None

    @abstractmethod
    def analyse(self, members: torch.Tensor, departures: Departures, network: Network, random: Random) -> torch.Tensor:
        """The analysis ensemble (..., N, m) of the prior `members` (..., N, m), in the space of the transform."""

    def localize(self, operator: ObservationOperator, like: torch.Tensor) -> object:
        """What the filter needs of the observations' positions."""
        return None

    def analysis(
        self, background: torch.Tensor, observations: Observations, ensemble: torch.Tensor | None = None
    ) -> Analysis:
        """The analysis of an ensemble (..., N, n), physical units.

        Raises:
            PipelineError: background or observations are not what they should be.
        """
        self._check(background, ensemble)
        members = background.to(device=self.device, dtype=self.dtype)
        network = self.network(observations, members)
        if not len(network):
            return Analysis.unchanged(background)
        kept = network.operator.observations
        value = torch.as_tensor(kept.value).to(members)
        after, dz = self._cycle(members, value, network, Random([_seed_of(self.seed, kept)]))
        state = background + (after - members).to(background)
        nothing = members.new_zeros(0, *background.shape[:-1])
        return Analysis(
            state=state,
            increment=state - background,
            latent_increment=dz,
            history={"background": nothing, "observation": nothing.clone()},
            iterations=torch.zeros(background.shape[:-1], dtype=torch.int64),
            variable=kept.variable,
            innovation=value - network.operator(members),
            residual=value - network.operator(state.to(members)),
            error=network.error,
        )

    def network(self, observations: Observations, like: torch.Tensor) -> Network:
        """Operator, errors and localization of a set of observations, for members like a tensor."""
        given = np.flatnonzero(are_usable(observations, self.variables))
        operator = self.operator(self.space, usable(observations, self.variables))
        transform = None if self.transform is None else matched(self.transform, like)
        error = torch.as_tensor(operator.observations.error).to(like)
        rows = torch.from_numpy(given[operator.valid]).to(like.device)
        return Network(operator, transform, rows, error, self.localize(operator, like) if len(error) else None)

    def assimilate(
        self, members: torch.Tensor, value: torch.Tensor, network: Network, random: Random | None = None
    ) -> torch.Tensor:
        """Members (..., N, n) after a network's observations; their values (..., given) may differ along the batch."""
        if members.ndim < 2 or members.shape[-2] < 2:
            raise PipelineError(f"{self._name}: members are (..., N, n), N at least 2; got {tuple(members.shape)}")
        if not len(network):
            return members
        used = value[..., network.rows]
        if not bool(torch.isfinite(used).all()):
            raise PipelineError(
                f"{self._name}: {int((~torch.isfinite(used)).sum())} of {used.numel()} observed values are not finite; "
                "leave those observations out"
            )
        return self._cycle(members, used, network, random or self.random)[0]

    @torch.no_grad()
    def _cycle(
        self, members: torch.Tensor, value: torch.Tensor, network: Network, random: Random
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Members x_a (..., N, n), and z_a - z_b (..., N, m)."""
        z, state = self._latent(members, network.transform)
        z_b = self.inflation.prior(z)
        predicted = network.operator(members if z_b is members else state(z_b))
        z_a = self.analyse(z_b, Departures.of(predicted, value, network.error), network, random)
        z_a = self.inflation.posterior(z_b, z_a)
        if self.rotate:
            mean = z_a.mean(-2, keepdim=True)
            z_a = mean + random.rotation(z_a.shape[-2], z_a.shape[:-2], z_a) @ (z_a - mean)
        x_a = state(z_a)
        return (x_a if self.whole else torch.where(self.free.to(x_a.device), x_a, members)), z_a - z

    def _latent(
        self, members: torch.Tensor, transform: Transform | None
    ) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
        """z_k, and the function x(z) of the module's docstring."""
        if transform is None:
            return members, lambda z: z
        z_b = transform.encode(members)
        if self.update == "replace":
            return z_b, transform.decode
        remainder = members - transform.decode(z_b)
        return z_b, lambda z: remainder + transform.decode(z)

    def _check(self, background: torch.Tensor, ensemble: torch.Tensor | None) -> None:
        check_background(background, self.space)
        if background.ndim < 2 or background.shape[-2] < 2:
            shape = tuple(background.shape)
            raise PipelineError(f"{self._name}: the background is an ensemble (..., N, n), N at least 2; got {shape}")
        if ensemble is not None:
            raise PipelineError(f"{self._name}: the background is the ensemble; no other is used")

    @property
    def _name(self) -> str:
        return "assimilation/" + type(self).__module__.rpartition(".")[2]


def _seed_of(seed: int, observations: Observations) -> int:
    """A seed of their own for observations: e_k of two sets at one time must be independent, as their errors are."""
    columns = (getattr(observations, name) for name in ("variable", "lat", "lon", "value"))
    digest = hashlib.blake2b(digest_size=8)
    for column in columns:
        digest.update(column.tobytes())
    # A clock may stand before its epoch.
    drawn_from = [seed % 2**64, int(observations.time.max()) % 2**64, int.from_bytes(digest.digest())]
    return int(np.random.SeedSequence(drawn_from).generate_state(1)[0])
