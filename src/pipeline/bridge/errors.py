"""What a Fortran model can raise."""

from __future__ import annotations

from pipeline.errors import PipelineError


class FortranError(PipelineError):
    """A plug returned an error code, or another rank's did.

    Attributes:
        plug: name of the plug.
        code: its `ierr`, None where the error was not a return code.
        rank: rank on which it happened first, None without MPI.
    """

    def __init__(self, message: str, plug: str = "", code: int | None = None, rank: int | None = None):
        super().__init__(message)
        self.plug, self.code, self.rank = plug, code, rank


class Intercepted(FortranError):
    """Fortran wanted to end the process and was kept from it.

    Attributes:
        backtrace: native frames at the place, innermost first.
    """

    backtrace: tuple[str, ...] = ()


class FortranStop(Intercepted):
    """STOP, ERROR STOP, `call exit` or `call abort`."""


class FortranRuntimeError(Intercepted):
    """An error the Fortran run-time library found: a violated bound, a failed allocation."""


class FortranFloatingPointError(Intercepted, FloatingPointError):
    """An invalid operation, a division by zero or an overflow, where the model's configuration traps them."""


INTERCEPTED = {"stop": FortranStop, "error": FortranRuntimeError, "floating": FortranFloatingPointError}
