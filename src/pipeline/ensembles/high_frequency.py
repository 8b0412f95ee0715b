"""The high-frequency ensemble: fast anomalies of the last days of a run (Yu et al. 2019, Lu et al. 2023).

    x'_m = x(t_m) - L(x)(t_m) - mean,    t_m = the last `members` times, `spacing_days` apart

with the low pass L of `_timescales`. The published filter takes daily means less the daily climatology over the last
days, which keeps slow anomalies that are the same on all of them only until the mean is taken out; here the cut-off
says what goes. A season is slow and goes too. The times are the last at which L has all its snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.ensembles._timescales import combine, lanczos, last_centres, regular_interval
from pipeline.ensembles.base import snapshots
from pipeline.errors import PipelineError

KIND = "high_frequency"


class HighFrequency:
    """Members are high-passed states of the last days.

    Args:
        members: N, 2 or more; about 20.
        cutoff_days: period whose amplitude is halved; faster ones pass.
        half_width_days: of the filter's window.
        spacing_days: between members; 0: every snapshot.
    """

    def __init__(
        self,
        members: int = 20,
        cutoff_days: float = 20.0,
        half_width_days: float = 24.0,
        spacing_days: float = 0.0,
    ) -> None:
        if members < 2:
            raise PipelineError(f"ensembles/{KIND}: members {members} are too few; give 2 at least")
        self.members, self.cutoff_days = members, cutoff_days
        self.half_width_days, self.spacing_days = half_width_days, spacing_days

    def anomalies(self, states: Sequence[str | Path]) -> xr.Dataset:
        """The content of the ensemble file from snapshot files, or directories of them, named by their clock [s].

        Raises:
            PipelineError: too short a run, uneven or damaged snapshots, or a field without any spread.
        """
        files = snapshots(states)
        _, interval = regular_interval(files, KIND)
        weights = lanczos(interval, self.cutoff_days, self.half_width_days)
        half = len(weights) // 2
        spacing = max(1, round(self.spacing_days / interval))
        centres = last_centres(len(files), half, spacing, self.members, KIND)
        matrix = np.zeros((self.members, len(files)))
        for row, centre in zip(matrix, centres, strict=True):
            row[centre - half : centre + half + 1] = -weights
            row[centre] += 1.0
        attributes = {"kind": KIND, "cutoff_days": self.cutoff_days}
        return combine(files, matrix, centres, attributes)
