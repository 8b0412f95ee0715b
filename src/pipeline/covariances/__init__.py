"""Background error covariances, never stored dense: one file per kind."""

from pipeline.covariances.base import Covariance
from pipeline.covariances.differences import Differences, forecast_pairs, lagged_states, write_background

__all__ = ["Covariance", "Differences", "forecast_pairs", "lagged_states", "write_background"]
