"""A time-lagged ensemble: forecasts valid at the same time, each begun one cycle earlier (Hoffman and Kalnay 1983).

It costs nothing but memory, as every cycle runs on for K cycles anyway: K = 3, 6, 9 in HLOBA. Its spread grows with
lead time, so that the members are no draws from one distribution: the covariances that use it bring an inflation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pipeline.errors import PipelineError


class Lagged:
    """The forecasts of the last K cycles.

    Args:
        members: K.
        interval: seconds between cycles, and between the states of a forecast.
    """

    def __init__(self, members: int = 6, interval: int = 21600) -> None:
        if members < 2 or interval <= 0:
            raise PipelineError(
                f"ensembles/lagged: members {members} must be 2 or more and interval {interval} positive"
            )
        self.count, self.interval = members, interval
        self.forecasts: dict[int, dict[int, torch.Tensor]] = {}

    def add(self, begin: int, states: torch.Tensor) -> None:
        """A forecast from an analysis at `begin` [s]: states (K, n) at lead times of 1, 2, ..., K intervals.

        Raises:
            PipelineError: another number of states.
        """
        if len(states) != self.count:
            raise PipelineError(f"ensembles/lagged: {len(states)} states were given, the members need {self.count}")
        self.forecasts[begin] = {begin + (k + 1) * self.interval: x for k, x in enumerate(states)}
        oldest = begin - self.count * self.interval
        self.forecasts = {start: states for start, states in self.forecasts.items() if start > oldest}

    def members(self, valid: int) -> torch.Tensor | None:
        """The states (K, n) valid at a time [s], the youngest first; None until K cycles have been run."""
        begins = [valid - (k + 1) * self.interval for k in range(self.count)]
        found = [self.forecasts.get(begin, {}).get(valid) for begin in begins]
        return None if any(x is None for x in found) else torch.stack(found)


class Carried:
    """The same ensemble for a model that takes batches: at each cycle all forecasts are carried on by one interval.

    Args:
        members: K.
    """

    def __init__(self, members: int = 6) -> None:
        if members < 2:
            raise PipelineError(f"ensembles/lagged: members {members} must be 2 or more")
        self.count = members
        self.states: torch.Tensor | None = None

    def advance(self, analysis: torch.Tensor, step: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The forecast (n,) from an analysis (n,) one interval ahead; the older forecasts go along with it."""
        older = [] if self.states is None else [self.states[: self.count - 1]]
        self.states = step(torch.cat([analysis[None], *older]))
        return self.states[0]

    def members(self) -> torch.Tensor | None:
        """The states (K, n) valid now, the youngest first; None until K cycles have been run."""
        return self.states if self.states is not None and len(self.states) == self.count else None
