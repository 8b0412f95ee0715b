"""A built model as a Python object: plugs are its functions, errors are exceptions.

A plug's outputs come back as f2py returns them, without `ierr`: nothing, one value or a tuple. A `ierr` other than 0
raises `FortranError` with the model's message. An exception raised in a callback comes out of the plug call that led to
it, with its own traceback. STOP and run-time errors raise `FortranStop` and `FortranRuntimeError`. With a communicator
every plug call is collective and an error on one rank is raised on all.
"""

from __future__ import annotations

import faulthandler
import importlib.machinery
import importlib.util
import json
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.bridge.agreement import Agreement
from pipeline.bridge.config import ModelConfig
from pipeline.bridge.errors import INTERCEPTED, FortranError
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mpi4py import MPI

_CONVERT = {"native": 0, "swap": 1, "big_endian": 2, "little_endian": 3}
_loaded: dict[Path, tuple[types.ModuleType, types.ModuleType]] = {}


class FortranModel:
    """One Fortran model in this process.

    `model.tool_get_time()` and `model.call("tool_get_time")` are the same call. After an error in a plug that changes
    the state, or any interception, the model is broken: every plug but those in the configuration's `plugs.heals` and
    `plugs.finishes` is refused.

    Args:
        plugs: the f2py module.
        support: the bridge's own extension module in the same file.
        config: what the module was built from.
        comm, patience: see `agree_over`.
    """

    def __init__(
        self,
        plugs: types.ModuleType,
        support: types.ModuleType,
        config: ModelConfig,
        comm: MPI.Comm | None = None,
        patience: float = 30.0,
    ):
        self.config = config
        self.broken_by: str | None = None
        self._functions = _collect(plugs)
        self._support = support
        self._agreement: Agreement | None = None
        if comm is not None:
            self.agree_over(comm, patience)
        self._traps = config.runtime.floating_traps
        self._error_last = {name: _ends_with(f, config.plugs.error) for name, f in self._functions.items()}
        self._heals = self._matching(config.plugs.heals)
        self._reads = self._matching(config.plugs.reads)
        self._allowed = self._heals | self._matching((*config.plugs.finishes, config.plugs.message or ""))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        self._known(name)
        return lambda *arguments: self.call(name, *arguments)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._functions]

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a plug and return its outputs without `ierr`. Collective when the model has a communicator.

        Raises:
            FortranError: `ierr`, an interception, a broken model, or any error of another rank.
            BaseException: what a callback raised, with its traceback.
        """
        function = self._known(name)
        result, error = None, self._refusal(name)
        if error is None:
            result, error = self._attempt(name, function, arguments)
        if self._agreement:
            error = self._agreement.settle(error)
        if error is not None:
            self._note(name, error)
            raise error
        if self.broken_by and name in self._heals:
            self.broken_by = None
        return result

    def agree_over(self, comm: MPI.Comm, patience: float = 30.0) -> None:
        """From now on every plug call is collective over `comm`, and an error on one rank is raised on all. Collective.

        Args:
            comm: the communicator the model runs on.
            patience: seconds a failed rank waits for the others before it aborts the program.
        """
        if self._agreement:
            self._agreement.comm.Free()
        self._agreement = Agreement(comm, patience) if comm.Get_size() > 1 else None

    def register(self, name: str, function: Callable[..., None] | None) -> None:
        """Make a Python function callable from Fortran as `name`; None withdraws it. Replaceable while the model runs.

        The function gets one NumPy view per array, in Fortran order, without a copy, valid during the call alone.
        """
        if function is not None and not callable(function):
            raise PipelineError(f"callback {name!r}: expected a function, found {type(function).__name__}")
        self._support.register(name, function)

    def _attempt(self, name: str, function: Any, arguments: tuple) -> tuple[Any, BaseException | None]:
        try:
            outputs = self._support.call(function, arguments, self._traps)
        except self._support.Intercepted as error:
            kind, message, frames = error.args
            caught = INTERCEPTED[kind](f"{self.config.name}.{name}: {message}", name)
            caught.backtrace = tuple(frames)
            return None, self._support.take_exception() or caught
        except Exception as error:  # f2py's own refusals: number, type and order of the arguments
            return None, self._support.take_exception() or error
        raised = self._support.take_exception()
        if raised is not None:
            return None, raised
        if not self._error_last[name]:
            return outputs, None
        *values, code = outputs if isinstance(outputs, tuple) else (outputs,)
        if code:
            return None, FortranError(f"{self.config.name}.{name}: {self._message(code)}", name, int(code))
        return (values[0] if len(values) == 1 else tuple(values) or None), None

    def _message(self, code: int) -> str:
        function = self._functions.get(self.config.plugs.message or "")
        text = b""
        if function is not None:
            outputs = self._support.call(function, (), False)
            text = outputs[0] if isinstance(outputs, tuple) else outputs
        text = text if isinstance(text, bytes) else bytes(text)
        return text.decode(errors="replace").strip(" \0") or f"error {code}"

    def _refusal(self, name: str) -> FortranError | None:
        if self.broken_by is None or name in self._allowed:
            return None
        return FortranError(
            f"{self.config.name}.{name}: refused, the model's state is not to be trusted since {self.broken_by}; "
            f"call {' or '.join(self.config.plugs.heals)} first",
            name,
        )

    def _note(self, name: str, error: BaseException) -> None:
        harmless = name in self._reads and not isinstance(error, tuple(INTERCEPTED.values()))
        if self.broken_by is None and not harmless and not isinstance(error, TypeError):
            self.broken_by = f"{name} failed ({str(error).splitlines()[0] if str(error) else type(error).__name__})"

    def _matching(self, patterns: Iterable[str]) -> frozenset[str]:
        return frozenset(name for name in self._functions for pattern in patterns if fnmatchcase(name, pattern))

    def _known(self, name: str) -> Any:
        try:
            return self._functions[name]
        except KeyError:
            choices = ", ".join(sorted(self._functions))
            raise AttributeError(f"model {self.config.name} has no plug {name!r}; it has {choices}") from None


def load(path: str | os.PathLike, comm: MPI.Comm | None = None, patience: float = 30.0) -> FortranModel:
    """Load a module made by `bridge.build`.

    Args:
        path: the module; its `model.json` stands beside it.
        comm, patience: see `FortranModel.agree_over`; None for a model on one process.

    Raises:
        PipelineError: no such module, or it cannot be loaded here.
    """
    file = Path(path).resolve()
    record = file.parent / "model.json"
    if not file.exists() or not record.exists():
        raise PipelineError(f"{file}: no built model; run `python -m pipeline.bridge build config/models/<name>.yaml`")
    config = ModelConfig.model_validate(json.loads(record.read_text())["config"])
    if file not in _loaded:
        for key, value in config.environment.items():
            os.environ.setdefault(key, value)
        with _own_libraries_first():
            _loaded[file] = _import(file, config.name), _import(file, "_bridge")
        _prepare(_loaded[file][1], config)
    return FortranModel(*_loaded[file], config, comm, patience)


def _import(file: Path, name: str) -> types.ModuleType:
    loader = importlib.machinery.ExtensionFileLoader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise PipelineError(f"{file}: cannot be loaded: {error}; was it built elsewhere? Build it again") from None
    return module


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


def _prepare(support: types.ModuleType, config: ModelConfig) -> None:
    """What a Fortran main program does before its first statement."""
    support.set_exit_hook(lambda: _last_words(config.name))
    if hasattr(support, "set_convert"):
        support.set_convert(_CONVERT[config.runtime.convert])
        support.set_arguments(list(config.runtime.arguments or (config.name,)))


def _last_words(name: str) -> None:
    print(f"{name}: Fortran ended the process (its message is above); Python was here:", file=sys.stderr, flush=True)
    faulthandler.dump_traceback()
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi and mpi.Is_initialized() and not mpi.Is_finalized():
        mpi.COMM_WORLD.Abort(2)
    os._exit(2)


def _collect(module: types.ModuleType) -> dict[str, Any]:
    """Plugs of the module, whether they are free subroutines or stand in a Fortran module."""
    functions: dict[str, Any] = {}
    for name, member in vars(module).items():
        if type(member).__name__ == "fortran":
            inside = vars(member)  # a Fortran module's members; a subroutine's own attributes
            functions.update({name: member} if "__name__" in inside else inside)
    return {name: f for name, f in functions.items() if type(f).__name__ == "fortran"}


def _ends_with(function: Any, error: str) -> bool:
    """Whether a plug's last output is the error code; f2py's documentation begins with `a,ierr = plug(b)`."""
    outputs = (function.__doc__ or "").split("=")[0]
    return outputs.split(",")[-1].strip() == error
