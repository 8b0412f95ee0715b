"""The clock: integer seconds since 2000-01-01 in the model, numpy datetimes everywhere else.

Both Fortran models count integer seconds from `EPOCH`, so that no rounding ever enters a date; files hold CF times.
"""

from __future__ import annotations

import numpy as np

EPOCH = np.datetime64("2000-01-01T00:00:00", "s")
UNITS = "seconds since 2000-01-01 00:00:00"


def to_seconds(time: np.datetime64 | str | np.ndarray) -> np.ndarray | int:
    """Model clock of a date, e.g. `to_seconds("2010-01-01")`."""
    seconds = (np.asarray(time, dtype="datetime64[s]") - EPOCH).astype(np.int64)
    return int(seconds) if seconds.ndim == 0 else seconds


def to_datetime(seconds: int | np.ndarray) -> np.ndarray | np.datetime64:
    """Date of a model clock."""
    return EPOCH + np.asarray(seconds, dtype=np.int64).astype("timedelta64[s]")
