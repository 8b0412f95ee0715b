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
from pipeline.ensembles.lagged import Carried
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

    def run(self) -> Iterator[dict[str, Any]]:
        """Background, analysis, truth (seed, n), sigma and CPU seconds (seed) of each cycle."""
        world, seeds, step = self.world, self.plan["seeds"], lambda states: self.world.forecast(states, 1)
        first = [world.model.spun_up(2, world.plan["nature"]["spinup_days"], 1000 + seed).float() for seed in seeds]
        truth, other = torch.stack(first).unbind(1)
        x = truth + self.plan["start_share"] * (other - truth)
        lagged = Carried(self.row["members"]) if self.row["members"] else None
        for k in range(self.plan["days"] * world.day):
            background, members = x, lagged.members() if lagged else None
            found = [
                self._analyse(x[s], truth[s], 10_000 * seed + k, None if members is None else members[:, s])
                for s, seed in enumerate(seeds)
            ]
            x, sigma, seconds = zip(*found, strict=True)
            x, sigma = torch.stack(x), None if sigma[0] is None else torch.stack(sigma)
            yield {"background": background, "analysis": x, "truth": truth, "sigma": sigma, "seconds": seconds}
            truth, x = step(truth), lagged.advance(x, step) if lagged else step(x)

    def _analyse(
        self, x: torch.Tensor, truth: torch.Tensor, seed: int, ensemble: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None, float]:
        """Analysis (n,), its sigma where the method has one, CPU seconds."""
        if self.method is None:
            return x, None, 0.0
        observations = self.observing.observe(truth, seed, self.row["factor"], self.row["told"])
        if not self.bytes:
            self.bytes = peak(lambda: self.method.analysis(x, observations, ensemble))
        began = time.process_time()
        found = self.method.analysis(x, observations, ensemble)
        return found.state, getattr(found, "deviation", None), time.process_time() - began

    def score(self) -> tuple[xr.Dataset, dict[str, list[float]]]:
        """Errors in time, `(seed, cycle)`, and the numbers of the table, one per seed."""
        steps = [*self.run()]
        series = {key: torch.stack([s[key] for s in steps], 1) for key in ("background", "analysis", "truth")}
        if steps[0]["sigma"] is not None:
            series["sigma"] = torch.stack([s["sigma"] for s in steps], 1)
        error = self.world.squares(series["analysis"], series["truth"]).sqrt().numpy()
        lines = []
        for k in range(len(error)):
            seconds = np.array([s["seconds"][k] for s in steps])
            lines.append(self._line({key: value[k] for key, value in series.items()}, seconds))
        dataset = xr.Dataset(
            {"error": (("seed", "cycle"), error, {"long_name": "analysis error", "units": "deviations"})},
            {"seed": list(self.plan["seeds"]), "day": ("cycle", np.arange(len(steps)) / self.world.day)},
        )
        return dataset, {key: [line[key] for line in lines] for key in lines[0]}

    def _line(self, series: dict[str, torch.Tensor], seconds: np.ndarray) -> dict[str, float]:
        """The numbers of one seed, from its states (cycle, n) after the burn-in."""
        world, day = self.world, self.world.day
        first = self.plan["burn_in_days"] * day
        series = {key: value[first:] for key, value in series.items()}
        x, t = series["analysis"], series["truth"]
        line = {"background": world.distance(series["background"], t), "analysis": world.distance(x, t)}
        if self.method is not None:
            line |= {"cpu_seconds": float(np.median(seconds[first:])), "peak_bytes": float(self.bytes)}
        if "sigma" in series:
            sigma, error = series["sigma"] / world.deviation, (x - t).double() / world.deviation
            line |= correlations(error, sigma, world.space.weights, day)
        x, t = x[::day], t[::day]
        for lead in LEADS:
            x, t = world.forecast(x, day), world.forecast(t, day)
            line[f"forecast_{lead}d"] = world.distance(x, t)
        return line
