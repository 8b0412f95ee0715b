"""The stationary ensemble: anomalies of snapshots from a long control run (Yu et al. 2019).

    x'_k = x(t_k) - s(t_k) - mean,    s(t) = sum_{h=1}^{H} a_h cos(2 pi h t / year) + b_h sin(2 pi h t / year)

with the seasonal cycle s fitted to all snapshots by least squares; H = 0 leaves it in. The anomalies sum to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.ensembles._season import seasons
from pipeline.ensembles.base import FIELDS, read_states, snapshots
from pipeline.errors import PipelineError


class Stationary:
    """Members are snapshots spread evenly over the run.

    Args:
        members: N, 2 or more; about 20 to 60.
        harmonics: H of the seasonal cycle; 0, 1 or 2, where the run is at least a year long.
    """

    def __init__(self, members: int = 30, harmonics: int = 0) -> None:
        if members < 2:
            raise PipelineError(f"ensembles/stationary: members {members} are too few; give 2 at least")
        if harmonics < 0:
            raise PipelineError(f"ensembles/stationary: harmonics {harmonics} must be 0 or more")
        self.members, self.harmonics = members, harmonics

    def anomalies(self, states: Sequence[str | Path]) -> xr.Dataset:
        """The content of ensemble.nc from snapshot files, or directories of them, named by their model clock [s].

        Raises:
            PipelineError: too few snapshots or too short a run, damaged snapshots, or a field without any spread.
        """
        files = snapshots(states)
        if len(files) < self.members:
            raise PipelineError(
                f"ensembles/stationary: {len(files)} snapshots for {self.members} members; "
                "lower the ensemble size or write snapshots more often (nature.state_interval_days)"
            )
        chosen = [files[k] for k in np.linspace(0, len(files) - 1, self.members).round().astype(int)]
        seconds = np.array([int(file.stem) for file in files], dtype=np.float64)
        basis = seasons(seconds, self.harmonics, "stationary")
        cycle = self._fit(files, basis) if self.harmonics else {}
        stacked = {name: [] for name in FIELDS}
        for file, fields in zip(chosen, read_states(chosen), strict=True):
            for name, values in fields.items():
                season = np.tensordot(basis[files.index(file), 1:], cycle[name][1:], 1) if cycle else 0.0
                stacked[name].append(values - season)
        data = {name: (("member", *FIELDS[name]), _centred(name, np.stack(v))) for name, v in stacked.items()}
        times = np.array([int(file.stem) for file in chosen], dtype=np.int64)
        coordinates = {"time": ("member", times, {"units": "seconds since 2000-01-01 00:00:00"}), **_axes(chosen[0])}
        return xr.Dataset(data, coordinates, {"kind": "stationary", "harmonics": self.harmonics})

    def _fit(self, files: Sequence[Path], basis: np.ndarray) -> dict[str, np.ndarray]:
        """Coefficients (1 + 2 H, ...) per field, least squares over all snapshots, one in memory at a time."""
        solve = np.linalg.pinv(basis)
        cycle: dict[str, np.ndarray] = {}
        for weights, fields in zip(solve.T, read_states(files), strict=True):
            for name, values in fields.items():
                share = np.multiply.outer(weights, values)
                cycle[name] = cycle[name] + share if name in cycle else share
        return cycle


def _centred(name: str, values: np.ndarray) -> np.ndarray:
    """Values (member, ...) less their mean; zero on land."""
    anomalies = np.nan_to_num(values - values.mean(axis=0), nan=0.0)
    if not anomalies.any():
        raise PipelineError(f"ensembles/stationary: {name} is the same in all members; the filter needs their spread")
    return anomalies


def _axes(file: Path) -> dict[str, xr.Variable]:
    """Coordinates of the snapshot that belong to the fields' dimensions."""
    with xr.open_dataset(file, decode_times=False) as dataset:
        axes = {d for dims in FIELDS.values() for d in dims}
        return {name: c.variable.load() for name, c in dataset.coords.items() if set(c.dims) <= axes and c.dims}
