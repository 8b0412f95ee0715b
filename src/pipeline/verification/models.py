"""A Fortran model's verification programs: build them, run them, collect their rows.

Each program prints rows `row test ours reference gate passed`; `results/verification/<model>.json` holds them all.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

from pipeline.config import ROOT
from pipeline.files import atomic
from pipeline.verification.programs import build, tool

MODELS = ("climate",)


def verify(model: str, long: bool, only: str | None = None) -> int:
    """Build and run; returns the exit code of ctest.

    Args:
        model: a name of `MODELS`.
        long: run the long programs too.
        only: regular expression of the programs to run; the rows of the others are kept as they were.

    Raises:
        PipelineError: the programs do not build; the message names the log.
    """
    folder = build(model, ROOT / "build" / "verification" / model)
    selection = [] if long else ["-LE", "long"]
    command = [
        tool("ctest"),
        "--test-dir",
        str(folder),
        "--output-on-failure",
        "-V",
        "-j",
        str(os.cpu_count()),
        *selection,
        *(["-R", only] if only else []),
    ]
    log = folder / "ctest.log"
    with log.open("w") as file:
        # Without `env` they would see the variables that MPI sets in a process that runs it, and mpirun refuses.
        environment = dict(os.environ)
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            if re.match(r"^\s*\d+/\d+ Test", line):
                print(line, end="", flush=True)
        code = process.wait()
    rows = parse(log.read_text())
    target = ROOT / "results" / "verification" / f"{model}.json"
    if only and target.exists():
        rows = merge(json.loads(target.read_text())["rows"], rows)
    with atomic(target) as partial:
        partial.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    print(f"{sum(r['passed'] for r in rows)} of {len(rows)} rows passed: {target}; log: {log}")
    return code


def merge(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The new rows, and the old ones of programs that have not been run anew."""
    fresh = {(row["source"], row["ranks"]) for row in new}
    rows = [row for row in old if (row["source"], row["ranks"]) not in fresh] + new
    return sorted(rows, key=lambda row: (row["source"], row["ranks"]))


def parse(text: str) -> list[dict[str, Any]]:
    """Rows out of the programs' output, under ctest's `<number>: ` prefix; a row of two numbers has no gate.

    ctest announces test `<number>` as `Start <number>: <program>_<ranks>`: every row is given its program and ranks.
    """
    number = r"[-+]?(?:\d[\d.]*(?:E[-+]?\d+)?|NaN|Infinity)"
    pattern = re.compile(rf"^(?:(\d+):\s+)?(\S.*?)\s+({number})\s+({number})(?:\s+({number}))?\s+([TF])\s*$")
    announced = re.compile(r"^\s*Start\s+(\d+):\s+(\w+)_(\d+)\s*$")
    programs: dict[str, tuple[str, int]] = {}
    rows = []
    for line in text.splitlines():
        if start := announced.match(line):
            programs[start[1]] = (start[2], int(start[3]))
        elif found := pattern.match(line):
            test, name, ours, reference, gate, passed = found.groups()
            row = {"test": name, "ours": float(ours), "reference": float(reference)}
            program, ranks = programs.get(test or "", ("", 0))
            origin = {"source": program, "ranks": ranks}
            rows.append(row | {"gate": float(gate) if gate else None, "passed": passed == "T"} | origin)
    return rows
