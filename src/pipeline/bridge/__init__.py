"""Fortran and Python in one process: Fortran models as Python modules, Python functions that Fortran calls.

    path = bridge.build("config/models/climate.yaml")     # f2py, compile, link; nothing when nothing changed
    model = bridge.load(path, comm)                       # plugs as functions, errors as exceptions on every rank
    model.register("analysis", function)                  # Fortran: call callback_call('analysis', x, rc)
    bridge.mpi_command(2, "main.py")                      # how to start it

In the terms of the Hf2pMDA paper: Python-callable Fortran, Fortran-callable Python, and a Python main controller.
"""

from pipeline.bridge.builder import build
from pipeline.bridge.errors import FortranError, FortranFloatingPointError, FortranRuntimeError, FortranStop
from pipeline.bridge.launch import mpi_command
from pipeline.bridge.loader import FortranModel, load

__all__ = [
    "FortranError",
    "FortranFloatingPointError",
    "FortranModel",
    "FortranRuntimeError",
    "FortranStop",
    "build",
    "load",
    "mpi_command",
]
