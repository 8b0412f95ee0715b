"""Errors aloft and at depth: three-dimensional snapshots of the cycles against those of the truth, level by level.

RMSE(l) = sqrt(sum_g w_g (x - x_t)^2 / sum_g w_g),    w the cells' areas, over the water of each level in the ocean
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from pipeline import times
from pipeline.ensembles.base import FIELDS, read_states, snapshots
from pipeline.errors import PipelineError
from pipeline.spaces import Space

COMPONENTS = {"atmosphere": ("u", "v", "t"), "ocean": ("temp", "salt", "uo", "vo")}
"""Fields on levels, by their component."""
UNITS = {"u": "m/s", "v": "m/s", "t": "K", "temp": "degC", "salt": "psu", "uo": "m/s", "vo": "m/s"}

Snapshots = dict[str, dict[int, Sequence[str]]]
"""Directories of snapshots of each seed of each method: method -> seed -> one per segment."""


def errors_by_level(runs: Snapshots, truths: dict[int, Sequence[str]], space: Space) -> pd.DataFrame:
    """RMSE of each field at each level and time.

    Returns:
        Columns `method, seed, time, component, variable, level, rmse`; `level` is sigma in the air, metres in the sea.

    Raises:
        PipelineError: a run has not the truth's times, or a snapshot is damaged.
    """
    rows = []
    for method, seeds in runs.items():
        for seed, folders in seeds.items():
            ours, truth = snapshots(folders), snapshots(truths[seed])
            if [f.name for f in ours] != [f.name for f in truth]:
                raise PipelineError(f"{method}, seed {seed}: {len(ours)} snapshots, the truth has {len(truth)} others")
            levels = _levels(truth[0])
            for file, x, x_t in zip(truth, read_states(ours), read_states(truth), strict=True):
                place = {"method": method, "seed": seed, "time": times.to_datetime(int(file.stem))}
                rows += [place | row for row in _rows(x, x_t, levels, space)]
    return pd.DataFrame(rows)


def _rows(x: dict[str, np.ndarray], x_t: dict[str, np.ndarray], levels: dict[str, np.ndarray], space: Space) -> list:
    water = x_t["salt"] != 0  # below the sea floor all is zero
    rows = []
    for component, variables in COMPONENTS.items():
        area = space[component].grid.weights
        weights = area * water if component == "ocean" else np.broadcast_to(area, x_t["t"].shape)
        for variable in variables:
            mean = (weights * (x[variable] - x_t[variable]) ** 2).sum((1, 2)) / weights.sum((1, 2))
            place = {"component": component, "variable": variable}
            along = levels[FIELDS[variable][0]]
            rows += [place | {"level": z, "rmse": r} for z, r in zip(along, np.sqrt(mean), strict=True)]
    return rows


def _levels(file: str) -> dict[str, np.ndarray]:
    with xr.open_dataset(file, decode_times=False) as dataset:
        return {name: dataset[name].values for name in ("level", "depth")}
