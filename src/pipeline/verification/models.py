"""A Fortran model's verification programs: build them, run them, collect their rows.

Each program prints rows `row test ours reference gate passed`; `results/verification/<model>.json` holds them all.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.config import ROOT
from pipeline.errors import PipelineError
from pipeline.files import atomic

MODELS = ("climate",)


def verify(model: str, long: bool) -> int:
    """Build and run; returns the exit code of ctest.

    Raises:
        PipelineError: the programs do not build; the message names the log.
    """
    build = ROOT / "build" / "verification" / model
    build.mkdir(parents=True, exist_ok=True)
    _configure(ROOT / "fortran" / model, build)
    selection = [] if long else ["-LE", "long"]
    command = [
        _tool("ctest"),
        "--test-dir",
        str(build),
        "--output-on-failure",
        "-V",
        "-j",
        str(os.cpu_count()),
        *selection,
    ]
    log = build / "ctest.log"
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
    with atomic(target) as partial:
        partial.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    print(f"{sum(r['passed'] for r in rows)} of {len(rows)} rows passed: {target}; log: {log}")
    return code


def parse(text: str) -> list[dict[str, Any]]:
    """Rows out of the programs' output, under ctest's `<number>: ` prefix; a row of two numbers has no gate."""
    number = r"[-+]?(?:\d[\d.]*(?:E[-+]?\d+)?|NaN|Infinity)"
    pattern = re.compile(rf"^(?:\d+:\s+)?(\S.*?)\s+({number})\s+({number})(?:\s+({number}))?\s+([TF])\s*$")
    rows = []
    for line in text.splitlines():
        if found := pattern.match(line):
            name, ours, reference, gate, passed = found.groups()
            row = {"test": name, "ours": float(ours), "reference": float(reference)}
            rows.append(row | {"gate": float(gate) if gate else None, "passed": passed == "T", "source": "docs/models"})
    return rows


def _configure(source: Path, build: Path) -> None:
    ninja = f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}"
    log = build / "build.log"
    with log.open("w") as file:
        for command in (
            [_tool("cmake"), "-S", str(source), "-B", str(build), "-G", "Ninja", ninja],
            [_tool("cmake"), "--build", str(build)],
        ):
            if subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode:
                raise PipelineError(f"{source}: the verification programs do not build; see {log}")


def _tool(name: str) -> str:
    """A tool of this environment, before one of the same name elsewhere."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name
