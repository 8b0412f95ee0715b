"""Building a Fortran model's programs with CMake and Ninja, outside any experiment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pipeline.config import ROOT
from pipeline.errors import PipelineError


def build(model: str, folder: Path, *options: str) -> Path:
    """Build all programs of fortran/<model> in a folder and return it; what has not changed is not built again.

    Raises:
        PipelineError: they do not build; the message names the log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source, log = ROOT / "fortran" / model, folder / "build.log"
    ninja = f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"
    with log.open("w") as file:
        for command in (
            [tool("cmake"), "-S", str(source), "-B", str(folder), "-G", "Ninja", ninja, *options],
            [tool("cmake"), "--build", str(folder)],
        ):
            if subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode:
                raise PipelineError(f"{source}: the programs do not build; see {log}")
    return folder


def tool(name: str) -> str:
    """A tool of this environment, before one of the same name elsewhere."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name
