"""A time-lagged ensemble: forecasts valid at the same time, each begun one cycle earlier (Hoffman and Kalnay 1983).

It costs nothing but memory, as every cycle runs on for K cycles anyway: K = 3, 6, 9 in HLOBA. Its spread grows with
lead time, so that the members are no draws from one distribution: the covariances that use it bring an inflation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from pipeline.errors import PipelineError


class Lagged:
    """The forecasts of the last K cycles; each cycle carries all of them on by one interval, as one batch of the model.

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
