"""A Fortran model's verification programs: build them, run them, collect what they print.

`results/verification/<model>.json` holds the rows of all, and the series and fields that the figures show.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

from pipeline.config import ROOT
from pipeline.files import atomic
from pipeline.verification import printed
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
    results = printed.parse(log.read_text())
    target = ROOT / "results" / "verification" / f"{model}.json"
    if only and target.exists():
        results = printed.merge(json.loads(target.read_text()), results)
    with atomic(target) as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n")
    rows = results["rows"]
    print(f"{sum(r['passed'] for r in rows)} of {len(rows)} rows passed: {target}; log: {log}")
    return code
