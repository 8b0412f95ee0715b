"""Mean state and spread of a set of states, in one pass."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pipeline.errors import PipelineError
from pipeline.spaces import Space


def reference_statistics(states: Iterable[torch.Tensor], space: Space) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean state (n,) and, per variable, the area-weighted standard deviation of the anomalies, as (n,).

        scale_v^2 = sum_i w_i mean_t (x_i - mean_t x_i)^2

    Made for `Autoencoder.set_reference`.

    Raises:
        PipelineError: fewer than two states, or a variable that never changes.
    """
    count, mean, squares = 0, torch.zeros(space.size, dtype=torch.float64), torch.zeros(space.size, dtype=torch.float64)
    for state in states:  # Welford's update, exact where sums of squares would cancel
        count += 1
        x = torch.as_tensor(state, dtype=torch.float64)
        departure = x - mean
        mean += departure / count
        squares += departure * (x - mean)
    if count < 2:
        raise PipelineError(f"training data: {count} states are too few; their spread needs two at least")
    scale = torch.ones(space.size, dtype=torch.float64)
    for name in (v for component in space.components for v in component.variables):
        index = space.index(name)
        variance = (space.weights[index] * squares[index]).sum() / count
        if not variance > 0:
            raise PipelineError(f"training data: {name} is the same in all {count} states; leave it out or add data")
        scale[index] = variance.sqrt()
    return mean.float(), scale.float()
