"""Inflation: what keeps an ensemble's spread from collapsing, one file per kind."""

from pipeline.inflation.base import Inflation

__all__ = ["Inflation"]
