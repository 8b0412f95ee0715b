"""Rows of summary.json for methods on small models: ours beside what is published."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from pipeline.verification.ensembles import flatness
from pipeline.verification.metrics import student_interval
from pipeline.verification.summary import row


def method_rows(name: str, published: dict[str, Any], scores: xr.Dataset, timing: dict[str, Any]) -> list[dict]:
    """Error, spread, CRPS, flatness of the rank histogram and CPU time of a method.

    Args:
        name: of the row.
        published: `rmse` and `cpu_seconds`, None where nothing is.
        scores, timing: of `benchmark.cycle`.
    """
    # A seed that ran away at some cycle has no score, however good it was before.
    seeds = {key: scores[key].mean("cycle", skipna=False).values for key in ("rmse", "spread")}
    kept = np.isfinite(seeds["rmse"])
    extra = {"per_seed": _plain(seeds["rmse"]), "diverged_seeds": int((~kept).sum())}
    if published["members"] > 1:
        extra |= {"lost_seeds": int(lost(scores).sum()), "median": float(np.nanmedian(seeds["rmse"]))}
    rows = [_over_seeds(f"rmse_{name}", seeds["rmse"][kept], "1", published["rmse"], **extra)]
    rows.append(_over_seeds(f"crps_{name}", scores["crps"].values[kept], "1"))
    if published["members"] > 1 and kept.any():
        counts = scores["rank_histogram"].values[kept].sum(axis=0)
        rows.append(row(f"spread_{name}", seeds["spread"][kept].mean(), "1", "equal", rmse=_mean(seeds["rmse"][kept])))
        flat = float(flatness(torch.as_tensor(counts)))
        frequency = [round(float(c), 5) for c in counts / counts.sum()]
        rows.append(row(f"rank_histogram_deviation_{name}", flat, "1", "lower", rank_histogram=frequency))
    seconds = timing["cpu_seconds_per_1000_cycles"]
    rows.append(row(f"cpu_{name}", seconds, "s per 1000 cycles and seed", "lower", published["cpu_seconds"], **timing))
    return rows


def lost(scores: xr.Dataset) -> np.ndarray:
    """Which seeds (seed,) have lost the truth: in the last tenth of the cycles RMSE is over thrice the spread."""
    last = scores.isel(cycle=slice(-max(1, scores.sizes["cycle"] // 10), None)).mean("cycle")
    return (last["rmse"] > 3 * last["spread"]).values


def climatology_rows(twins: xr.Dataset, burn_in: int) -> list[dict]:
    """Error of the climatological mean, what no method may exceed."""
    departure = twins["truth"].isel(cycle=slice(burn_in, None)) - twins["climatology"].mean("state")
    rmse = np.sqrt((departure**2).mean("element")).mean("cycle")
    return [_over_seeds("rmse_climatology", rmse.values, "1")]


def _over_seeds(name: str, values: np.ndarray, unit: str, published: float | None = None, **extra: Any) -> dict:
    """Mean over the seeds with its interval."""
    if len(values) > 1:
        extra["interval_95"] = student_interval(values)
        extra["seed_standard_deviation"] = float(values.std(ddof=1))
    return row(name, _mean(values), unit, "lower", published, **extra)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _plain(values: np.ndarray) -> list[float | None]:
    return [round(float(v), 6) if np.isfinite(v) else None for v in values]
