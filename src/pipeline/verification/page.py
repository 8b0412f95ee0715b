"""The generated part of docs/verification.md: every row of results/verification/<model>.json, program by program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.config import ROOT
from pipeline.errors import PipelineError
from pipeline.files import atomic

MARK = "<!-- What follows is made by `python -m pipeline verify climate --page`; do not edit. -->"


def write(model: str, page: Path) -> dict[str, list[dict[str, Any]]]:
    """Put the tables of the model's rows in place of what follows the mark.

    Returns:
        All that `printed.parse` found: rows, series and fields.

    Raises:
        PipelineError: no rows yet, or a page without the mark.
    """
    source = ROOT / "results" / "verification" / f"{model}.json"
    if not source.exists():
        raise PipelineError(f"{source}: no such file; make it with python -m pipeline verify {model}")
    text = page.read_text()
    if MARK not in text:
        raise PipelineError(f"{page}: the line {MARK!r} is missing; the tables go below it")
    results = json.loads(source.read_text())
    with atomic(page) as partial:
        partial.write_text(
            text.split(MARK)[0] + MARK + "\n\n" + tables(results["rows"], ROOT / "fortran" / model / "tests")
        )
    return results


def tables(rows: list[dict[str, Any]], sources: Path) -> str:
    """One section per program: what its source says it is, and its rows."""
    by_program = groupby(sorted(rows, key=lambda r: (r["source"], r["test"], r["ranks"])), key=lambda r: r["source"])
    return "\n".join(_section(program, list(those), sources) for program, those in by_program)


def _section(program: str, rows: list[dict[str, Any]], sources: Path) -> str:
    lines = [f"### {program}", "", _purpose(sources / f"{program}.F90"), ""]
    lines += ["| row | ours | reference | gate | ranks | passed |", "|---|---|---|---|---|---|"]
    for _, same in groupby(rows, key=lambda r: (r["test"], r["ours"], r["reference"], r["gate"], r["passed"])):
        members = list(same)
        row, ranks = members[0], _ranks(m["ranks"] for m in members)
        gate = "" if row["gate"] is None else f"{row['gate']:.3g}"
        passed = "yes" if row["passed"] else "**no**"
        lines.append(f"| {row['test']} | {row['ours']:.5g} | {row['reference']:.5g} | {gate} | {ranks} | {passed} |")
    return "\n".join(lines) + "\n"


def _ranks(ranks: Iterable[int]) -> str:
    return ", ".join(str(n) for n in sorted(set(ranks)))


def _purpose(source: Path) -> str:
    """The first sentence of the comment that opens a Fortran source."""
    words: list[str] = []
    for line in source.read_text().splitlines() if source.exists() else []:
        if not line.startswith(("!>", "!!")):
            break
        words += line[2:].split()
        if words and words[-1].endswith((".", ":")):
            break
    return " ".join(words)
