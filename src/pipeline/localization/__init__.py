"""Localization: what an observation may say about places far from it, one file per kind."""

from pipeline.localization.base import Localization

__all__ = ["Localization"]
