"""From a plug file and static libraries to an importable module.

f2py only generates code; the MPI compiler wrappers compile and link it, so that a model which calls MPI or NetCDF links
as it would by itself. What is linked is checked: every symbol must be found, since a missing one would show up only
when the module is imported, on a compute node.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shlex
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import numpy.f2py

from pipeline.bridge.config import ROOT, ModelConfig, read
from pipeline.bridge.f2py import generate
from pipeline.bridge.fingerprint import SOURCES, fingerprint, library_files
from pipeline.bridge.toolchain import Toolchain
from pipeline.errors import PipelineError
from pipeline.files import atomic

# What ends the process, in libgfortran and elsewhere; stops.c stands before it.
_WRAPPED = (
    "stop_string", "stop_numeric", "error_stop_string", "error_stop_numeric", "exit_i4", "abort",
    "exit_i8", "runtime_error", "runtime_error_at", "os_error", "os_error_at",
)  # fmt: skip
_WRAPPED_IN_C = ("exit", "abort", "mpi_abort_", "mpi_abort_f08_")
_CALLBACKS = ("callback_argument_mod", "callback_mod", "callback_python")  # in the order of use
_PARTS = ("trampoline", "external", "guard", "plug", "stops", "interrupts", "watch", "mpi_errors", "process")
_UNDEFINED = re.compile(r"undefined symbol: (\w+)")


def build(model_yaml: str | os.PathLike, build_dir: str | os.PathLike | None = None) -> Path:
    """Build a model's shared module, or return it when nothing it depends on has changed.

    Args:
        model_yaml: the model's configuration, see `pipeline.bridge.config.ModelConfig`.
        build_dir: where everything of this model goes; `build/models/<name>` of the project by default.

    Returns:
        Path of the module, `<name>.so`, for `bridge.load`. Beside it stand `model.json` and `build.log`.

    Raises:
        PipelineError: bad configuration, missing compiler, failed step, wrongly mapped kind, undefined symbol, or a
            directory with the objects of another kind of processor, which make would take for new, or of another place.
    """
    unresolved = read(model_yaml)
    folder = Path(build_dir or ROOT / "build" / "models" / unresolved.name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = unresolved.resolved(folder)
    if not Path(config.plug).is_file():
        raise PipelineError(f"{model_yaml}: plug: {config.plug} does not exist")
    module = folder / f"{config.name}.so"
    with _lock(folder):
        check_machine(folder)
        mark = fingerprint(config, folder)
        if not _is_current(module, mark):
            _check_place(folder)
            _build(config, folder, module)
            _write_record(config, folder, (mark[0], fingerprint(config, folder)[1]))
    return module


def _is_current(module: Path, mark: tuple[str, str]) -> bool:
    return module.exists() and read_record(module.parent).get("fingerprint") == list(mark)


def _write_record(config: ModelConfig, folder: Path, mark: tuple[str, str]) -> None:
    with atomic(folder / "model.json") as path:
        content = {"fingerprint": mark, "machine": platform.machine(), "places": _places(folder)}
        content["config"] = config.model_dump(mode="json")
        path.write_text(json.dumps(content, indent=1))


def _places(folder: Path) -> list[str]:
    return [str(ROOT), str(folder)]


def _check_place(folder: Path) -> None:
    """CMake and its like keep absolute paths: what they made before project or directory moved, they refuse to use."""
    here = _places(folder)
    if (there := read_record(folder).get("places", here)) != here:
        raise PipelineError(
            f"{folder}: built when project and build directory stood at {' and '.join(there)}, now they stand at "
            f"{' and '.join(here)}; remove it, or name a new one: "
            f"python -m pipeline.bridge build --build-dir <directory> config/models/<name>.yaml"
        )


def read_record(folder: Path) -> dict[str, Any]:
    """`model.json`, what is known of the module in a build directory; empty where nothing was built."""
    record = folder / "model.json"
    return json.loads(record.read_text()) if record.exists() else {}


def check_machine(folder: Path) -> None:
    """A disk may be shared by computers of different kinds.

    Raises:
        PipelineError: the directory holds the build of another kind of processor.
    """
    here = platform.machine()
    if (there := read_record(folder).get("machine", here)) != here:
        raise PipelineError(
            f"{folder}: built for {there}, this computer is {here}; give each a directory: "
            f"python -m pipeline.bridge build --build-dir <directory> config/models/<name>.yaml"
        )


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One build at a time: the ranks of an MPI program may all ask for it."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(config: ModelConfig, folder: Path, module: Path) -> None:
    tools = Toolchain(config.name, folder / "build.log", config.environment)
    fortran, c = tools.find(config.compilers.fortran), tools.find(config.compilers.c)
    gfortran = "GNU Fortran" in tools.run("asking the compiler's version", [fortran, "--version"], folder)
    _build_callbacks(config, folder / "bridge", (fortran, c), tools)
    for command in config.prepare:
        tools.run(f"prepare: {Path(command[0]).name}", command, ROOT)
    for library in library_files(config):
        if not library.exists():
            raise PipelineError(f"model {config.name}: libraries: {library} does not exist after the prepare commands")
    with atomic(folder / "wrapper") as work:
        work.mkdir()
        objects = _compile(config, folder, work, (fortran, c), gfortran, tools)
        linked = work / module.name
        _link(config, folder, objects, linked, fortran, gfortran, tools)
        _check_symbols(config, linked, tools)
        os.replace(linked, module)


def _build_callbacks(config: ModelConfig, folder: Path, compilers: tuple[str, str], tools: Toolchain) -> None:
    """callback_mod as a static library of its own, before the model's, so that any of its modules may use it."""
    folder.mkdir(exist_ok=True)
    commands = {f"{name}.o": [compilers[0], *config.flags.fortran, "-c", f"{name}.F90"] for name in _CALLBACKS}
    commands["strides.o"] = [compilers[1], *config.flags.c, "-c", "strides.c"]
    for name, (*command, source) in commands.items():
        with atomic(folder / name) as target:
            words = [*command, "-fPIC", str(SOURCES / source), "-o", str(target)]
            tools.run(f"compiling {source}", words, folder)
    tools.run("archiving callback_mod", ["ar", "rcs", "libbridge.a", *commands], folder)


def _compile(
    config: ModelConfig, folder: Path, work: Path, compilers: tuple[str, str], gfortran: bool, tools: Toolchain
) -> list[Path]:
    """Object files of the plugs, f2py's wrappers and the bridge's C part."""
    fortran, c = compilers
    plug = Path(config.plug)
    wrapper, fortran_wrappers = generate(plug, config.name, work, tools)
    support = Path(numpy.f2py.__file__).parent / "src"
    include = [f"-I{d}" for d in (work, folder / "bridge", *config.include)]
    c_include = [f"-I{d}" for d in (sysconfig.get_path("include"), numpy.get_include(), support, SOURCES)]
    objects = []
    for source in (plug, *fortran_wrappers):
        objects.append(work / f"{source.name}.o")
        command = [fortran, *config.flags.fortran, "-fPIC", *include, "-c", str(source), "-o", str(objects[-1])]
        tools.run(f"compiling {source.name}", command, work)
    define = ["-DBRIDGE_GFORTRAN"] if gfortran else []
    for source in (wrapper, support / "fortranobject.c", *(SOURCES / f"{p}.c" for p in _PARTS)):
        objects.append(work / f"{source.name}.o")
        flags = [*config.flags.c, "-fPIC", "-fno-strict-aliasing", *define, *c_include]
        tools.run(f"compiling {source.name}", [c, *flags, "-c", str(source), "-o", str(objects[-1])], work)
    return objects


def _link(
    config: ModelConfig, folder: Path, objects: list[Path], target: Path, fortran: str, gfortran: bool, tools: Toolchain
) -> None:
    printed = [tools.run("link_commands", command, ROOT) for command in config.link_commands]
    libraries = [*map(str, library_files(config)), str(folder / "bridge" / "libbridge.a")]
    names = [*(f"_gfortran_{name}" for name in _WRAPPED), *_WRAPPED_IN_C] if gfortran else []
    wrapped = [f"-Wl,--wrap={name}" for name in names]
    group = ["-Wl,--start-group", *libraries, "-Wl,--end-group"]
    flags = [*wrapped, *config.link, *shlex.split(" ".join(printed))]
    tools.run("linking", [fortran, "-shared", "-o", str(target), *map(str, objects), *group, *flags], folder)


def _check_symbols(config: ModelConfig, module: Path, tools: Toolchain) -> None:
    output = tools.run("checking symbols", ["ldd", "-r", str(module)], module.parent)
    missing = [name for name in _UNDEFINED.findall(output) if not name.startswith(("Py", "_Py"))]
    if missing:
        raise PipelineError(
            f"model {config.name}: {len(missing)} undefined symbol(s): {', '.join(missing[:5])}; add the library that "
            f"has them to libraries, link or link_commands\n  full log: {tools.log}"
        )
    if absent := re.findall(r"(\S+) => not found", output):
        raise PipelineError(f"model {config.name}: shared library {absent[0]} is not found when the module is loaded")
