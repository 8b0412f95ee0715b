"""Rows of summary.json for a testbed: scores of every method, errors under larger observation errors, latent space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.verification.summary import row

UNITS = {
    "background": "deviations",
    "analysis": "deviations",
    **{f"forecast_{lead}d": "deviations" for lead in range(1, 6)},
    "cpu_seconds": "s per analysis",
    "peak_bytes": "B per analysis",
    "sigma_correlation_step": "1",
    "sigma_correlation_day": "1",
    "sigma_correlation_period": "1",
    "sigma_over_error": "1",
}
"""Scores of `testbed.cycles` and their units."""

HIGHER, EQUAL = ("sigma_correlation_step", "sigma_correlation_day", "sigma_correlation_period"), ("sigma_over_error",)


def latent_rows(found: Mapping[str, float]) -> list[dict[str, Any]]:
    """How diagonal B and R are, and what O and D can do by themselves."""
    return [row(name, value, _unit(name), "lower") for name, value in found.items()]


def method_rows(name: str, published: Mapping[str, float], scores: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    """Every score of a method, mean over the seeds.

    Args:
        name: of the row.
        published: score -> what others report.
        scores: of `testbed.cycles`, one number per seed.
    """
    rows = []
    for score in [s for s in UNITS if s in scores] + [s for s in scores if s.startswith("analysis_of_")]:
        better = "higher" if score in HIGHER else "equal" if score in EQUAL else "lower"
        values = np.asarray(scores[score])
        unit, paper = UNITS.get(score, "deviations"), published.get(score)
        rows.append(row(f"{score}_{name}", values.mean(), unit, better, paper, per_seed=[*values]))
    return rows


def growth_rows(
    rows: Mapping[str, Mapping[str, Any]], scores: Mapping[str, Mapping[str, list[float]]], error_share: float
) -> list[dict[str, Any]]:
    """Analysis error added over observation error added, for rows that have a `base`; P2 gives per cent of the same.

    Args:
        rows: `factor`, `base` and `published` by name.
        scores: by name.
        error_share: nominal observation error, standard deviations.
    """
    found = []
    for name, plan in rows.items():
        if plan["base"]:
            more, less = (np.asarray(scores[key]["analysis"]) for key in (name, plan["base"]))
            values = (more - less) / ((plan["factor"] - rows[plan["base"]]["factor"]) * error_share)
            paper = plan["published"].get("error_growth")
            found.append(row(f"error_growth_{name}", values.mean(), "1", "lower", paper, per_seed=[*values]))
    return found


def _unit(name: str) -> str:
    return "1" if name.startswith("diagonality") else "deviations"
