"""A built model as a Python object: plugs are its functions, errors are exceptions.

A plug's outputs come back as f2py returns them, without `ierr`: nothing, one value or a tuple. A `ierr` other than 0
raises `FortranError` with the model's message. An exception raised in a callback comes out of the plug call that led to
it, with its own traceback. STOP and run-time errors raise `FortranStop` and `FortranRuntimeError`; Ctrl-C and SIGTERM
interrupt the model. With a communicator every plug call is collective and an error on one rank is raised on all.
"""

from __future__ import annotations

import functools
import inspect
import signal
import sys
import types
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.bridge.agreement import Agreement
from pipeline.bridge.config import ModelConfig
from pipeline.bridge.errors import INTERCEPTED, FortranError, procedures
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mpi4py import MPI

_TRAPS, _UNWIND, _NOTES = 1, 2, 4  # options of a call; bridge.h has the same
_MODES = ("status", "unwind")


@dataclass
class Module:
    """What a shared module is in this process, however many objects stand for it: one model with one state.

    Attributes:
        broken_by: what made the state unusable; None while all is well.
        agreement: how its ranks compare outcomes; None on one rank.
    """

    plugs: types.ModuleType
    support: types.ModuleType
    config: ModelConfig
    broken_by: str | None = None
    agreement: Agreement | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("broken_by", "agreement"):  # a call may skip Python where neither has anything to say, see plug.c
            self.support.set_direct(self.broken_by is None and self.agreement is None)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a call failed; `harm`: whether that spoilt the model's state, None: as the configuration says."""

    error: BaseException
    harm: bool | None = None


class FortranModel:
    """One Fortran model in this process.

    `model.tool_get_time()` and `model.call("tool_get_time")` are the same call. After an error in a plug that changes
    the state, or any interception, the model is broken: every plug but those in the configuration's `plugs.heals` and
    `plugs.finishes` is refused.

    Args:
        module: from `bridge.load`.
        comm, patience: see `agree_over`.
    """

    def __init__(self, module: Module, comm: MPI.Comm | None = None, patience: float = 30.0):
        self.config = module.config
        self._module, self._support = module, module.support
        names, functions = module.config.plugs, collect(module.plugs)
        self._external = {name for name, f in functions.items() if "call-back function" in (f.__doc__ or "")}
        self._plugs = {name: self._plug(name, f, _ends_with(f, names.error)) for name, f in functions.items()}
        if comm is not None:
            self.agree_over(comm, patience)
        self.floating_traps = module.config.runtime.floating_traps
        self.callback_errors = module.config.runtime.callback_errors
        self._heals = self._matching(names.heals)
        self._reads = self._matching(names.reads)
        self._allowed = self._heals | self._matching((*names.finishes, names.message or ""))
        for name in self._plugs.keys() - set(dir(type(self))):
            setattr(self, name, functools.partial(self._call, name) if name in self._external else self._plugs[name])

    @property
    def broken_by(self) -> str | None:
        """What made the model's state unusable; None while all is well."""
        return self._module.broken_by

    @broken_by.setter
    def broken_by(self, reason: str | None) -> None:
        self._module.broken_by = reason

    @property
    def floating_traps(self) -> bool:
        """Whether an invalid operation, a division by zero or an overflow in Fortran raises an exception.

        It does so where it happens, or, on a processor that cannot stop there (most of aarch64), when Fortran has
        returned from the plug.
        """
        return self._has(_TRAPS | _NOTES)

    @floating_traps.setter
    def floating_traps(self, on: bool) -> None:
        self._set(_TRAPS if self._support.can_trap() else _NOTES, on)

    @property
    def callback_errors(self) -> str:
        """`status`: Fortran gets a return code and unwinds; `unwind`: it is left at once, for code without codes."""
        return _MODES[self._has(_UNWIND)]

    @callback_errors.setter
    def callback_errors(self, mode: str) -> None:
        if mode not in _MODES:
            raise PipelineError(f"callback_errors: choose from {', '.join(_MODES)}, found {mode!r}")
        self._set(_UNWIND, mode == "unwind")

    def _has(self, option: int) -> bool:
        return any(plug.options & option for plug in self._plugs.values())

    def _set(self, option: int, on: bool) -> None:
        for plug in self._plugs.values():
            plug.options = plug.options & ~option | (option if on else 0)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        choices = ", ".join(sorted(self._plugs))
        raise AttributeError(f"model {self.config.name} has no plug {name!r}; it has {choices}")

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a plug and return its outputs without `ierr`. Collective when the model has a communicator.

        Raises:
            FortranError: `ierr`, an interception, a broken model, or any error of another rank.
            KeyboardInterrupt: Ctrl-C while Fortran computed.
            SystemExit: SIGTERM while Fortran computed.
            BaseException: what a callback raised, with its traceback.
        """
        plug = self._plugs.get(name) or self.__getattr__(name)
        return self._call(name, *arguments) if name in self._external else plug(*arguments)

    def agree_over(self, comm: MPI.Comm, patience: float = 30.0) -> None:
        """From now on every plug call is collective over `comm`, and an error on one rank is raised on all. Collective.

        Args:
            comm: the communicator the model runs on.
            patience: seconds a failed rank waits for ranks that are in Python, before it aborts the program.
        """
        if self._module.agreement:
            self._module.agreement.close()
        self._module.agreement = Agreement(comm, self._support, patience) if comm.Get_size() > 1 else None

    def register(self, name: str, function: Callable[..., None] | None) -> None:
        """Make a Python function callable from Fortran as `name`; None withdraws it. Replaceable while the model runs.

        The function gets one NumPy view per array, without a copy, valid during the call alone; scalars and texts come
        as Python's own; arguments that Fortran named come as keywords.
        """
        if function is not None and not callable(function):
            raise PipelineError(f"callback {name!r}: expected a function, found {type(function).__name__}")
        self._support.register(name, function)

    def _plug(self, name: str, function: Any, coded: bool) -> Any:
        """A plug as a function: straight to Fortran where only this rank has a say, else through `_call`."""
        otherwise = functools.partial(self._call, name)
        return self._support.Plug(function, name, coded, otherwise, functools.partial(self._failed, name))

    def _call(self, name: str, *arguments: Any) -> Any:
        """A call in full: refused on a broken model, its outcome agreed over the ranks."""
        agreement, outputs, failure = self._module.agreement, None, None
        number = agreement.next() if agreement else 0
        try:
            outputs = self._attempt(name, arguments, number)
        except Exception as error:
            failure = self._explain(name, error)
        raised = failure and failure.error
        if agreement:
            raised = agreement.settle(raised, number)
        if raised is not None:
            self._note(name, raised, failure and failure.harm)
            raise raised
        if self._module.broken_by and name in self._heals:
            self.broken_by = None
        return outputs

    def _attempt(self, name: str, arguments: tuple, number: int) -> Any:
        if self._module.broken_by and name not in self._allowed:
            raise self._refusal(name)
        if name in self._external:
            arguments = tuple(self._support.shield(a, _accepts(a)) if callable(a) else a for a in arguments)
        return self._plugs[name].attempt(arguments, number)

    def _failed(self, name: str, error: Exception) -> NoReturn:
        """What a call that did not go through `_call` failed with."""
        failure = self._explain(name, error)
        self._note(name, failure.error, failure.harm)
        raise failure.error

    def _explain(self, name: str, error: Exception) -> _Failure:
        """What the guard raised, or f2py (number, type and order of the arguments), as the user's exception."""
        if isinstance(error, FortranError):
            return _Failure(error)  # a refusal
        raised = self._support.take_exception()
        if not isinstance(error, self._support.Intercepted):
            return _Failure(raised or error, harm=None if raised else False)
        kind, what, frames = error.args
        harm = None if kind in ("callback", "code") else True  # what jumped out of Fortran has always spoilt something
        return _Failure(raised or self._caught(name, kind, what, frames), harm)

    def _caught(self, name: str, kind: str, what: Any, frames: tuple) -> BaseException:
        if kind == "code":
            return FortranError(f"{self.config.name}.{name}: {self._message(what)}", name, int(what))
        if kind != "interrupt":
            return INTERCEPTED[kind](f"{self.config.name}.{name}: {what}", name, frames)
        where = " < ".join(procedures(frames)) or "Fortran"
        if int(what) == signal.SIGTERM:
            end = SystemExit(128 + signal.SIGTERM)
            end.add_note(f"terminated in {where}")
            return end
        return KeyboardInterrupt(f"{self.config.name}.{name}, in {where}")

    def _message(self, code: int) -> str:
        text = b""
        if plug := self._plugs.get(self.config.plugs.message or ""):
            with suppress(self._support.Intercepted):
                text = bytes(plug.attempt((), 0))
        return text.decode(errors="replace").strip(" \0") or f"error {code}"

    def _refusal(self, name: str) -> FortranError:
        return FortranError(
            f"{self.config.name}.{name}: refused, the model's state is not to be trusted since {self.broken_by}; "
            f"call {' or '.join(self.config.plugs.heals)} first",
            name,
        )

    def _note(self, name: str, error: BaseException, harm: bool | None) -> None:
        harm = name not in self._reads if harm is None else harm
        if harm and self.broken_by is None:
            self.broken_by = f"{name} failed ({str(error).splitlines()[0] if str(error) else type(error).__name__})"

    def _matching(self, patterns: Iterable[str]) -> frozenset[str]:
        return frozenset(name for name in self._plugs for pattern in patterns if fnmatchcase(name, pattern))


def collect(module: types.ModuleType) -> dict[str, Any]:
    """Plugs of an f2py module, whether they are free subroutines or stand in a Fortran module."""
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


def _accepts(function: Callable[..., Any]) -> int:
    """How many positional arguments a function takes."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return sys.maxsize
    return code.co_argcount - isinstance(function, types.MethodType)
