"""The low-frequency ensemble: slow anomalies of the last months of a run (Yu et al. 2019, Lu et al. 2023).

    x'_m = L(x - s)(t_m) - mean,    t_m = the last `members` times, `spacing_days` apart

with the low pass L of `_timescales` and the seasonal cycle s of `harmonics`. The published filter takes monthly means
less the monthly climatology; a mean over 30 days halves the amplitude of the period of 50 days, which is the default
here, but lets a fifth of some faster oscillations through, with the wrong sign. The times are the last at which L has
all its snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.ensembles._timescales import combine, lanczos, last_centres, regular_interval, without_season
from pipeline.ensembles.base import snapshots
from pipeline.errors import PipelineError

KIND = "low_frequency"


class LowFrequency:
    """Members are low-passed states of the last months.

    Args:
        members: N, 2 or more; about 20.
        cutoff_days: period whose amplitude is halved; slower ones pass.
        half_width_days: of the filter's window.
        spacing_days: between members.
        harmonics: of the seasonal cycle that is taken out first; needs a year or more.
    """

    def __init__(
        self,
        members: int = 20,
        cutoff_days: float = 50.0,
        half_width_days: float = 60.0,
        spacing_days: float = 30.0,
        harmonics: int = 0,
    ) -> None:
        if members < 2:
            raise PipelineError(f"ensembles/{KIND}: members {members} are too few; give 2 at least")
        self.members, self.cutoff_days, self.half_width_days = members, cutoff_days, half_width_days
        self.spacing_days, self.harmonics = spacing_days, harmonics

    def anomalies(self, states: Sequence[str | Path]) -> xr.Dataset:
        """The content of the ensemble file from snapshot files, or directories of them, named by their clock [s].

        Raises:
            PipelineError: too short a run, uneven or damaged snapshots, or a field without any spread.
        """
        files = snapshots(states)
        seconds, interval = regular_interval(files, KIND)
        weights = lanczos(interval, self.cutoff_days, self.half_width_days)
        half = len(weights) // 2
        spacing = max(1, round(self.spacing_days / interval))
        centres = last_centres(len(files), half, spacing, self.members, KIND)
        window = np.zeros((self.members, len(files)))
        for row, centre in zip(window, centres, strict=True):
            row[centre - half : centre + half + 1] = weights
        matrix = window @ without_season(seconds, self.harmonics, KIND)
        attributes = {"kind": KIND, "cutoff_days": self.cutoff_days, "harmonics": self.harmonics}
        return combine(files, matrix, centres, attributes)
