"""The loss history: one row per epoch, as a list of dictionaries and as a CSV file."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from pipeline.files import atomic

Row = dict[str, float]


def row_of(epoch: int, train: Row, validation: Row) -> Row:
    """Means over the epoch, training and validation side by side; `mse_...` becomes `rmse_...`."""
    row: Row = {"epoch": epoch}
    for prefix, terms in (("train", train), ("validation", validation)):
        for name, value in terms.items():
            squared = name.startswith("mse_")
            row[f"{prefix}_{'r' * squared}{name}"] = math.sqrt(value) if squared else value
    return row


def write_history(path: Path, history: list[Row]) -> None:
    """Write the rows with every digit, so that equal runs write equal files."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
