"""State in the Fortran run-time library: random numbers, which can be saved, and open files, which cannot.

The entries used are those of gfortran's own intrinsics RANDOM_SEED and FNUM.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np

_UNITS = (*range(100), *range(-10, -60, -1))  # those of programs, and the first fifty that NEWUNIT gives
_STANDARD = (0, 5, 6)
_FORMATS = (".nc", ".nc4", ".h5", ".hdf5")


class _Integers(ctypes.Structure):
    """Descriptor of an integer(4) array of rank 1."""

    _fields_ = (
        ("base", ctypes.c_void_p),
        ("offset", ctypes.c_size_t),
        ("element", ctypes.c_size_t),
        ("version", ctypes.c_int),
        ("rank", ctypes.c_int8),
        ("type", ctypes.c_int8),
        ("attribute", ctypes.c_int16),
        ("span", ctypes.c_ssize_t),
        ("stride", ctypes.c_ssize_t),
        ("lower", ctypes.c_ssize_t),
        ("upper", ctypes.c_ssize_t),
    )


class RandomNumbers:
    """The state of RANDOM_NUMBER.

    Args:
        module: the loaded module.
        imports: names of the functions that it calls.

    Attributes:
        refused: generators the model uses whose state cannot be had.
    """

    def __init__(self, module: Path, imports: frozenset[str]):
        draws = any(name.startswith(("_gfortran_random", "_gfortran_arandom")) for name in imports)
        self._seed = ctypes.CDLL(str(module))._gfortran_random_seed_i4 if draws else None
        old = sorted(name[10:] for name in imports & {"_gfortran_rand", "_gfortran_irand"})
        self.refused = [f"random numbers of {name}()" for name in old]

    def get(self) -> np.ndarray | None:
        """The state, or None where the model draws no random numbers."""
        if self._seed is None:
            return None
        size = ctypes.c_int()
        self._seed(ctypes.byref(size), None, None)
        state = np.zeros(size.value, np.int32)
        self._seed(None, None, ctypes.byref(_describe(state)))
        return state

    def put(self, state: np.ndarray | None) -> None:
        """Set what `get` returned."""
        if state is not None:
            self._seed(None, ctypes.byref(_describe(state)), None)


class OpenFiles:
    """Files that the model holds open: their positions and buffers are not in the model's memory.

    Args:
        module: the loaded module.
        imports: names of the functions that it calls.
    """

    def __init__(self, module: Path, imports: frozenset[str]):
        opens = "_gfortran_st_open" in imports
        self._fnum = ctypes.CDLL(str(module))._gfortran_fnum_i4 if opens else None
        self._netcdf = any(name.startswith(("nc_", "nf_", "__netcdf_MOD_", "H5")) for name in imports)

    def found(self) -> list[str]:
        """`unit 20 (/path)` and `file /path.nc`, as they are now."""
        names, numbers = [], set()
        for unit in _UNITS if self._fnum else ():
            number = self._fnum(ctypes.byref(ctypes.c_int(unit)))
            if number > 2 or (number >= 0 and unit not in _STANDARD):
                numbers.add(number)
                names.append(f"unit {unit} ({_path(number)})")
        if self._netcdf:
            others = (int(text) for text in os.listdir("/proc/self/fd"))
            names += [f"file {_path(n)}" for n in others if n not in numbers and _path(n).endswith(_FORMATS)]
        return names


def _path(number: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return "closed"


def _describe(values: np.ndarray) -> _Integers:
    return _Integers(values.ctypes.data, -1 & (2**64 - 1), 4, 0, 1, 1, 0, 4, 1, 1, len(values))
