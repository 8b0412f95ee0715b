"""Multiscale high-efficiency approximate filter (Yu et al. 2019; Lu et al. 2023): one model run, ensembles of scales.

    x_a = x_b + sum_s w_s dx_s,    dx_s the increment that the anomalies of scale s give to the same background

A composition: each scale is an ensemble optimal interpolation with its own anomalies (stationary, low frequency, high
frequency), filter and localization. Increments may be capped, variable by variable.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pipeline.assimilation._ensemble_filter import Network
from pipeline.assimilation._random import Random
from pipeline.assimilation.base import Analysis
from pipeline.assimilation.ensemble_optimal_interpolation import EnsembleOptimalInterpolation
from pipeline.errors import PipelineError
from pipeline.observations import Observations


class Mshea:
    """Weighted sum of the increments of several ensembles.

    Args:
        scales: name -> ensemble optimal interpolation.
        weights: name -> w_s; by default they share equally.
        caps: variable -> largest absolute increment, in its units.
    """

    def __init__(
        self,
        scales: Mapping[str, EnsembleOptimalInterpolation],
        weights: Mapping[str, float] | None = None,
        caps: Mapping[str, float] | None = None,
    ) -> None:
        if not scales:
            raise PipelineError("assimilation/mshea: scales is empty; name one ensemble at least")
        weights = dict(weights) if weights is not None else dict.fromkeys(scales, 1.0 / len(scales))
        if set(weights) != set(scales):
            raise PipelineError(f"assimilation/mshea: weights of {', '.join(weights)} for scales {', '.join(scales)}")
        for name, weight in weights.items():
            if not math.isfinite(weight):
                raise PipelineError(f"assimilation/mshea: weight {weight} of {name} must be finite")
        for name, cap in (caps or {}).items():
            if not cap > 0:
                raise PipelineError(f"assimilation/mshea: cap {cap} of {name} must be positive")
        self.scales, self.weights = dict(scales), weights
        self.space = next(iter(self.scales.values())).space
        self.caps = {self._variable(name): float(value) for name, value in (caps or {}).items()}

    def analysis(
        self, background: torch.Tensor, observations: Observations, ensemble: torch.Tensor | None = None
    ) -> Analysis:
        """The analysis of a background (..., n); an `ensemble` (K, n) serves scales without states of their own."""
        if ensemble is not None and all(scale.fixed is not None for scale in self.scales.values()):
            raise PipelineError("assimilation/mshea: each scale has its own states; an ensemble would not be used")
        found = {
            name: scale.analysis(background, observations, ensemble if scale.fixed is None else None)
            for name, scale in self.scales.items()
        }
        first = next((name for name, analysis in found.items() if analysis.variable.size), None)
        if first is None:
            return next(iter(found.values()))
        increment = self._sum({name: analysis.increment for name, analysis in found.items()})
        state = background + increment
        used = self._used(found, observations, background, state)
        return dataclasses.replace(found[first], state=state, increment=increment, latent_increment=increment, **used)

    def network(self, observations: Observations, like: torch.Tensor) -> dict[str, Network]:
        """Those of the scales."""
        return {name: scale.network(observations, like) for name, scale in self.scales.items()}

    def assimilate(
        self, members: torch.Tensor, value: torch.Tensor, network: dict[str, Network], random: Random | None = None
    ) -> torch.Tensor:
        """Backgrounds (..., M, n), each by itself, after a network's observations of values (..., given)."""
        increments = {
            name: scale.assimilate(members, value, network[name], random) - members
            for name, scale in self.scales.items()
        }
        return members + self._sum(increments)

    def _used(
        self, found: Mapping[str, Analysis], observations: Observations, background: torch.Tensor, state: torch.Tensor
    ) -> dict[str, Any]:
        """What was observed, each variable once: a scale of one component sees that component's observations alone."""
        parts, taken = [], set()
        for name, analysis in found.items():
            new = ~np.isin(analysis.variable, [*taken])
            if not new.any():
                continue
            operator = self.scales[name].operator(observations)
            residual = analysis.innovation + operator(background) - operator(state)
            parts.append(
                (analysis.variable[new], analysis.innovation[..., new], residual[..., new], analysis.error[new])
            )
            taken.update(analysis.variable)
        variable, innovation, residual, error = zip(*parts, strict=True)
        return {
            "variable": np.concatenate(variable),
            "innovation": torch.cat(innovation, -1),
            "residual": torch.cat(residual, -1),
            "error": torch.cat(error),
        }

    def _sum(self, increments: Mapping[str, torch.Tensor]) -> torch.Tensor:
        total = torch.stack([self.weights[name] * dx for name, dx in increments.items()]).sum(0)
        for variable, cap in self.caps.items():
            where = self.space.index(variable)
            total[..., where] = total[..., where].clamp(-cap, cap)
        return total

    def _variable(self, name: str) -> str:
        known = [v for c in self.space.components for v in c.variables]
        if name not in known:
            raise PipelineError(f"assimilation/mshea: caps of {name!r}; the state has {', '.join(known)}")
        return name
