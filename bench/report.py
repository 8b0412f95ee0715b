"""What a benchmark measured, as rows of results/bench/<area>.json and as a table; what several benchmarks need."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from pipeline.files import atomic
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Grid, Space

ROOT = Path(__file__).resolve().parents[1]


def row(
    name: str, value: float, unit: str, better: str, target: float | None = None, peer: str | None = None
) -> dict[str, Any]:
    """One measurement; `peer` is what it is measured against in the same run."""
    return {"name": name, "value": value, "unit": unit, "target": target, "better": better, "peer": peer}


def publish(area: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows and print them."""
    path = ROOT / "results" / "bench" / f"{area}.json"
    with atomic(path) as partial:
        partial.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    table = Table(title=str(path.relative_to(ROOT)))
    for column in ("", "value", "target", "unit", "against"):
        numbers = column in ("value", "target")
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for r in rows:
        target = "" if r["target"] is None else f"{r['target']:.4g}"
        table.add_row(r["name"], f"{r['value']:.4g}", target, r["unit"], r["peer"] or "")
    Console().print(table)


def devices() -> list[str]:
    """The CPU, and a GPU where there is one."""
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def timed(work: Callable[[], Any], repeats: int = 3, device: str = "cpu") -> tuple[float, Any]:
    """Least seconds of some runs, and the last result: CPU seconds of all threads, or those of the clock on a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    seconds = []
    for _ in range(repeats):
        start = clock()
        found = work()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    return min(seconds), found


def global_grid(shape: tuple[int, int], edge: float = 90.0) -> Grid:
    """Equal steps of latitude and longitude."""
    bounds = np.linspace(-edge, edge, shape[0] + 1)
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(shape[1]) * 360.0 / shape[1], bounds)


def observations_of(
    space: Space, variables: list[str], count: int, truth: torch.Tensor, errors: dict[str, float]
) -> Observations:
    """`count` noisy observations at random places between 75S and 75N, with the standard deviation of each variable."""
    rng = np.random.default_rng(0)
    rows = [np.zeros(count), rng.choice(variables, count), rng.uniform(-75, 75, count), rng.uniform(0, 360, count)]
    possible, error = np.where(rows[1] == "ps", 1e5, 0.0), np.array([errors[name] for name in rows[1]])
    blank = Observations(*rows, possible, error, np.zeros(count))
    value = Interpolation(space, blank)(truth.double()).numpy() + error * rng.standard_normal(count)
    return Observations(*rows, value, blank.error, blank.withheld)
