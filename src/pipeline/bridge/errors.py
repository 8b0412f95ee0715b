"""What a Fortran model can raise."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

from pipeline.errors import PipelineError

Frame = tuple[str, str, int]


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
        frames: where that was, innermost first: file, symbol, offset in the file.
    """

    def __init__(self, message: str, plug: str = "", frames: tuple[Frame, ...] = ()):
        super().__init__(message, plug)
        self.frames = frames
        if names := procedures(frames):
            self.add_note(f"in Fortran: {' < '.join(names)}")

    @functools.cached_property
    def backtrace(self) -> tuple[str, ...]:
        """The native frames, innermost first, with source lines where the model was compiled with -g."""
        found = _source_lines(self.frames)
        lines = []
        for file, symbol, offset in self.frames:
            name, line = found.get(offset, ("", f"{Path(file).name}+{offset:#x}"))
            lines.append(f"{readable(symbol or name) or '?'} ({line})")
        return tuple(lines)


class FortranStop(Intercepted):
    """STOP, ERROR STOP, `call exit`, `call abort` or MPI_Abort."""


class FortranRuntimeError(Intercepted):
    """An error the Fortran run-time library found: a violated bound, a failed allocation."""


class FortranFloatingPointError(Intercepted, FloatingPointError):
    """An invalid operation, a division by zero or an overflow, where the model's configuration asks for them.

    Where the processor traps it always (x86-64), a division of integers by zero as well.
    """


class PeerFailed(Intercepted):
    """Another rank failed; replaced by a FortranError with its text before anybody sees it."""


INTERCEPTED = {
    "stop": FortranStop,
    "error": FortranRuntimeError,
    "floating": FortranFloatingPointError,
    "peer": PeerFailed,
}


def readable(symbol: str) -> str:
    """A procedure's name from its symbol: `__a_mod_MOD_b` is `a_mod::b`; `b_` and `b.0` are `b`."""
    module = re.fullmatch(r"__(\w+)_MOD_(\w+)", symbol)
    return f"{module[1]}::{module[2]}" if module else re.sub(r"[.]\d+$", "", symbol).removesuffix("_")


def procedures(frames: tuple[Frame, ...]) -> list[str]:
    """Names of the model's own procedures among the frames, innermost first."""
    own = frames[0][0] if frames else ""
    names = [symbol for file, symbol, _ in frames if file == own]
    bridge = re.compile(r"bridge_|__wrap_|PyInit_|_?f2py|$")
    return [readable(name) for name in names if not bridge.match(name)]


def _source_lines(frames: tuple[Frame, ...]) -> dict[int, tuple[str, str]]:
    """Offset in the model's module -> procedure (also an internal one) and `file:line`; empty without addr2line."""
    own = frames[0][0] if frames else ""
    offsets = [offset for file, _, offset in frames if file == own]
    program = shutil.which("addr2line")
    if not program or not offsets:
        return {}
    before = [hex(offset - 1) for offset in offsets]  # a frame's address is that after its call
    done = subprocess.run([program, "-f", "-s", "-e", own, *before], capture_output=True, text=True)
    printed = done.stdout.splitlines()
    found = zip(offsets, printed[::2], printed[1::2], strict=False)
    return {offset: (name, line) for offset, name, line in found if not line.startswith("??")}
