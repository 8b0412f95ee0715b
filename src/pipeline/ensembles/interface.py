"""Anomalies of the air-sea interface: states of a long run, spread evenly, less their seasonal cycle and mean.

    x'_k = x(t_k) - s(t_k) - mean,    s fitted to the whole record by least squares, as in `stationary`

They are what a static ensemble covariance of the joined state is made of, in model space
(`ensemble_optimal_interpolation`) or encoded about the background (`covariances/ensemble`, `hybrid`).
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from pipeline import times
from pipeline.datasets.training import Vectors
from pipeline.ensembles._season import seasons
from pipeline.errors import PipelineError

BATCH = 64
"""States in memory at once beside the members."""


class Interface:
    """Members from a record of the joined state.

    Args:
        members: K, 2 or more.
        harmonics: H of the seasonal cycle that is taken out; 0, 1 or 2, where the record is at least a year long.
    """

    def __init__(self, members: int = 40, harmonics: int = 0) -> None:
        if members < 2:
            raise PipelineError(f"ensembles/interface: members {members} are too few; give 2 at least")
        if harmonics < 0:
            raise PipelineError(f"ensembles/interface: harmonics {harmonics} must be 0 or more")
        self.members, self.harmonics = members, harmonics

    def anomalies(self, record: Vectors) -> xr.Dataset:
        """`x (member, state)` in physical units and `time (member)`, from states of one period.

        Raises:
            PipelineError: fewer states than members, too short a period, or an element without any spread.
        """
        if len(record) < self.members:
            raise PipelineError(f"ensembles/interface: {len(record)} states for {self.members} members; lower members")
        seconds = times.to_seconds(record.time)
        basis = torch.from_numpy(seasons(seconds.astype(np.float64), self.harmonics, "interface"))
        cycle = self._fit(record, torch.linalg.pinv(basis))
        chosen = np.linspace(0, len(record) - 1, self.members).round().astype(int)
        x = torch.stack([record[k].double() for k in chosen]) - basis[chosen] @ cycle
        x -= x.mean(0)
        flat = (x.std(0) == 0) & record.space.mask
        if bool(flat.any()):
            raise PipelineError(f"ensembles/interface: {int(flat.sum())} elements are the same in all members")
        data = {
            "x": (("member", "state"), x.numpy(), {"long_name": "anomaly, physical units"}),
            "time": (("member",), seconds[chosen], {"units": "seconds since 2000-01-01 00:00:00"}),
        }
        return xr.Dataset(data, attrs={"kind": "interface", "harmonics": self.harmonics})

    def _fit(self, record: Vectors, solve: torch.Tensor) -> torch.Tensor:
        """Coefficients (1 + 2 H, n) from the pseudo-inverse (1 + 2 H, time) of the basis."""
        cycle = torch.zeros(len(solve), record.space.size, dtype=torch.float64)
        for first in range(0, len(record), BATCH):
            rows = range(first, min(first + BATCH, len(record)))
            cycle += solve[:, rows.start : rows.stop] @ torch.stack([record[k].double() for k in rows])
        return cycle
