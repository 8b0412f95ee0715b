"""The configuration of a Fortran model: what a user writes to add one, `config/models/<name>.yaml`.

Paths and words of commands may contain `{root}` (the project), `{build}` (the model's build directory) and `{bridge}`
(library and module files of callback_mod, inside it). Relative paths start at the project.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PipelineError

ROOT = Path(__file__).resolve().parents[3]
Command = tuple[str, ...]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Compilers(_Section):
    """The MPI compiler wrappers; the same that built the libraries."""

    fortran: str = "mpif90"
    c: str = "mpicc"


class Flags(_Section):
    """Compiler flags of the plugs and of the generated code; the libraries' are their own build's."""

    fortran: Command = ("-O2", "-g")
    c: Command = ("-O2", "-g")


class Libraries(_Section):
    """Static libraries of one directory; their order does not matter."""

    directory: str
    names: tuple[str, ...] = Field(description="ocean for libocean.a")


class Runtime(_Section):
    """What a Fortran main program's compilation would have set; a Python main program has to ask for it."""

    convert: Literal["native", "swap", "big_endian", "little_endian"] = Field("native", description="unformatted files")
    arguments: Command = Field((), description="what get_command_argument returns, the program's name first")
    floating_traps: bool = Field(False, description="invalid operation, division by zero, overflow raise an exception")
    callback_errors: Literal["status", "unwind"] = Field("status", description="how Fortran learns of an exception")
    interruptible: bool = Field(True, description="Ctrl-C and SIGTERM interrupt a long call into Fortran")


class Plugs(_Section):
    """Conventions of the plug file. Names may contain `*`."""

    error: str = Field("ierr", description="name of the last output argument: 0 while all is well")
    message: str | None = Field("tool_get_message", description="plug that returns the text of the last error")
    heals: tuple[str, ...] = Field(("tool_init", "tool_read_restart"), description="make a broken model usable again")
    reads: tuple[str, ...] = Field(("tool_get_*", "tool_write_*"), description="an error in them breaks no state")
    finishes: tuple[str, ...] = Field(("tool_final",), description="allowed on a broken model")


class ModelConfig(_Section):
    """One Fortran model."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="name of the importable module")
    prepare: tuple[Command, ...] = Field((), description="commands that build the static libraries")
    sources: tuple[str, ...] = Field((), description="files and directories the prepare commands read")
    plug: str = Field(description="the plug file, the one file that f2py reads")
    libraries: tuple[Libraries, ...] = ()
    include: tuple[str, ...] = Field((), description="directories with .mod files that the plug file uses")
    compilers: Compilers = Compilers()
    flags: Flags = Flags()
    link: Command = Field((), description="further linker flags, e.g. -lnetcdff")
    link_commands: tuple[Command, ...] = Field((), description="commands that print linker flags: nf-config --flibs")
    namelist: str | None = Field(None, description="namelist template with every group the model reads")
    environment: dict[str, str] = Field(default_factory=dict, description="for the build and for the running model")
    runtime: Runtime = Runtime()
    plugs: Plugs = Plugs()

    def resolved(self, build: Path) -> ModelConfig:
        """A copy with every placeholder replaced and every path absolute."""
        words = {"root": str(ROOT), "build": str(build), "bridge": f"{build}/bridge"}

        def fill(text: str) -> str:
            try:
                return text.format_map(words)
            except (KeyError, ValueError, IndexError):
                known = ", ".join("{" + w + "}" for w in words)
                raise PipelineError(f"model {self.name}: placeholder of {text!r}: choose from {known}") from None

        def path(text: str) -> str:
            return os.path.normpath(ROOT / Path(fill(text)).expanduser())

        return self.model_copy(
            update={
                "prepare": tuple(tuple(map(fill, command)) for command in self.prepare),
                "sources": tuple(map(path, self.sources)),
                "plug": path(self.plug),
                "libraries": tuple(Libraries(directory=path(x.directory), names=x.names) for x in self.libraries),
                "include": tuple(map(path, self.include)),
                "link": tuple(map(fill, self.link)),
                "link_commands": tuple(tuple(map(fill, command)) for command in self.link_commands),
                "namelist": self.namelist and path(self.namelist),
            }
        )


def read(path: str | os.PathLike) -> ModelConfig:
    """Read and validate a model's YAML file.

    Raises:
        PipelineError: no such file, not YAML, an unknown key or an impossible value; the message names the key, what
            was found and what was possible.
    """
    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise PipelineError(f"{file}: {error.strerror}; a model's configuration was expected") from None
    except yaml.YAMLError as error:
        raise PipelineError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise PipelineError(f"{file}: expected keys and values, found {type(content).__name__}")
    try:
        return ModelConfig.model_validate(content)
    except ValidationError as error:
        raise PipelineError("\n".join(f"{file}: {_explain(item)}" for item in error.errors()[:2])) from None


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        choices = _keys_at(item["loc"][:-1])
        close = difflib.get_close_matches(str(item["loc"][-1]), choices, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return f"unknown key {where!r}{hint}; choose from {', '.join(choices)}"
    given = "" if isinstance(item["input"], dict) else f", found {item['input']!r}"
    return f"{where}: {item['msg']}{given}"


def _keys_at(path: tuple) -> list[str]:
    sections = {"compilers": Compilers, "flags": Flags, "libraries": Libraries, "runtime": Runtime, "plugs": Plugs}
    model = sections[path[0]] if path else ModelConfig
    return list(model.model_fields)
