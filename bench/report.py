"""What a benchmark measured, as rows of results/bench/<area>.json and as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.files import atomic

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
