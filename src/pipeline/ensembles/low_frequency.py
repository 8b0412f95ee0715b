"""The low-frequency ensemble: slow anomalies of the last months of a run (Yu et al. 2019, Lu et al. 2023).

    x'_m = L(x - s)(t_m) - mean,    t_m = the last `members` times, `spacing_days` apart

with the low pass L of `_timescales` and the seasonal cycle s of `harmonics`. The published filter takes monthly means
less the monthly climatology; a mean over 30 days halves the amplitude of the period of 50 days, which is the default
here, but lets a fifth of some faster oscillations through, with the wrong sign. The times are the last at which L has
all its snapshots.
"""

from __future__ import annotations

import numpy as np

from pipeline.ensembles._timescales import TimescaleEnsemble


class LowFrequency(TimescaleEnsemble):
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
        super().__init__(members, cutoff_days, half_width_days, spacing_days, harmonics)

    def window(self, low: np.ndarray) -> np.ndarray:
        """L itself."""
        return low
