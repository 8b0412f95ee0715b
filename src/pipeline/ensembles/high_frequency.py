"""The high-frequency ensemble: fast anomalies of the last days of a run (Yu et al. 2019, Lu et al. 2023).

    x'_m = x(t_m) - L(x)(t_m) - mean,    t_m = the last `members` times, `spacing_days` apart

with the low pass L of `_timescales`. The published filter takes daily means less the daily climatology over the last
days, which keeps slow anomalies that are the same on all of them only until the mean is taken out; here the cut-off
says what goes. A season is slow and goes too. The times are the last at which L has all its snapshots.
"""

from __future__ import annotations

import numpy as np

from pipeline.ensembles._timescales import TimescaleEnsemble


class HighFrequency(TimescaleEnsemble):
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
        super().__init__(members, cutoff_days, half_width_days, spacing_days)

    def window(self, low: np.ndarray) -> np.ndarray:
        """1 - L."""
        high = -low
        high[len(low) // 2] += 1.0
        return high
