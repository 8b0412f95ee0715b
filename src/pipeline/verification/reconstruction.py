"""How well an autoencoder gives back what it is given, over the test period of the nature run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import torch

from pipeline.files import atomic
from pipeline.spaces import VOCABULARY, Space


def reconstruction_errors(
    states: Iterable[torch.Tensor],
    reconstruct: Callable[[torch.Tensor], torch.Tensor],
    space: Space,
    ranges: dict[str, float],
) -> pd.DataFrame:
    """RMSE per variable, in its units and as a share of its range (the normalised error of Hf2pMDA).

    Args:
        states: batches (b, n) of the test period.
        reconstruct: x (b, n) -> D(E(x)) (b, n).
        ranges: maximum - minimum of each variable in the training period.

    Returns:
        Columns `variable, units, rmse, rmse_normalised`.
    """
    total = torch.zeros(space.size, dtype=torch.float64)
    count = 0
    for batch in states:
        with torch.no_grad():
            total += ((reconstruct(batch) - batch).double() ** 2).sum(dim=0)
        count += len(batch)
    mean_square = total / count * space.weights
    names = [name for component in space.components for name in component.variables]
    errors = {name: float(mean_square[space.index(name)].sum().sqrt()) for name in names}
    return pd.DataFrame(
        {
            "variable": names,
            "units": [VOCABULARY[name].units for name in names],
            "rmse": [errors[name] for name in names],
            "rmse_normalised": [errors[name] / ranges[name] for name in names],
        }
    )


def write_example(
    path: str | Path, state: torch.Tensor, estimate: torch.Tensor, space: Space, table: pd.DataFrame
) -> None:
    """One state (n,) and its reconstruction, a group per component with stages `field` and `reconstruction`.

    The attribute `rmse` of each variable is that of the whole test period, from `reconstruction_errors`.
    """
    rmse = dict(zip(table["variable"], table["rmse"], strict=True))
    fields = space.to_xarray(torch.stack([state, estimate]), dims=("stage",))
    with atomic(path) as partial:
        for mode, (name, dataset) in zip("wa", fields.items(), strict=False):
            for variable in dataset:
                dataset[variable].attrs["rmse"] = rmse[variable]
            dataset.assign_coords(stage=["field", "reconstruction"]).to_netcdf(partial, mode=mode, group=name)
