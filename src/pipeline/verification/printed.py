"""What a model's verification programs print, under ctest's `<number>: ` prefix (fortran/<model>/tests/report_mod.F90).

    <test> <ours> <reference> [<gate>] T|F          a row; without a gate where the program has judged by itself
    series <name> <x> <ours> [<reference> [<gate>]]     a point of a curve
    field <name> x <x...>, then field <name> <y> <values...>    a field, row by row

ctest announces test `<number>` as `Start <number>: <program>_<ranks>`: all that it printed is given program and ranks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NUMBER = r"[-+]?(?:\d[\d.]*(?:E[-+]?\d+)?|NaN|Infinity)"
_ROW = re.compile(rf"^(\S.*?)\s+({_NUMBER})\s+({_NUMBER})(?:\s+({_NUMBER}))?\s+([TF])\s*$")
_ANNOUNCED = re.compile(r"^\s*Start\s+(\d+):\s+(\w+)_(\d+)\s*$")
_PREFIX = re.compile(r"^(?:(\d+):\s+)?(\S.*)$")
_COLUMNS = ("x", "ours", "reference", "gate")


def parse(text: str) -> dict[str, list[dict[str, Any]]]:
    """The lists `rows`, `series` and `fields`, every entry with its `source` (program) and `ranks`."""
    rows: list[dict[str, Any]] = []
    series: dict[tuple, dict[str, Any]] = {}
    fields: dict[tuple, dict[str, Any]] = {}
    for line, origin in _lines(text):
        kind, _, rest = line.partition(" ")
        if kind in ("series", "field"):
            name, *numbers = rest.split()
            entry = {"name": name, **origin}
            if kind == "series":
                _add_point(series.setdefault((*entry.values(),), entry), [float(n) for n in numbers])
            else:
                _add_line(fields.setdefault((*entry.values(),), entry), numbers)
        elif found := _ROW.match(line):
            test, ours, reference, gate, passed = found.groups()
            row = {"test": test, "ours": float(ours), "reference": float(reference)}
            rows.append(row | {"gate": float(gate) if gate else None, "passed": passed == "T"} | origin)
    return {"rows": rows, "series": list(series.values()), "fields": list(fields.values())}


def merge(old: dict[str, list], new: dict[str, list]) -> dict[str, list]:
    """All that is new, and what is old of programs that have not been run anew."""
    fresh = {(row["source"], row["ranks"]) for row in new["rows"]}
    kept = {kind: [e for e in old.get(kind, []) if (e["source"], e["ranks"]) not in fresh] for kind in new}
    return {kind: sorted(kept[kind] + new[kind], key=lambda e: (e["source"], e["ranks"])) for kind in new}


def _lines(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every line without its prefix, and where it came from."""
    programs: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        if start := _ANNOUNCED.match(line):
            programs[start[1]] = {"source": start[2], "ranks": int(start[3])}
        elif found := _PREFIX.match(line):
            yield found[2], programs.get(found[1] or "", {"source": "", "ranks": 0})


def _add_point(series: dict[str, Any], numbers: list[float]) -> None:
    for column, number in zip(_COLUMNS, numbers, strict=False):
        series.setdefault(column, []).append(number)


def _add_line(field: dict[str, Any], numbers: list[str]) -> None:
    first, values = numbers[0], [float(n) for n in numbers[1:]]
    if first == "x":
        field |= {"x": values, "y": [], "values": []}
    else:
        field["y"].append(float(first))
        field["values"].append(values)
