"""What a built module depends on, in one number: when it has not changed nothing is built."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy

from pipeline.bridge.config import ModelConfig

SOURCES = Path(__file__).resolve().parents[3] / "fortran" / "bridge"
_SUFFIXES = {".f90", ".f", ".inc", ".h", ".c", ".txt", ".cmake", ".fypp", ".cdl"}


def fingerprint(config: ModelConfig, build: Path) -> tuple[str, str]:
    """Hash of the configuration, every source, the compilers, Python and NumPy; hash of the libraries made elsewhere.

    Two, because the build itself may make a library outside its folder: the second is then that of what it made.
    """
    texts = (config.model_dump_json(), sys.version, numpy.__version__, *_versions(config))
    own = (Path(__file__).with_name(name) for name in ("builder.py", "f2py.py"))
    libraries = [path for path in library_files(config) if path.exists() and build not in path.parents]
    return _digest(texts, [*source_files(config), *own]), _digest((), libraries)


def _digest(texts: Iterable[str], files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    for path in sorted(set(files)):
        digest.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _versions(config: ModelConfig) -> Iterator[str]:
    for compiler in (config.compilers.fortran, config.compilers.c):
        program = shutil.which(compiler)
        if program:
            yield subprocess.run([program, "--version"], capture_output=True, text=True).stdout


def source_files(config: ModelConfig) -> list[Path]:
    """What the build of a model reads: its sources, its plug file and the bridge's own."""
    return sorted(set(_files([SOURCES, Path(config.plug), *map(Path, config.sources)])))


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from (p for p in place.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
        elif place.is_file():
            yield place


def library_files(config: ModelConfig) -> list[Path]:
    """The static libraries by their paths."""
    return [Path(entry.directory) / f"lib{name}.a" for entry in config.libraries for name in entry.names]
