"""Local ensemble transform Kalman filter (Hunt et al. 2007): an ETKF at every place with the observations near it,

    x_a,k(g) = xbar(g) + (wbar_g + T_g) A(g),    S_g = Y R_g^-1/2 / sqrt(N-1),    R_g^-1 = R^-1 rho(|g - y|)

with the weights of the global filter. The variables of a component at one place share their weights. Without
localization (kind `cutoff` with an infinite radius) it equals the ETKF. Places are treated in blocks, as a batch,
and may be shared among MPI ranks: the one communication is the sum of the increments. Where no observation reaches,
the weights are the identity and nothing is worked out: the members there stay as they are, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from pipeline.assimilation._ensemble_filter import Departures, EnsembleFilter, Network
from pipeline.assimilation._ensemble_space import gram, mean_weights, whitened
from pipeline.assimilation._random import Random
from pipeline.assimilation.base import ObservationOperator
from pipeline.assimilation.etkf import symmetric_weights
from pipeline.errors import PipelineError
from pipeline.localization._places import Neighbours, Places, components_of, coupled, neighbours, positions

_BLOCK = 4_000_000
"""Numbers in memory at once, about: of the places of a block, with the observations near them and N x N matrices."""


class LETKF(EnsembleFilter):
    """Local analyses; the localization, which only a transform makes needless, says how far an observation reaches."""

    local = True
    communicator: Any = None

    def parallel(self, communicator: Any) -> LETKF:
        """Share the places among the ranks of an mpi4py communicator; every rank gives and gets the whole ensemble."""
        self.communicator = communicator
        return self

    @cached_property
    def places(self) -> Places:
        """Where the local analyses are made."""
        return Places.of(self.space)

    def localize(
        self, operator: ObservationOperator, like: torch.Tensor
    ) -> list[tuple[torch.Tensor, Neighbours]] | None:
        """For each block of places that are reached, the elements of the state there and the observations in reach."""
        if self.transform is not None:
            return None  # latent variables share one set of weights
        if self.localization is None:
            raise PipelineError("assimilation/letkf: localization is missing; {kind: gaspari_cohn, half_width: ...}")
        vectors, elements, component = self.places.vectors, self.places.elements, self.places.component
        if self.communicator is not None:
            # In turn, so that dense and sparse regions fall to all ranks alike.
            rank, size = self.communicator.Get_rank(), self.communicator.Get_size()
            vectors, elements, component = vectors[rank::size], elements[rank::size], component[rank::size]
        observed, local = components_of(operator.observations, self.space), []
        for block, near in neighbours(self.places, vectors, positions(operator.observations), self.localization):
            rho = coupled(near.weight, component[block].unsqueeze(-1), observed[near.index], self.between)
            if bool((reached := rho.any(dim=-1)).any()):
                found = Neighbours(near.index, rho)[reached]
                local.append((elements[block][reached].to(like.device), found.to(like)))
        return local

    def analyse(self, members: torch.Tensor, departures: Departures, network: Network, random: Random) -> torch.Tensor:
        s, d = whitened(departures)
        mean = members.mean(-2, keepdim=True)
        if network.local is None:
            return members + self._increment((members - mean).mT, s, d).mT
        # Rows of observations and of elements, so that gathering moves whole rows of N numbers.
        s, anomalies = s.mT.contiguous(), (members - mean).mT.contiguous()
        increment = torch.zeros_like(anomalies)
        for elements, near in _blocks(network.local, s[..., 0, 0].numel(), s.shape[-1]):
            root = near.weight.sqrt()
            local = (s[..., near.index, :] * root.unsqueeze(-1)).mT
            prior = anomalies[..., elements.clamp_min(0), :]
            here = elements >= 0
            increment[..., elements[here], :] = self._increment(prior, local, d[..., near.index] * root)[..., here, :]
        if self.communicator is not None:
            own = increment.cpu().contiguous().numpy()
            total = np.empty_like(own)
            self.communicator.Allreduce(own, total)
            increment = torch.from_numpy(total).to(increment)
        return members + increment.mT

    def _increment(self, prior: torch.Tensor, s: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        """Of the members at each place, (..., elements, N), or of their mean alone, (..., elements, 1)."""
        if self.mean_alone:
            return prior @ mean_weights(torch.linalg.cholesky(gram(s)), s, d).mT
        return prior @ symmetric_weights(s, d).mT - prior


def _blocks(
    local: list[tuple[torch.Tensor, Neighbours]], batch: int, count: int
) -> Iterator[tuple[torch.Tensor, Neighbours]]:
    """Blocks of `localize` in parts that `_BLOCK` numbers hold, for a batch of ensembles of `count` members."""
    for elements, near in local:
        # S twice; I + S S^T, its eigenvectors with what finds them, and the weights; the members before and after.
        each = batch * count * (2 * near.index.shape[1] + 5 * count + 2 * elements.shape[1])
        size = max(1, _BLOCK // max(1, each))
        for first in range(0, len(near), size):
            rows = slice(first, first + size)
            yield elements[rows], near[rows]
