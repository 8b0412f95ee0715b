"""Where a file came from: what is written into every NetCDF, zarr and weights file.

Nothing here depends on the clock or the machine's load, so that a resumed run's files equal an undisturbed run's.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import __version__

_RECORDED = ("torch", "numpy", "xarray")


def digest(content: Any) -> str:
    """Short hash of plain data, independent of the order of keys."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def provenance(specification: Any, **extra: str | int) -> dict[str, str | int]:
    """Attributes for a file: hash of what was asked for, commit of the code, versions, and e.g. `seed`."""
    versions = {f"version_{name}": version(name) for name in _RECORDED}
    return {
        "configuration": digest(specification),
        "code": f"pipeline {__version__} {_commit()}",
        **versions,
        **extra,
    }


@cache
def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown commit"
    return found.stdout.strip()
