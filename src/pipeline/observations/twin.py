"""The twin experiment's observations: what the configured networks of stations report of the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from pipeline import times
from pipeline.errors import PipelineError
from pipeline.observations import Observations, networks
from pipeline.spaces import Space

KINDS = ("land_stations", "random", "regular")


def stations(kind: str, space: Space, variable: str, seed: int, **options: Any) -> networks.Stations:
    """Positions of a network.

    Args:
        kind: a function of `observations.networks`.
        variable: what is measured; an ocean variable's random stations stay between the ocean's edges.
        seed: of the positions.
        options: of that function.

    Raises:
        PipelineError: an unknown kind or option.
    """
    ocean = space["ocean"].grid
    drawn = {"seed": seed}
    if kind == "random" and variable in space["ocean"].variables:
        drawn |= {"south": float(ocean.lat_bounds[0]), "north": float(ocean.lat_bounds[-1])}
    extra = {"land_stations": {"seed": seed, "ocean": ocean}, "random": drawn, "regular": {}}
    if kind not in KINDS:
        raise PipelineError(f"observations.{variable}.network: unknown kind {kind!r}; choose one of {', '.join(KINDS)}")
    try:
        return getattr(networks, kind)(**{**extra[kind], **options})
    except TypeError as error:
        raise PipelineError(f"observations.{variable}.network: {error}") from None


def observe(truth: dict[str, xr.Dataset], space: Space, configured: dict[str, dict], seed: int) -> Observations:
    """Observations of every configured variable at its interval, in order of time.

    Args:
        truth: component -> fields (time, lat, lon).
        configured: variable -> `observations` entry of the configuration.
        seed: fixes stations, noise, gaps and what is withheld.
    """
    time = truth["ocean"]["time"].values
    seconds = times.to_seconds(time)
    parts = []
    for number, (variable, entry) in enumerate(sorted(configured.items())):
        due = np.flatnonzero(seconds % (entry["interval_hours"] * 3600) == 0)
        if not len(due):
            raise PipelineError(f"observations.{variable}: no output of the truth falls on its interval")
        options = dict(entry["network"])
        place = stations(options.pop("kind"), space, variable, seed * 100 + 2 * number, **options)
        states = torch.stack([_state(truth, space, step) for step in due])
        parts.append(
            networks.simulate(
                space,
                states,
                seconds[due],
                place,
                variable,
                entry["error"],
                seed=seed * 100 + 2 * number + 1,
                gap=entry["gaps"],
                withheld=entry["withheld"],
            )
        )
    everything = Observations.concatenate(parts)
    return everything.where(np.argsort(everything.time, kind="stable"))


def _state(truth: dict[str, xr.Dataset], space: Space, step: int) -> torch.Tensor:
    return space.from_xarray({name: ds.isel(time=step) for name, ds in truth.items()})
