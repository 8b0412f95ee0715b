"""A file name is its kind: `build("assimilation", "three_d_var", **options)` finds `assimilation/three_d_var.py`.

A kind is a module of a family's package that is named after it and holds one class of the same name
(`three_d_var` -> `ThreeDVar`); the class's constructor arguments are the keys a configuration may set.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError


def kinds(family: str) -> list[str]:
    """Names of the kinds of a family, e.g. `kinds("networks")`; a module without such a class is a helper, no kind."""
    package = importlib.import_module(f"pipeline.{family}")
    modules = [path for folder in package.__path__ for path in Path(folder).glob("[a-z]*.py")]
    return sorted(path.stem for path in modules if _class_line(path.stem).search(path.read_text(encoding="utf-8")))


def _class_line(kind: str) -> re.Pattern[str]:
    """Matches the definition of the class that is named like its file."""
    return re.compile(rf"^class {kind.replace('_', '')}\b", re.IGNORECASE | re.MULTILINE)


def find(family: str, kind: str) -> type:
    """The class of a kind.

    Raises:
        PipelineError: the family has no such kind; the message lists those it has.
    """
    choices = kinds(family)
    if kind not in choices:
        listed = ", ".join(choices)
        raise PipelineError(f"{family}: unknown kind {kind!r}{_hint(kind, choices)}; choose one of {listed}")
    module = importlib.import_module(f"pipeline.{family}.{kind}")
    wanted = kind.replace("_", "").lower()
    return next(member for name, member in inspect.getmembers(module, inspect.isclass) if name.lower() == wanted)


def options(family: str, kind: str) -> dict[str, inspect.Parameter]:
    """The configuration keys of a kind: its constructor's arguments, and its base's where it takes `**options`."""
    found: dict[str, inspect.Parameter] = {}
    for base in find(family, kind).__mro__:
        parameters = inspect.signature(base).parameters.values() if "__init__" in vars(base) else ()
        named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        found = {**named, **found}
        if parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


def build(family: str, kind: str, **arguments: Any) -> Any:
    """Construct a kind.

    Raises:
        PipelineError: unknown family, kind or argument; the message lists the choices.
    """
    allowed = options(family, kind)
    for name in arguments:
        if name not in allowed:
            raise PipelineError(
                f"{family}/{kind}: unknown option {name!r}{_hint(name, allowed)}; choose from {', '.join(allowed)}"
            )
    missing = [n for n, p in allowed.items() if p.default is p.empty and n not in arguments]
    if missing:
        raise PipelineError(f"{family}/{kind}: missing option {', '.join(missing)}")
    return find(family, kind)(**arguments)


def _hint(name: str, choices: Any) -> str:
    close = difflib.get_close_matches(name, list(choices), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
