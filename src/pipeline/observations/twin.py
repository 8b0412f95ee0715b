"""The twin experiment's observations: what the configured networks of stations report of the truth."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from pipeline import times
from pipeline.errors import PipelineError
from pipeline.observations import Observations, networks
from pipeline.spaces import Grid, Space


def observe(truth: dict[str, xr.Dataset], space: Space, configured: dict[str, dict], seed: int) -> Observations:
    """Observations of every configured variable at its interval, in order of time.

    Args:
        truth: component -> fields (time, lat, lon).
        configured: variable -> `observations` entry of the configuration.
        seed: fixes stations, noise, gaps and what is withheld.
    """
    time = truth["ocean"]["time"].values
    seconds, ocean = times.to_seconds(time), space["ocean"].grid
    parts = []
    for number, (variable, entry) in enumerate(sorted(configured.items())):
        due = np.flatnonzero(seconds % (entry["interval_hours"] * 3600) == 0)
        if not len(due):
            raise PipelineError(f"observations.{variable}: no output of the truth falls on its interval")
        options = dict(entry["network"])
        place = networks.place(options.pop("kind"), _grid(space, variable), ocean, seed * 100 + 2 * number, **options)
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


def _grid(space: Space, variable: str) -> Grid:
    """Grid of the component that a variable belongs to."""
    return next(c.grid for c in space.components if variable in c.variables)


def _state(truth: dict[str, xr.Dataset], space: Space, step: int) -> torch.Tensor:
    return space.from_xarray({name: ds.isel(time=step) for name, ds in truth.items()})
