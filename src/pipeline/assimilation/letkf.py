"""Local ensemble transform Kalman filter (Hunt et al. 2007): an ETKF at every place with the observations near it,

    x_a,k(g) = xbar(g) + (wbar_g + T_g) A(g),    S_g = Y R_g^-1/2 / sqrt(N-1),    R_g^-1 = R^-1 rho(|g - y|)

with the weights of the global filter. The variables of a component at one place share their weights. Without
localization (kind `cutoff` with an infinite radius) it equals the ETKF. Places are treated in blocks, as a batch.
"""

from __future__ import annotations

from functools import cached_property

import torch

from pipeline.assimilation._ensemble_filter import Departures, EnsembleFilter, Network
from pipeline.assimilation._ensemble_space import whitened
from pipeline.assimilation._random import Random
from pipeline.assimilation.base import ObservationOperator
from pipeline.assimilation.etkf import symmetric_weights
from pipeline.errors import PipelineError
from pipeline.localization._places import Neighbours, Places, neighbours, positions


class LETKF(EnsembleFilter):
    """Local analyses; the localization, which must be given, also says how far an observation reaches."""

    local = True

    @cached_property
    def places(self) -> Places:
        """Where the local analyses are made."""
        return Places.of(self.space)

    def localize(self, operator: ObservationOperator, like: torch.Tensor) -> list[tuple[torch.Tensor, Neighbours]]:
        """For each block of places, the elements of the state there and the observations within reach."""
        if self.localization is None:
            raise PipelineError("assimilation/letkf: localization is missing; {kind: gaspari_cohn, half_width: ...}")
        near = neighbours(self.places, self.places.vectors, positions(operator.observations), self.localization)
        return [(self.places.elements[block].to(like.device), found.to(like)) for block, found in near]

    def analyse(self, members: torch.Tensor, departures: Departures, network: Network, random: Random) -> torch.Tensor:
        s, d = whitened(departures)
        mean = members.mean(-2, keepdim=True)
        # Rows of observations and of elements, so that gathering moves whole rows of N numbers.
        s, anomalies, result = s.mT.contiguous(), (members - mean).mT.contiguous(), members.mT.clone()
        for elements, near in network.local:
            root = near.weight.sqrt()
            local = (s[..., near.index, :] * root.unsqueeze(-1)).mT
            w = symmetric_weights(local, d[..., near.index] * root)
            changed = anomalies[..., elements.clamp_min(0), :] @ w.mT
            here = elements >= 0
            result[..., elements[here], :] = mean.mT[..., elements[here], :] + changed[..., here, :]
        return result.mT
