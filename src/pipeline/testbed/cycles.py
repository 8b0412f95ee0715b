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
from safetensors.torch import load_file

from pipeline import assimilation, registry
from pipeline.ensembles.lagged import Lagged
from pipeline.errors import PipelineError
from pipeline.interface_analysis import weight_of_the_day
from pipeline.observations.operators import Interpolation
from pipeline.progress import progress
from pipeline.testbed.observing import Observing
from pipeline.testbed.world import LEADS, World
from pipeline.verification.latent import correlations
from pipeline.verification.memory import peak


class Cycles:
    """A row of the table.

    Args:
        world: model, unit of the errors, stations.
        row: an entry of `rows`; `$folder` in its options stands for `folder`.
        folder: of networks and error statistics.

    Raises:
        PipelineError: a covariance waits for an ensemble, and the row has no members; or an unknown variable.
    """

    def __init__(self, world: World, row: Mapping[str, Any], folder: Path) -> None:
        self.world, self.row, self.plan, self.folder = world, row, world.plan["cycling"], folder
        self.observing = Observing(world)
        if unknown := [name for name in row["variables"] if name not in self.observing.variables]:
            known = ", ".join(self.observing.variables)
            raise PipelineError(f"testbed row: variable {unknown[0]!r} is not observed; choose from {known}")
        self.method = self._build() if row["method"] else None
        self.bytes = 0
        self.largest = -1  # members of the ensemble with which `bytes` was measured
        self.stored = load_file(folder / "truths.safetensors")

    def _build(self) -> assimilation.Method:
        if not self.row["members"] and (weight := weight_of_the_day(self.row["method"])):
            raise PipelineError(
                f"testbed row with {self.row['method']['kind']}: a blended covariance has weight {weight} of the day, "
                "but members is 0 and it would stay climatological; set members to 2 or more, or weight: 0"
            )
        method = json.loads(json.dumps(self.row["method"]).replace("$folder", str(self.folder)))
        if share := self.row["decoder_error"]:
            space, deviation = self.world.space, self.world.deviation
            names = [name for component in space.components for name in component.variables]
            method["representativeness"] = {name: share * float(deviation[space.index(name)][0]) for name in names}
        transform = {"kind": "autoencoder", "network": str(self.folder / "autoencoder")}
        takes_one = "transform" in registry.options("assimilation", method["kind"])
        return assimilation.build(
            method,
            {"transform": transform} if takes_one else {},
            space=self.world.space,
            operator=Interpolation,
            normalization=self.world.normalization,
            nominal=self.observing.nominal,
        )

    def run(self) -> Iterator[dict[str, Any]]:
        """Background, analysis, truth (seed, n), sigma, CPU seconds (seed) and state (seed, n + m) of each cycle.

        Of an ensemble these are means, sigma is its spread, and there is no one state.
        """
        world, step = self.world, lambda states: self.world.forecast(states, 1)
        x, seeds = self.stored["start"], self.plan["seeds"]
        if self.row["ensemble"]:
            x = self.stored["ensemble"].unsqueeze(-2).expand(-1, len(seeds), -1)  # (K, seed, n + m)
        lagged = Lagged(self.row["members"]) if self.row["members"] else None
        for k in progress(range(self.plan["days"] * world.day), "cycles", "cycles"):
            truth = self.stored["truths"][k]
            background, members = world.seen(x), lagged.members() if lagged else None
            found = [
                self._analyse(
                    background[..., s, :], truth[s], 10_000 * seed + k, None if members is None else members[:, s]
                )
                for s, seed in enumerate(seeds)
            ]
            analysis, sigma, seconds = zip(*found, strict=True)
            analysis, sigma = torch.stack(analysis, -2), None if sigma[0] is None else torch.stack(sigma)
            x = world.replaced(x, analysis)
            state = x
            if self.row["ensemble"]:
                state, sigma = None, analysis.std(0)
                background, analysis = background.mean(0), analysis.mean(0)
            fields = {"background": background, "analysis": analysis, "truth": truth, "sigma": sigma}
            yield {**fields, "seconds": seconds, "state": state}
            x = lagged.advance(x, step) if lagged else step(x)

    def _analyse(
        self, x: torch.Tensor, truth: torch.Tensor, seed: int, ensemble: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None, float]:
        """Analysis of fields (n,), or of an ensemble's (K, n), its sigma where the method has one, CPU seconds."""
        if self.method is None:
            return x, None, 0.0
        observations = self.observing.observe(truth, seed, self.row["factor"], self.row["told"])
        if self.row["variables"]:
            observations = observations.where(np.isin(observations.variable, self.row["variables"]))
        ensemble = None if ensemble is None else self.world.seen(ensemble)
        if (size := 0 if ensemble is None else len(ensemble)) > self.largest:
            self.bytes, self.largest = peak(lambda: self.method.analysis(x, observations, ensemble)), size
        began = time.process_time()
        found = self.method.analysis(x, observations, ensemble)
        sigma = getattr(found, "deviation", None)
        if sigma is not None and not len(sigma):  # nothing was observed
            sigma = torch.full_like(found.state, torch.nan)
        return found.state, sigma, time.process_time() - began

    def score(self) -> tuple[xr.Dataset, dict[str, list[float]]]:
        """Errors in time, `(seed, cycle)`, and the numbers of the table, one per seed.

        Forecasts are made from single states alone: those of an ensemble cost one per member.
        """
        steps, first = [], self.plan["burn_in_days"] * self.world.day
        for k, step in enumerate(self.run()):
            scored = k >= first and (k - first) % self.world.day == 0
            steps.append({**step, "state": step["state"] if scored else None})  # a memory may be large
        states = [s["state"] for s in steps if s["state"] is not None]
        series = {key: torch.stack([s[key] for s in steps], 1) for key in ("background", "analysis", "truth")}
        if steps[0]["sigma"] is not None:
            series["sigma"] = torch.stack([s["sigma"] for s in steps], 1)
        error = self.world.squares(series["analysis"], series["truth"]).sqrt().numpy()
        lines = []
        for k in range(len(error)):
            seconds = np.array([s["seconds"][k] for s in steps])
            line = self._line({key: value[k] for key, value in series.items()}, seconds)
            if states:
                starts = torch.stack([state[k] for state in states])
                line |= self._forecasts(starts, self.stored["truths"][first :: self.world.day, k])
            lines.append(line)
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
        line |= {f"analysis_of_{name}": error for name, error in world.distances(x, t).items()}
        if self.method is not None:
            line |= {"cpu_seconds": float(np.median(seconds[first:])), "peak_bytes": float(self.bytes)}
        if "sigma" in series:
            known = series["sigma"].isfinite().all(-1)
            sigma, error = (y[known].double() / world.deviation for y in (series["sigma"], x - t))
            line |= correlations(error, sigma, world.space.weights, day)
        return line

    def _forecasts(self, x: torch.Tensor, truths: torch.Tensor) -> dict[str, float]:
        """Errors of the forecasts of one seed, from states (day, n + m) that begin at the days of `truths`."""
        errors = {}
        for lead in LEADS:
            x = self.world.forecast(x, self.world.day)
            errors[f"forecast_{lead}d"] = self.world.distance(x, truths[lead : lead + len(x)])
        return errors
