"""Transforms between the state and the space in which an analysis is made: one file per kind."""

from pipeline.transforms.base import Transform

__all__ = ["Transform"]
