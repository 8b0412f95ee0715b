"""Where the time goes: wall time and peak memory of each rule, from Snakemake's benchmark files."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style


def collect(files: list[str | Path]) -> pd.DataFrame:
    """Rows (rule, seconds, mebibytes, jobs) of benchmark files `<rule>.tsv` or `<rule>_<wildcards>.tsv`."""
    rows = [{"rule": Path(f).stem.split("_seed")[0]} | _numbers(f) for f in files]
    frame = pd.DataFrame(rows, columns=["rule", "seconds", "mebibytes"])
    grouped = frame.groupby("rule", sort=False)
    return pd.DataFrame(
        {"seconds": grouped["seconds"].sum(), "mebibytes": grouped["mebibytes"].max(), "jobs": grouped.size()}
    ).reset_index()


def _numbers(path: str | Path) -> dict[str, float]:
    line = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
    return {"seconds": float(line["s"]), "mebibytes": float(line["max_rss"])}


def draw(timing: pd.DataFrame) -> Figure:
    """Horizontal bars of time (all jobs of a rule) and memory (its largest job)."""
    style.use()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 0.28 * len(timing) + 1.2), sharey=True)
    labels = [f"{row.rule} ({row.jobs})" if row.jobs > 1 else row.rule for row in timing.itertuples()]
    for axes, values, label in (
        (left, timing["seconds"], "Wall time (s)"),
        (right, timing["mebibytes"] / 1024, "Peak memory (GiB)"),
    ):
        axes.barh(labels, values, color="#4c72b0")
        axes.set_xlabel(label)
        axes.bar_label(axes.containers[0], fmt="%.2g" if axes is right else "%.0f", padding=2, fontsize=7)
        axes.margins(x=0.15)
    left.invert_yaxis()
    left.set_title(f"{timing['seconds'].sum() / 60:.1f} min of all jobs together; (n): number of jobs", loc="left")
    return figure
