"""A network of stations at fixed places, whose reports fail now and then."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from pipeline.errors import PipelineError
from pipeline.observations import Observations
from pipeline.spaces import Component
from pipeline.testbed.world import World


class Observing:
    """Stations of a testbed's `observations` section.

    Args:
        world: what is observed.
    """

    def __init__(self, world: World) -> None:
        self.world, self.plan = world, world.plan["observations"]
        known = tuple(v for c in world.space.components for v in c.variables)
        self.variables = self.plan["variables"] or known
        if unknown := [name for name in self.variables if name not in known]:
            raise PipelineError(f"testbed.observations: no variable {unknown[0]!r}; choose from {', '.join(known)}")

    @cached_property
    def stations(self) -> dict[str, np.ndarray]:
        """Cells of each component that hold a station, drawn by area."""
        rng, found = np.random.default_rng(self.world.seed), {}
        for component in self.world.space.components:
            weights, count = component.grid.weights.ravel(), self.plan["count"]
            if count > (cells := np.count_nonzero(weights)):
                raise PipelineError(f"testbed.observations: count {count}, the {component.name} has {cells} cells")
            p = weights / weights.sum()
            found[component.name] = rng.choice(len(weights), count, replace=False, p=p)
        return found

    @cached_property
    def coverage(self) -> torch.Tensor:
        """Probability that an element reports, (n,)."""
        p = torch.zeros(self.world.space.size)
        for name in self.variables:
            cells = self.stations[self._component(name).name]
            p[self.world.space.index(name).start + torch.from_numpy(cells)] = 1 - self.plan["gaps"]
        return p

    @cached_property
    def error(self) -> torch.Tensor:
        """Nominal error of an observation, physical units, (n,)."""
        return self.plan["error_share"] * self.world.deviation

    @property
    def nominal(self) -> dict[str, float]:
        """The same by variable."""
        return {name: float(self.error[self.world.space.index(name)][0]) for name in self.variables}

    @property
    def scaled(self) -> torch.Tensor:
        """The same in the networks' units, (n,)."""
        return (self.error / self.world.normalization.half_range).float()

    def observe(self, truth: torch.Tensor, seed: int, factor: float = 1.0, told: bool = True) -> Observations:
        """Reports of the stations that are not silent; errors grow by `factor`; the analysis is told so or not."""
        rng, space = np.random.default_rng(seed), self.world.space
        rows = []
        for name in self.variables:
            component = self._component(name)
            stations, grid = self.stations[component.name], component.grid
            cells = stations[rng.random(len(stations)) > self.plan["gaps"]]
            where = space.index(name).start + cells
            sigma = self.error[where].numpy()
            value = truth[where].double().numpy() + factor * sigma * rng.standard_normal(len(cells))
            lat, lon = grid.lat[cells // len(grid.lon)], grid.lon[cells % len(grid.lon)]
            nothing, error = np.zeros(len(cells)), sigma * (factor if told else 1.0)
            rows.append(Observations(nothing, np.full(len(cells), name), lat, lon, value, error, nothing))
        return Observations.concatenate(rows)

    def _component(self, variable: str) -> Component:
        return next(c for c in self.world.space.components if variable in c.variables)
