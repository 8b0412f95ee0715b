"""The seasonal cycle in harmonics: s(t) = a_0 + sum_h a_h cos(2 pi h t / year) + b_h sin(2 pi h t / year)."""

from __future__ import annotations

import numpy as np

from pipeline.errors import PipelineError

YEAR = 365.2425 * 86400.0
"""Mean Gregorian year [s]."""


def seasons(seconds: np.ndarray, harmonics: int, kind: str) -> np.ndarray:
    """1, cos, cos 2, ..., sin, sin 2, ... at some times [s], (time, 1 + 2 H).

    Raises:
        PipelineError: the record is too short to have a season.
    """
    if harmonics and np.ptp(seconds) < 0.9 * YEAR:
        days = np.ptp(seconds) / 86400.0
        raise PipelineError(f"ensembles/{kind}: {days:.0f} days hold no seasonal cycle; set harmonics: 0")
    phase = 2 * np.pi * seconds[:, None] / YEAR * np.arange(1, harmonics + 1)
    return np.concatenate([np.ones((len(seconds), 1)), np.cos(phase), np.sin(phase)], axis=1)
