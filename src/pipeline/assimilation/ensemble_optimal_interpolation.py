"""Ensemble optimal interpolation (Evensen 2003, section 5; Oke et al. 2002): one forecast, a fixed ensemble of errors.

    x_a = x_b + K (y - H x_b),    B = alpha / (K - 1) sum_k x'_k x'_k^T

The fixed anomalies x'_k are set about the background, and any ensemble filter makes the analysis of their mean; its
localization, coupling and transform are thereby available. With more states than elements, B is carried by as many
anomalies as it has rank. With the mean of the states in place of the forecast this is optimal interpolation proper.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch
import xarray as xr

from pipeline.assimilation._ensemble_filter import EnsembleFilter, Network
from pipeline.assimilation._random import Random, mean_free_basis
from pipeline.assimilation.base import Analysis, ObservationOperator, usable
from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.observations import Observations


class EnsembleOptimalInterpolation:
    """A filter on the anomalies of a fixed set of states.

    Args:
        filter: any ensemble filter whose mean is exact.
        states: NetCDF file or dataset with `x (member, state)`, or a tensor (K, n), in physical units; None where each
            analysis brings its own `ensemble`. What they hold on masked elements is not read.
        scale: alpha, factor on the covariance.
        reference: what the observations correct: the `forecast`, or the `mean` of the states.

    Raises:
        PipelineError: a setting or the states are not what they should be.
    """

    def __init__(
        self,
        filter: EnsembleFilter,
        states: torch.Tensor | str | Path | xr.Dataset | None = None,
        scale: float = 1.0,
        reference: str = "forecast",
    ) -> None:
        if not scale > 0:
            raise PipelineError(f"assimilation/ensemble_optimal_interpolation: scale {scale} must be positive")
        if reference not in ("forecast", "mean"):
            raise PipelineError(
                f"assimilation/ensemble_optimal_interpolation: reference {reference!r} is unknown; "
                "choose one of forecast, mean"
            )
        if states is not None and not isinstance(states, torch.Tensor):
            states = torch.as_tensor(read(states, "x")["x"].values.copy())
        # A decoder's mean depends on the anomalies; without one they average out.
        self.filter = copy.copy(filter)
        self.filter.mean_alone = filter.transform is None
        self.scale, self.reference = scale, reference
        self.space = filter.space
        self.fixed = None if states is None else self._prepare(states)

    def analysis(
        self, background: torch.Tensor, observations: Observations, ensemble: torch.Tensor | None = None
    ) -> Analysis:
        """The analysis of a background (..., n); the anomalies of an `ensemble` (K, n) take the fixed ones' place.

        Innovation and residual are those of the reference.
        """
        centre, anomalies = self._prior(background, ensemble)
        found = self.filter.analysis(centre.unsqueeze(-2) + anomalies, observations)
        increment = found.increment.mean(-2)
        return dataclasses.replace(
            found,
            state=centre + increment if found.variable.size else centre.clone(),
            increment=centre - background + increment,
            latent_increment=found.latent_increment.mean(-2),
            history={name: values[..., 0] for name, values in found.history.items()},
            iterations=found.iterations[..., 0],
            innovation=found.innovation.mean(-2) if found.variable.size else found.innovation,
            residual=found.residual.mean(-2) if found.variable.size else found.residual,
        )

    def network(self, observations: Observations, like: torch.Tensor) -> Network:
        """As an ensemble filter's."""
        return self.filter.network(observations, like)

    def operator(self, observations: Observations) -> ObservationOperator:
        """H of those observations that the filter uses; a network without what its localization needs."""
        return self.filter.operator(self.space, usable(observations, self.filter.variables))

    def assimilate(
        self, members: torch.Tensor, value: torch.Tensor, network: Network, random: Random | None = None
    ) -> torch.Tensor:
        """Backgrounds (..., M, n), each by itself, after a network's observations of values (..., given)."""
        centre, anomalies = self._prior(members, None)
        about = centre.unsqueeze(-2) + anomalies
        return self.filter.assimilate(about, value.unsqueeze(-2), network, random).mean(-2)

    def _prior(self, background: torch.Tensor, ensemble: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """The reference (..., n) and the anomalies about it (K, n)."""
        if ensemble is None and self.fixed is None:
            raise PipelineError(
                "assimilation/ensemble_optimal_interpolation: no states; set `states`, or give the analysis an ensemble"
            )
        mean, anomalies = self._prepare(ensemble) if ensemble is not None else self.fixed
        anomalies = anomalies.to(background)
        if self.reference == "forecast":
            return background, anomalies
        return torch.where(self.space.mask.to(background.device), mean.to(background), background), anomalies

    def _prepare(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean (n,) and anomalies whose sample covariance is alpha times that of the states."""
        states = self._checked(states)
        mean = states.mean(0)
        anomalies = (states - mean) * self.scale**0.5
        if len(states) > states.shape[1] + 1:
            _, s, v = torch.linalg.svd(anomalies, full_matrices=False)
            count = len(s) + 1
            anomalies = mean_free_basis(count, s) @ (s.unsqueeze(-1) * v) * ((count - 1) / (len(states) - 1)) ** 0.5
        return mean, anomalies

    def _checked(self, states: torch.Tensor) -> torch.Tensor:
        """States (K, n) with 0 on masked elements, or what is wrong with them."""
        name = "assimilation/ensemble_optimal_interpolation: states"
        if states.ndim != 2 or len(states) < 2:
            raise PipelineError(f"{name} (K, n), K >= 2; got {tuple(states.shape)}")
        if states.shape[1] != self.space.size:
            sizes = ", ".join(f"{c.name} {c.size}" for c in self.space.components)
            raise PipelineError(
                f"{name} of {states.shape[1]} elements, the space has {self.space.size} ({sizes}); "
                "give states of its grids and variables"
            )
        states = torch.where(self.space.mask.to(states.device), states, 0.0)
        bad = ~torch.isfinite(states)
        if bool(bad.any()):
            members = bad.any(dim=1).nonzero().flatten().tolist()
            raise PipelineError(
                f"{name}: {int(bad.sum())} unmasked elements are not finite, in {len(members)} of {len(states)} "
                f"members, the first is number {members[0] + 1}; make them anew, or leave those members out"
            )
        return states
