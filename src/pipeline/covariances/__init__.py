"""Background error covariances, never stored dense: one file per kind."""

from pipeline.covariances.background_statistics import Differences, forecast_pairs, lagged_states, write_background
from pipeline.covariances.base import Covariance

__all__ = ["Covariance", "Differences", "forecast_pairs", "lagged_states", "write_background"]
