"""Training: one fit loop for every network, and what it minimises."""

from pipeline.training.fit import FitResult, fit
from pipeline.training.losses import AutoencoderObjective, kl_divergence
from pipeline.training.settings import Settings
from pipeline.training.statistics import reference_statistics

__all__ = ["AutoencoderObjective", "FitResult", "Settings", "fit", "kl_divergence", "reference_statistics"]
