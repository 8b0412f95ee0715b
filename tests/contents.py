"""Contents of result files bit for bit; HDF5 files of the same content may differ in bytes."""

import hashlib
from pathlib import Path

import netCDF4
import numpy as np


def fingerprint(path: Path) -> str:
    """Hash of a file: of every variable and attribute of NetCDF, of the bytes of anything else."""
    digest = hashlib.sha256()
    if path.suffix == ".nc":
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            _add(digest, file)
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _add(digest, group) -> None:
    for name in sorted(group.ncattrs()):
        digest.update(f"{name}={group.getncattr(name)}".encode())
    for name in sorted(group.variables):
        values = group.variables[name][...]
        digest.update(f"{name}{group.variables[name].dimensions}{values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).tobytes() if values.dtype != object else repr(values).encode())
    for name in sorted(group.groups):
        digest.update(name.encode())
        _add(digest, group.groups[name])
