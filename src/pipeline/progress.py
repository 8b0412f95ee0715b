"""A progress bar on a terminal, a line every tenth of the way in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], label: str, unit: str = "it", total: int | None = None) -> Iterator[T]:
    """Yield from `items`, showing how far we are and how long it will take."""
    total = len(items) if total is None and hasattr(items, "__len__") else total
    if sys.stderr.isatty():
        yield from tqdm(items, desc=label, unit=unit, total=total)
        return
    begun, shown = time.monotonic(), 0
    for count, item in enumerate(items, start=1):
        yield item
        if total and count * 10 // total > shown:
            shown = count * 10 // total
            left = (time.monotonic() - begun) / count * (total - count)
            print(f"{label}: {count}/{total} {unit}, {left:.0f} s left", file=sys.stderr, flush=True)
