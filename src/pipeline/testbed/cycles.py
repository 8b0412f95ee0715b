"""Cycles of one method over the truths of all seeds: analysis, forecasts to five days, cost, and its own sigma."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from pipeline import assimilation
from pipeline.ensembles.lagged import Lagged
from pipeline.observations.operators import Interpolation
from pipeline.testbed.observing import Observing
from pipeline.testbed.world import World
from pipeline.verification.latent import correlations
from pipeline.verification.memory import peak

LEADS = (1, 2, 3, 4, 5)
"""Days of the forecasts that are scored."""


class Cycles:
    """A row of the table.

    Args:
        world: model, unit of the errors, stations.
        row: an entry of `rows`; `$folder` in its options stands for `folder`.
        folder: of networks and error statistics.
    """

    def __init__(self, world: World, row: Mapping[str, Any], folder: Path) -> None:
        self.world, self.row, self.plan, self.folder = world, row, world.plan["cycling"], folder
        self.observing = Observing(world)
        self.method = self._build() if row["method"] else None
        self.bytes = 0

    def _build(self) -> assimilation.Method:
        text = json.dumps(self.row["method"]).replace("$folder", str(self.folder))
        return assimilation.build(
            json.loads(text),
            {"transform": {"kind": "autoencoder", "network": str(self.folder / "autoencoder")}},
            space=self.world.space,
            operator=Interpolation,
            normalization=self.world.normalization,
            nominal=self.observing.nominal,
        )

    def run(self, seed: int) -> Iterator[dict[str, Any]]:
        """Background, analysis, truth, sigma and CPU seconds of each cycle."""
        world, members = self.world, self.row["members"]
        states = world.model.spun_up(2, world.plan["nature"]["spinup_days"], 1000 + seed).float()
        truth, x = states[0], states[0] + self.plan["start_share"] * (states[1] - states[0])
        lagged = Lagged(members, world.model.seconds) if members else None
        for k in range(self.plan["days"] * world.day):
            now, background = k * world.model.seconds, x
            found = self._analyse(x, truth, 10_000 * seed + k, lagged.members(now) if lagged else None)
            x = found["analysis"]
            yield {"background": background, "truth": truth, **found}
            truth = world.forecast(truth, 1)
            forecast = [world.forecast(x, 1)]
            while len(forecast) < members:
                forecast.append(world.forecast(forecast[-1], 1))
            if lagged:
                lagged.add(now, torch.stack(forecast))
            x = forecast[0]

    def _analyse(
        self, x: torch.Tensor, truth: torch.Tensor, seed: int, ensemble: torch.Tensor | None
    ) -> dict[str, Any]:
        if self.method is None:
            return {"analysis": x, "seconds": 0.0, "sigma": None}
        observations = self.observing.observe(truth, seed, self.row["factor"], self.row["told"])
        if not self.bytes:
            self.bytes = peak(lambda: self.method.analysis(x, observations, ensemble))
        began = time.process_time()
        found = self.method.analysis(x, observations, ensemble)
        seconds = time.process_time() - began
        return {"analysis": found.state, "seconds": seconds, "sigma": getattr(found, "deviation", None)}

    def score(self) -> tuple[xr.Dataset, dict[str, list[float]]]:
        """Errors in time, `(seed, cycle)`, and the numbers of the table, one per seed."""
        lines, series = [], []
        for seed in self.plan["seeds"]:
            steps = [*self.run(seed)]
            stacked = {key: torch.stack([s[key] for s in steps]) for key in ("background", "analysis", "truth")}
            series.append(self.world.squares(stacked["analysis"], stacked["truth"]).sqrt().numpy())
            lines.append(self._line(steps, stacked))
        days = np.arange(len(series[0])) / self.world.day
        dataset = xr.Dataset(
            {"error": (("seed", "cycle"), np.stack(series), {"long_name": "analysis error", "units": "deviations"})},
            {"seed": list(self.plan["seeds"]), "day": ("cycle", days)},
        )
        return dataset, {key: [line[key] for line in lines] for key in lines[0]}

    def _line(self, steps: list[dict[str, Any]], stacked: dict[str, torch.Tensor]) -> dict[str, float]:
        world, day = self.world, self.world.day
        first = self.plan["burn_in_days"] * day
        b, x, t = (stacked[key][first:] for key in ("background", "analysis", "truth"))
        line = {"background": world.distance(b, t), "analysis": world.distance(x, t)}
        if self.method is not None:
            line["cpu_seconds"] = float(np.median([s["seconds"] for s in steps[first:]]))
            line["peak_bytes"] = float(self.bytes)
        if steps[-1]["sigma"] is not None:
            sigma = torch.stack([s["sigma"] for s in steps[first:]]) / world.deviation
            line |= correlations((x - t).double() / world.deviation, sigma, world.space.weights, day)
        x, t = x[::day], t[::day]
        for lead in LEADS:
            x, t = world.forecast(x, day), world.forecast(t, day)
            line[f"forecast_{lead}d"] = world.distance(x, t)
        return line
