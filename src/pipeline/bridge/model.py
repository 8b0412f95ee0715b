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
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.bridge.agreement import Agreement
from pipeline.bridge.config import ModelConfig
from pipeline.bridge.errors import INTERCEPTED, FortranError, procedures
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from mpi4py import MPI

_TRAPS, _UNWIND = 1, 2  # options of a call; bridge.h has the same
_MODES = ("status", "unwind")


@dataclass
class Module:
    """What a shared module is in this process, however many objects stand for it: one model with one state."""

    plugs: types.ModuleType
    support: types.ModuleType
    config: ModelConfig
    broken_by: str | None = None
    agreement: Agreement | None = None


class _Outcome:
    """What a call came to; `harm`: whether the error spoilt the model's state, None: as the configuration says."""

    __slots__ = ("error", "harm", "result")

    def __init__(self, result: Any = None, error: BaseException | None = None, harm: bool | None = None):
        self.result, self.error, self.harm = result, error, harm


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
        self._functions = collect(module.plugs)
        if comm is not None:
            self.agree_over(comm, patience)
        self._options = 0
        self.floating_traps = module.config.runtime.floating_traps
        self.callback_errors = module.config.runtime.callback_errors
        names = module.config.plugs
        self._error_last = {name: _ends_with(f, names.error) for name, f in self._functions.items()}
        self._external = {name for name, f in self._functions.items() if "call-back function" in (f.__doc__ or "")}
        self._heals = self._matching(names.heals)
        self._reads = self._matching(names.reads)
        self._allowed = self._heals | self._matching((*names.finishes, names.message or ""))
        for name in self._functions.keys() - set(dir(type(self))):
            setattr(self, name, functools.partial(self.call, name))

    @property
    def broken_by(self) -> str | None:
        """What made the model's state unusable; None while all is well."""
        return self._module.broken_by

    @broken_by.setter
    def broken_by(self, reason: str | None) -> None:
        self._module.broken_by = reason

    @property
    def floating_traps(self) -> bool:
        """Whether an invalid operation, a division by zero or an overflow in Fortran raises an exception."""
        return bool(self._options & _TRAPS)

    @floating_traps.setter
    def floating_traps(self, on: bool) -> None:
        self._options = self._options & ~_TRAPS | (_TRAPS if on else 0)

    @property
    def callback_errors(self) -> str:
        """`status`: Fortran gets a return code and unwinds; `unwind`: it is left at once, for code without codes."""
        return _MODES[bool(self._options & _UNWIND)]

    @callback_errors.setter
    def callback_errors(self, mode: str) -> None:
        if mode not in _MODES:
            raise PipelineError(f"callback_errors: choose from {', '.join(_MODES)}, found {mode!r}")
        self._options = self._options & ~_UNWIND | (_UNWIND if mode == "unwind" else 0)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        choices = ", ".join(sorted(self._functions))
        raise AttributeError(f"model {self.config.name} has no plug {name!r}; it has {choices}")

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a plug and return its outputs without `ierr`. Collective when the model has a communicator.

        Raises:
            FortranError: `ierr`, an interception, a broken model, or any error of another rank.
            KeyboardInterrupt: Ctrl-C while Fortran computed.
            SystemExit: SIGTERM while Fortran computed.
            BaseException: what a callback raised, with its traceback.
        """
        agreement = self._module.agreement
        if agreement is None:
            outcome = self._attempt(name, arguments, 0)
            error = outcome.error
        else:
            number = agreement.next()
            outcome = self._attempt(name, arguments, number)
            error = agreement.settle(outcome.error, number)
        if error is not None:
            self._note(name, error, outcome.harm)
            raise error
        if self._module.broken_by and name in self._heals:
            self._module.broken_by = None
        return outcome.result

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

    def _attempt(self, name: str, arguments: tuple, number: int) -> _Outcome:
        function = self._functions.get(name) or self.__getattr__(name)
        support = self._support
        if self._module.broken_by and name not in self._allowed:
            return _Outcome(error=self._refusal(name))
        if name in self._external:
            arguments = tuple(support.shield(a, _accepts(a)) if callable(a) else a for a in arguments)
        try:
            outputs = support.call(function, arguments, self._options, number)
        except support.Intercepted as error:
            kind, message, frames = error.args
            raised = support.take_exception()
            return _Outcome(error=raised or self._caught(name, kind, message, frames), harm=kind != "callback" or None)
        except Exception as error:  # f2py's own refusals: number, type and order of the arguments
            raised = support.take_exception()
            return _Outcome(error=raised or error, harm=None if raised else False)
        if not self._error_last[name]:
            return _Outcome(outputs)
        if not isinstance(outputs, tuple):
            values, code = (), outputs
        else:
            *values, code = outputs
        if code:
            return _Outcome(error=FortranError(f"{self.config.name}.{name}: {self._message(code)}", name, int(code)))
        return _Outcome(values[0] if len(values) == 1 else tuple(values) or None)

    def _caught(self, name: str, kind: str, message: str, frames: list) -> BaseException:
        if kind != "interrupt":
            return INTERCEPTED[kind](f"{self.config.name}.{name}: {message}", name, tuple(frames))
        where = " < ".join(procedures(tuple(frames))) or "Fortran"
        if int(message) == signal.SIGTERM:
            end = SystemExit(128 + signal.SIGTERM)
            end.add_note(f"terminated in {where}")
            return end
        return KeyboardInterrupt(f"{self.config.name}.{name}, in {where}")

    def _message(self, code: int) -> str:
        function = self._functions.get(self.config.plugs.message or "")
        text = b""
        if function is not None:
            outputs = self._support.call(function, (), 0, 0)
            text = outputs[0] if isinstance(outputs, tuple) else outputs
        text = text if isinstance(text, bytes) else bytes(text)
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
        return frozenset(name for name in self._functions for pattern in patterns if fnmatchcase(name, pattern))


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
