"""How far a model's verification stands from its references: every row of `make verify`, in units of its gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pipeline.figures import style

RANGE = (1e-6, 2.0)
"""Of a gate: what is nearer to its reference, or further off or not a number, is drawn at these ends."""


def draw(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A line per program, a dot per row at |ours - reference| / gate; right of 1 it fails.

    Rows that have to be equal bit for bit (a gate of 0) and rows without a gate are counted at the margin.

    Args:
        rows: `{source, ours, reference, gate, passed}` each, as in results/verification/<model>.json.
    """
    style.use()
    programs = sorted({row["source"] for row in rows}, reverse=True)
    figure, axes = plt.subplots(figsize=(6.8, 0.17 * len(programs) + 1.0))
    for place, program in enumerate(programs):
        own = [row for row in rows if row["source"] == program]
        gated = [row for row in own if row["gate"]]
        distance = [abs(row["ours"] - row["reference"]) / row["gate"] for row in gated]
        distance = np.clip(np.nan_to_num(distance, nan=np.inf), *RANGE)
        colours = ["k" if row["passed"] else "#d62728" for row in gated]
        axes.scatter(distance, np.full(len(gated), place), s=9, c=colours, alpha=0.5, lw=0, clip_on=False)
        others = [row for row in own if not row["gate"]]
        failed = sum(not row["passed"] for row in others)
        text = f"{len(others)} yes or no" + (f", {failed} failed" if failed else "") if others else ""
        axes.text(3.0, place, text, va="center", fontsize=6, color="#d62728" if failed else "0.3")
    axes.axvline(1.0, color="#d62728", lw=0.8)
    axes.set_yticks(range(len(programs)), [name.removeprefix("test_") for name in programs], fontsize=6)
    axes.set(xscale="log", xlim=RANGE, ylim=(-0.6, len(programs) - 0.4))
    axes.set_xlabel("distance from the reference, in units of what is allowed")
    axes.grid(axis="y", color="0.93", lw=0.5)
    axes.set_axisbelow(True)
    return figure
