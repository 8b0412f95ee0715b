"""A model's namelist: the template of the repository with a run's own values in it.

A template holds every group and key that its model reads; what is not in it is a spelling mistake and is refused here,
before a job starts.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import f90nml

from pipeline.bridge import config as models
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.times import to_seconds

Groups = Mapping[str, Mapping[str, Any]]


def write_namelist(
    path: str | os.PathLike, model: Mapping[str, Any], files: Mapping[str, str], begin: str | None = None
) -> None:
    """Write the namelist of a run of the climate model.

    Args:
        path: the namelist to write.
        model: the `model` section of the configuration; `name`, the sizes in `atmosphere` and `ocean`, `namelist`.
        files: `grid`, and `ensemble`, `low_frequency`, `high_frequency` where the filter runs with them.
        begin: date of a cold start; without it the clock comes from a restart.

    Raises:
        PipelineError: no template for this model, or an unknown group or key.
    """
    yaml = models.ROOT / "config" / "models" / f"{model['name']}.yaml"
    template = models.read(yaml).namelist
    if template is None:
        raise PipelineError(f"{yaml}: namelist: missing; name the template with every group the model reads")
    climate = {
        f"{prefix}_{key}": value
        for prefix, section in (("atmos", model["atmosphere"]), ("ocean", model["ocean"]))
        for key, value in section.items()
    }
    climate["grid_file"] = str(Path(files["grid"]).resolve())
    if begin is not None:
        climate["start_seconds"] = to_seconds(begin)
    groups: dict[str, dict[str, Any]] = {"climate_nml": climate}
    ensembles = ("ensemble", "low_frequency", "high_frequency")
    if any(name in files for name in ensembles):
        groups["da_nml"] = {f"{name}_file": str(Path(files[name]).resolve()) for name in ensembles if name in files}
    for group, entries in model.get("namelist", {}).items():
        groups.setdefault(group.lower(), {}).update(entries)
    fill_template(models.ROOT / template, groups, path)


def fill_template(template: str | os.PathLike, groups: Groups, path: str | os.PathLike) -> None:
    """Copy a template's groups and keys with some of the values replaced.

    Raises:
        PipelineError: the template is missing or no namelist, it has no such group or key, or a value is of another
            type.
    """
    known = read_template(template)
    lower = {group.lower(): {k.lower(): v for k, v in entries.items()} for group, entries in groups.items()}
    for group, entries in lower.items():
        if group not in known:
            raise PipelineError(f"namelist: unknown group {group!r}{_choices(group, known)} (template {template})")
        for key, value in entries.items():
            if key not in known[group]:
                raise PipelineError(f"namelist: unknown key {group}.{key}{_choices(key, known[group])}")
            if not _fits(value, known[group][key]):
                raise PipelineError(
                    f"namelist: {group}.{key}: {value!r} was given, the template has {known[group][key]!r}"
                )
            known[group][key] = list(value) if isinstance(value, tuple) else value
    with atomic(path) as partial:
        partial.write_text(f"! Made from {template}, which explains every key.\n{known}\n")


def read_template(template: str | os.PathLike) -> f90nml.Namelist:
    """Groups and keys of a template."""
    try:
        known = f90nml.read(os.fspath(template))
    except OSError as error:
        raise PipelineError(f"{template}: {error.strerror}; a namelist template was expected") from None
    except Exception as error:
        raise PipelineError(f"{template}: not a namelist: {error}") from None
    if not known:
        raise PipelineError(f"{template}: no namelist group in this file")
    return known


def _fits(value: Any, example: Any) -> bool:
    """Whether a value may stand where the template has `example`; an array may stand where it has a number."""
    if isinstance(value, list | tuple):
        example = example[0] if isinstance(example, list) else example
        return not isinstance(example, str | bool) and all(_fits(v, example) for v in value)
    example = example[0] if isinstance(example, list) else example
    if isinstance(example, bool) or isinstance(value, bool):
        return isinstance(example, bool) and isinstance(value, bool)
    if isinstance(example, str) or isinstance(value, str):
        return isinstance(example, str) and isinstance(value, str)
    return isinstance(value, int) or (isinstance(value, float) and isinstance(example, float))


def _choices(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{hint}; choose from {', '.join(names)}"
