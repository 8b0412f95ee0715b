"""Ensembles of one range of time scales: filters in time, as weights of snapshots, and the members they make.

Lanczos low pass (Duchon 1979):

    w_k = sin(2 pi f k)/(pi k) * sin(pi k/n)/(pi k/n),  w_0 = 2 f,  k = -n..n, divided by their sum,

where f is the cut-off frequency in cycles per snapshot and n - 1 the half width. The response at the cut-off is one
half, at zero frequency one. All is linear in the snapshots, so that an ensemble is a matrix (member, snapshot).

Duchon, C. E. (1979), Lanczos filtering in one and two dimensions, J. Appl. Meteorol. 18, 1016-1022.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.ensembles._season import seasons
from pipeline.ensembles.base import FIELDS, read_states, snapshots
from pipeline.ensembles.stationary import _axes, _centred
from pipeline.errors import PipelineError

DAY = 86400.0


class TimescaleEnsemble(ABC):
    """Members are filtered states about the last times at which the filter has all its snapshots.

    Args:
        members: N, 2 or more.
        cutoff_days: period whose amplitude is halved.
        half_width_days: of the low pass.
        spacing_days: between members; 0: every snapshot.
        harmonics: of the seasonal cycle that is taken out first; needs a year or more.
    """

    def __init__(
        self, members: int, cutoff_days: float, half_width_days: float, spacing_days: float, harmonics: int = 0
    ) -> None:
        self.kind = type(self).__module__.rpartition(".")[2]
        if members < 2:
            raise PipelineError(f"ensembles/{self.kind}: members {members} are too few; give 2 at least")
        self.members, self.cutoff_days, self.half_width_days = members, cutoff_days, half_width_days
        self.spacing_days, self.harmonics = spacing_days, harmonics

    @abstractmethod
    def window(self, low: np.ndarray) -> np.ndarray:
        """Weights (2 n - 1,) of the snapshots about a member's time, from those of the low pass."""

    def anomalies(self, states: Sequence[str | Path]) -> xr.Dataset:
        """The content of the ensemble file from snapshot files, or directories of them, named by their clock [s].

        Raises:
            PipelineError: too short a run, uneven or damaged snapshots, or a field without any spread.
        """
        files = snapshots(states)
        seconds, interval = regular_interval(files, self.kind)
        window = self.window(lanczos(interval, self.cutoff_days, self.half_width_days))
        half = len(window) // 2
        spacing = max(1, round(self.spacing_days / interval))
        centres = last_centres(len(files), half, spacing, self.members, self.kind)
        matrix = np.zeros((self.members, len(files)))
        for row, centre in zip(matrix, centres, strict=True):
            row[centre - half : centre + half + 1] = window
        attributes = {"kind": self.kind, "cutoff_days": self.cutoff_days}
        if self.harmonics:
            matrix = matrix @ without_season(seconds, self.harmonics, self.kind)
            attributes["harmonics"] = self.harmonics
        return combine(files, matrix, centres, attributes)


def lanczos(interval_days: float, cutoff_days: float, half_width_days: float) -> np.ndarray:
    """Weights (2 n - 1,) of a low pass that halves the amplitude of the period `cutoff_days`; they sum to one."""
    if cutoff_days <= 2 * interval_days:
        raise PipelineError(
            f"ensembles: cutoff_days {cutoff_days:g} needs snapshots at least every {cutoff_days / 2:g} days, "
            f"they are {interval_days:g} days apart (nature.state_interval_days)"
        )
    n = round(half_width_days / interval_days) + 1
    k = np.arange(1 - n, n)
    weights = 2 * interval_days / cutoff_days * np.sinc(2 * interval_days / cutoff_days * k) * np.sinc(k / n)
    return weights / weights.sum()


def response(weights: np.ndarray, interval_days: float, period_days: np.ndarray) -> np.ndarray:
    """Factor on the amplitude of oscillations of some periods; weights are symmetric, so there is no shift."""
    k = np.arange(len(weights)) - len(weights) // 2
    phase = 2 * np.pi * interval_days / np.asarray(period_days, dtype=float)
    return np.cos(phase[..., None] * k) @ weights


def regular_interval(files: Sequence[Path], kind: str) -> tuple[np.ndarray, float]:
    """Times of the snapshots [s] and their interval [days].

    Raises:
        PipelineError: there are fewer than two, or they are not evenly spaced.
    """
    seconds = np.array([int(file.stem) for file in files], dtype=np.float64)
    steps = np.diff(seconds)
    if not len(steps) or np.ptp(steps) > 0:
        found = "one snapshot" if not len(steps) else f"between {steps.min() / DAY:g} and {steps.max() / DAY:g} days"
        raise PipelineError(f"ensembles/{kind}: snapshots at even intervals are needed, found {found}")
    return seconds, float(steps[0]) / DAY


def last_centres(count: int, half: int, spacing: int, members: int, kind: str) -> np.ndarray:
    """Snapshots (members,) `spacing` apart, the last ones that have `half` snapshots on either side.

    Raises:
        PipelineError: the run is too short for them.
    """
    centres = count - 1 - half - spacing * np.arange(members)[::-1]
    if centres[0] < half:
        needed = 2 * half + 1 + spacing * (members - 1)
        raise PipelineError(
            f"ensembles/{kind}: {members} members need {needed} snapshots, there are {count}; "
            "lower members, spacing_days or half_width_days, or write snapshots more often (nature.state_interval_days)"
        )
    return centres


def without_season(seconds: np.ndarray, harmonics: int, kind: str) -> np.ndarray:
    """The matrix (snapshot, snapshot) that takes the least-squares seasonal cycle of H harmonics out of a series.

    Raises:
        PipelineError: the run is too short to have a season.
    """
    basis = seasons(seconds, harmonics, kind)
    return np.eye(len(seconds)) - basis[:, 1:] @ np.linalg.pinv(basis)[1:]


def combine(files: Sequence[Path], matrix: np.ndarray, centres: np.ndarray, attributes: dict) -> xr.Dataset:
    """The content of ensemble.nc: members = matrix (member, snapshot) times snapshots, less their mean.

    One snapshot is in memory at a time, those without weight are not read.
    """
    used = np.flatnonzero(np.abs(matrix).max(axis=0) > 0)
    stacked: dict[str, np.ndarray] = {}
    for k, fields in zip(used, read_states([files[k] for k in used]), strict=True):
        for name, values in fields.items():
            share = np.multiply.outer(matrix[:, k], values)
            stacked[name] = stacked[name] + share if name in stacked else share
    data = {name: (("member", *FIELDS[name]), _centred(name, values)) for name, values in stacked.items()}
    times = np.array([int(files[k].stem) for k in centres], dtype=np.int64)
    coordinates = {"time": ("member", times, {"units": "seconds since 2000-01-01 00:00:00"}), **_axes(files[0])}
    return xr.Dataset(data, coordinates, attributes)
