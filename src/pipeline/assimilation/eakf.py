"""Serial ensemble adjustment Kalman filter in two steps (Anderson 2003, equations 3.2 to 3.5 and 5.6).

For each observation (y, r) with members' values h_k, mean hbar and variance v:

    rho = r / (v + r),   mean' = rho (hbar + v y / r),   dh_k = sqrt(rho) (h_k - hbar) + mean' - h_k
    dx_k = L(distance) cov(x, h) / v dh_k      for every element of the state and every later observation

With L = 1 mean and covariance are the Kalman filter's, in any order of the observations; with localization the order
matters a little. Only what an observation reaches is touched.
"""

from __future__ import annotations

from functools import cached_property

import torch

from pipeline.assimilation._ensemble_filter import Departures, EnsembleFilter, Network
from pipeline.assimilation._random import Random
from pipeline.assimilation.base import ObservationOperator
from pipeline.localization._places import Places, components_of, coupled, neighbours, positions, weights

_DENSE = 1_000_000
"""Weights between places and observations up to which all are kept and nothing is gathered."""

_FEW = 20_000
"""Numbers of state and observations, of all members, up to which a step without gathering is faster in NumPy."""

Reach = list[tuple[slice | torch.Tensor, torch.Tensor | float]]
"""For each observation, the columns of [state, observations] that it changes, and L there."""


class EAKF(EnsembleFilter):
    """One observation at a time, localized or not."""

    local = True

    @cached_property
    def places(self) -> Places:
        """Where the elements of the state are."""
        return Places.of(self.space)

    def localize(self, operator: ObservationOperator, like: torch.Tensor) -> Reach:
        """What each observation reaches."""
        count = len(operator.observations)
        if self.localization is None:
            return [(slice(None), 1.0)] * count
        where, observed = positions(operator.observations), components_of(operator.observations, self.space)
        points = torch.cat([self.places.vectors, where])
        component = torch.cat([self.places.component, observed])
        # Elements of the points: the state's columns come first, the observations' behind them.
        own = torch.full((count, self.places.elements.shape[1]), -1)
        own[:, 0] = self.space.size + torch.arange(count)
        elements = torch.cat([self.places.elements, own])
        if len(points) * count <= _DENSE:
            rho = weights(Places(points, elements, component, self.places.cell), where, self.localization)
            rho = coupled(rho, component.unsqueeze(-1), observed, self.between)
            return [(slice(None), column) for column in _scatter(rho, elements, self.space.size + count).to(like)]
        reach: Reach = []
        for block, near in neighbours(self.places, where, points, self.localization):
            rhos = coupled(near.weight, component[near.index], observed[block].unsqueeze(-1), self.between)
            for index, weight in zip(near.index, rhos, strict=True):
                columns = elements[index[weight > 0]]
                rho = weight[weight > 0].unsqueeze(-1).expand(columns.shape)
                reach.append((columns[columns >= 0].to(like.device), rho[columns >= 0].to(like)))
        return reach

    def analyse(self, members: torch.Tensor, departures: Departures, network: Network, random: Random) -> torch.Tensor:
        count, size = members.shape[-2:]
        anomalies = members - members.mean(-2, keepdim=True)
        # N rows of anomalies and one of the mean, as its increment and as hbar - y: one update serves both.
        last = torch.cat([torch.zeros_like(members[..., 0, :]), -departures.innovation], dim=-1).unsqueeze(-2)
        joint = torch.cat([torch.cat([anomalies, departures.anomalies], dim=-1), last], dim=-2)
        _adjust(joint, size, ((count - 1) * network.error**2).tolist(), network.local)
        # As increments, so that what no observation reaches stays as it is, bit for bit.
        return members + (joint[..., count:, :size] + (joint[..., :count, :size] - anomalies))


def _adjust(joint: torch.Tensor, size: int, errors: list[float], reach: Reach) -> None:
    """Update the rows (..., N + 1, size + p) in place; `errors` are (N - 1) r.

    On the CPU NumPy works on the same memory where numbers are few or gathered: such a step costs its calls, and
    NumPy's cost a third.
    """
    on_cpu = joint.device.type == "cpu" and _in_numpy(joint, reach)
    rows, count = (joint.numpy() if on_cpu else joint), joint.shape[-2] - 1
    least = torch.finfo(joint.dtype).tiny
    for j, (columns, weight) in enumerate(reach):
        where, taper = ((t.numpy() if on_cpu and torch.is_tensor(t) else t) for t in (columns, weight))
        column = rows[..., size + j] * 1.0
        h = column[..., None, :count]
        covariance = h @ rows[..., :count, where]
        squares = (h * h).sum(-1)
        shrink = (errors[j] / (squares + errors[j])) ** 0.5
        # The anomalies change by sqrt(rho) - 1, the mean by rho - 1, which is (sqrt(rho) - 1) (sqrt(rho) + 1).
        column *= (shrink - 1.0) / (squares + least)
        column[..., count:] *= shrink + 1.0
        if torch.is_tensor(rows) and isinstance(where, slice):
            rows.addcmul_(column[..., None], covariance * taper)  # without another array of that size
        else:
            rows[..., where] += column[..., None] * (covariance * taper)


def _in_numpy(joint: torch.Tensor, reach: Reach) -> bool:
    return joint.numel() <= _FEW or not isinstance(reach[0][0], slice)


def _scatter(rho: torch.Tensor, elements: torch.Tensor, size: int) -> torch.Tensor:
    """L (observation, element) from rho (point, observation)."""
    columns = torch.zeros(rho.shape[1], size, dtype=rho.dtype)
    rows, variables = (elements >= 0).nonzero(as_tuple=True)
    columns[:, elements[rows, variables]] = rho[rows].T
    return columns
