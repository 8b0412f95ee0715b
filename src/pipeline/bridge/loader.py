"""Loading a built module into this process, and what a Fortran main program would have done for it."""

from __future__ import annotations

import ctypes
import faulthandler
import importlib.machinery
import importlib.util
import os
import re
import signal
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.bridge.builder import check_machine, read_record
from pipeline.bridge.config import ModelConfig
from pipeline.bridge.model import FortranModel, Module
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mpi4py import MPI

__all__ = ["FortranModel", "load"]

_CONVERT = {"native": 0, "swap": 1, "big_endian": 2, "little_endian": 3}
_DUMP = signal.SIGRTMIN + 5  # prints the Python stack; C sends it where Python cannot be called
_loaded: dict[Path, Module] = {}
_process = 0  # address of what the models of this process share, see process.c


def load(path: str | os.PathLike, comm: MPI.Comm | None = None, patience: float = 30.0) -> FortranModel:
    """Load a module made by `bridge.build`.

    Args:
        path: the module; its `model.json` stands beside it.
        comm, patience: see `FortranModel.agree_over`; None for a model on one process.

    Raises:
        PipelineError: no such module, one for another kind of processor, or it cannot be loaded here.
    """
    file = Path(path).resolve()
    record = read_record(file.parent)
    if not file.exists() or not record:
        raise PipelineError(f"{file}: no built model; run `python -m pipeline.bridge build config/models/<name>.yaml`")
    check_machine(file.parent)
    config = ModelConfig.model_validate(record["config"])
    if file not in _loaded:
        for key, value in config.environment.items():
            os.environ.setdefault(key, value)
        _show_crashes()
        _load_mpi(file)
        with _own_libraries_first():
            _loaded[file] = Module(_import(file, config.name), _import(file, "_bridge"), config)
        _prepare(_loaded[file].support, config)
    return FortranModel(_loaded[file], comm, patience)


def _import(file: Path, name: str) -> types.ModuleType:
    loader = importlib.machinery.ExtensionFileLoader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise PipelineError(f"{file}: cannot be loaded: {error}; was it built elsewhere? Build it again") from None
    return module


def _load_mpi(file: Path) -> None:
    """Load the MPI libraries that a module needs as any program does: they are the process's, not the model's own.

    Bound in the model's way (below) Open MPI would see a second `environ`, empty, where the interpreter is no
    position-independent program (Debian's): memory is destroyed, or MPI_Init never returns. Nothing new where mpi4py
    has loaded them.
    """
    for name in sorted(set(re.findall(rb"\0(libmpi[\w.-]*\.so[.\d]*)(?=\0)", file.read_bytes()))):
        with suppress(OSError):  # the import says what is missing
            ctypes.CDLL(name.decode())


@contextmanager
def _own_libraries_first() -> Iterator[None]:
    """Bind the model's names within the model and the libraries it was linked with, before those of other packages.

    Some Python packages publish the libraries they carry to the whole process (eccodes does, and xarray imports it by
    itself). The system's NetCDF would then be bound to another version's symbols, which ends in a segmentation fault at
    exit. A preloaded library (a profiler of MPI, an allocator) is there to be preferred, and stays so.
    """
    before = sys.getdlopenflags()
    if "LD_PRELOAD" not in os.environ:
        sys.setdlopenflags(before | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        yield
    finally:
        sys.setdlopenflags(before)


def _show_crashes() -> None:
    """Print the Python stack where Fortran strays out of its memory. Before the import, which handles SIGFPE itself."""
    with suppress(ValueError, OSError, AttributeError):  # without a standard error there is nothing to print on
        if not faulthandler.is_enabled():
            faulthandler.enable(sys.__stderr__)


def _prepare(support: types.ModuleType, config: ModelConfig) -> None:
    """What a Fortran main program does before its first statement."""
    global _process
    _process = support.share(_process)
    support.set_exit_hook(lambda: _last_words(config.name))
    if hasattr(support, "set_runtime"):
        support.set_runtime(_CONVERT[config.runtime.convert], list(config.runtime.arguments or (config.name,)))
    with suppress(ValueError, OSError, AttributeError):  # without a standard error there is nothing to print on
        faulthandler.register(_DUMP, file=sys.__stderr__, all_threads=False)
    support.catch_signals(_DUMP, config.runtime.interruptible)
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi and mpi.Is_initialized() and not mpi.Is_finalized() and hasattr(support, "catch_mpi_errors"):
        for comm in (mpi.COMM_WORLD, mpi.COMM_SELF):
            support.catch_mpi_errors(comm.py2f())


def _last_words(name: str) -> None:
    print(f"{name}: Fortran ended the process (its message is above); Python was here:", file=sys.stderr, flush=True)
    faulthandler.dump_traceback()
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi and mpi.Is_initialized() and not mpi.Is_finalized():
        mpi.COMM_WORLD.Abort(2)
    os._exit(2)
