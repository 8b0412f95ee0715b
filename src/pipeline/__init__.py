"""Fortran models and PyTorch networks that assimilate observations together, online, on a cluster."""

__version__ = "0.1.0"
