"""What f2py contributes: the C wrapper of a plug file. Compilation and linking are the builder's.

f2py maps a kind it cannot resolve (`real(dp)`, `kind(1.d0)`, `real64`) to C float and says so only in its output; every
number of such an argument would be wrong. Here that line is an error.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pipeline.bridge.toolchain import Toolchain
from pipeline.errors import PipelineError

_SILENT_MAPPING = re.compile(r"""getctype: ["'](?P<what>.*?)["'] is mapped to C""")


def generate(plug: Path, name: str, work: Path, tools: Toolchain) -> tuple[Path, list[Path]]:
    """Generate the wrapper of the plug file in `work`.

    Returns:
        The C file of the extension module and the Fortran wrapper files (none, one or two).

    Raises:
        PipelineError: the plug file has an argument f2py cannot wrap, or would wrap wrongly.
    """
    signature = work / f"{name}.pyf"
    f2py = [sys.executable, "-m", "numpy.f2py"]
    read = [*f2py, str(plug), "-m", name, "-h", str(signature), "--overwrite-signature"]
    _refuse_silent_mapping(plug, tools.run("reading the plugs", read, work), tools)
    wrap = [*f2py, str(signature), "--lower"]
    _refuse_silent_mapping(plug, tools.run("wrapping the plugs", wrap, work), tools)
    wrapper = work / f"{name}module.c"
    if not wrapper.exists():
        raise tools.failure("wrapping the plugs", f"{plug}: no subroutine that f2py can wrap")
    return wrapper, sorted(work.glob(f"{name}-f2pywrappers*.f*"))


def _refuse_silent_mapping(plug: Path, output: str, tools: Toolchain) -> None:
    kinds = sorted({match["what"] for match in _SILENT_MAPPING.finditer(output)})
    if kinds:
        raise PipelineError(
            f"{plug}: f2py would take {', '.join(kinds)} for C float or int and pass wrong numbers; declare the "
            f"arguments of plugs as real(c_double) or integer(c_int)\n  full log: {tools.log}"
        )
