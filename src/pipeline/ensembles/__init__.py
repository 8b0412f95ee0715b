"""Ensembles of anomalies for the Fortran filter: one file per kind."""

from pipeline.ensembles.base import Ensemble

__all__ = ["Ensemble"]
