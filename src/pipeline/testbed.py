"""A testbed from nothing to a table: a model in PyTorch, its autoencoder and observation network, methods in cycles.

    python -m pipeline.testbed config/testbeds/quasi_geostrophic.yaml [folder]

The model is perfect and makes truth, training data and forecasts; everything else is configuration: methods are
`assimilation` kinds with their options, files are named by what the stages write. Every stage is seeded.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from safetensors import safe_open
from safetensors.torch import save_file

from pipeline import assimilation, registry
from pipeline.config import read_yaml
from pipeline.covariances import Differences, spectral
from pipeline.ensembles.lagged import Lagged
from pipeline.files import atomic
from pipeline.networks import load_network, save_network
from pipeline.normalization import Normalization
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.provenance import digest, provenance
from pipeline.spaces import Space
from pipeline.training import AutoencoderObjective, Settings, fit, reference_statistics
from pipeline.training.o2lnet import ObservationObjective, observe
from pipeline.transforms.autoencoder import Autoencoder
from pipeline.verification.latent import correlations, diagonality


@dataclass
class Testbed:
    """The stages of one testbed.

    Attributes:
        plan: the content of the YAML file.
        folder: where networks, statistics and the table go.
    """

    plan: dict[str, Any]
    folder: Path

    @cached_property
    def model(self) -> torch.nn.Module:
        options = dict(self.plan["model"])
        return registry.build("models", options.pop("kind"), **options).to(torch.float32)

    @property
    def space(self) -> Space:
        return self.model.space

    @cached_property
    def nature(self) -> torch.Tensor:
        """States (time, trajectory, n) every `seconds`, float32."""
        plan, file = self.plan["nature"], self.folder / "nature.safetensors"
        made = digest({key: self.plan[key] for key in ("model", "nature", "seed")})
        if file.exists():
            with safe_open(file, "pt") as stored:
                if stored.metadata().get("plan") == made:
                    return stored.get_tensor("states")
        x = self.model.spun_up(plan["trajectories"], plan["spinup_days"], self.plan["seed"])
        states = []
        for _ in range(round(plan["days"] * 86400 / self.model.seconds)):
            with torch.no_grad():
                x = self.model.step(x)
            states.append(x.float())
        with atomic(file) as partial:
            save_file({"states": torch.stack(states)}, partial, {"plan": made})
        return torch.stack(states)

    @cached_property
    def deviation(self) -> torch.Tensor:
        """Standard deviation of each variable's anomalies, per element, (n,): the unit of every error in the table."""
        flat = self.nature.flatten(0, 1)
        _, scale = reference_statistics(self._normalized(flat[::4]), self.space)
        return scale.double() * self.normalization.half_range

    @cached_property
    def normalization(self) -> Normalization:
        flat = self.nature.flatten(0, 1)
        names = [v for c in self.space.components for v in c.variables]
        ranges = {
            n: (float(flat[:, self.space.index(n)].min()), float(flat[:, self.space.index(n)].max())) for n in names
        }
        return Normalization(self.space, ranges, ("nature", "nature"), {})

    def _normalized(self, states: torch.Tensor) -> torch.Tensor:
        return self.normalization.normalize(states)

    def _split(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Training and validation states, normalized: the last trajectory is kept for validation."""
        every = self.plan["nature"].get("every", 1)
        states = self.nature[::every]
        return self._normalized(states[:, :-1].flatten(0, 1)), self._normalized(states[::4, -1])

    # Networks

    @cached_property
    def autoencoder(self) -> torch.nn.Module:
        """The trained autoencoder, from its folder where this plan has trained it before."""

        def objective(model, train):
            model.set_reference(*reference_statistics(train, self.space))
            return AutoencoderObjective(model)

        return self._trained("autoencoder", ("model", "nature", "autoencoder", "seed"), objective)

    @cached_property
    def transform(self) -> Autoencoder:
        return Autoencoder(self.autoencoder, self.normalization, self.space)

    @cached_property
    def observer(self) -> torch.nn.Module:
        """The trained observation-to-latent network."""
        keys = ("model", "nature", "autoencoder", "o2lnet", "observations", "seed")

        def objective(model, train):
            with torch.no_grad():
                variance = self.autoencoder.encode(train[::8])[0].var(0)
            return ObservationObjective(
                model, self.autoencoder, self.coverage, self.error / self.normalization.half_range, variance
            )

        return self._trained("o2lnet", keys, objective, latent_shape=list(self.autoencoder.latent_shape))

    def _trained(self, name: str, keys: tuple[str, ...], objective_of, **options: Any) -> torch.nn.Module:
        folder, plan = self.folder / name, dict(self.plan[name])
        specification = {"what": digest({key: self.plan[key] for key in keys})}
        if (folder / "model.json").exists():
            found = json.loads((folder / "model.json").read_text())["provenance"]
            if found.get("configuration") == provenance(specification).get("configuration"):
                return load_network(folder, self.space)
        train, validation = self._split()
        training = plan.pop("training")
        torch.manual_seed(self.plan["seed"])
        network = registry.build("networks", plan.pop("kind", "o2lnet"), space=self.space, **plan, **options)
        objective = objective_of(network, train)
        began = time.process_time()
        settings = Settings(seed=self.plan["seed"], accelerator="cpu", **training)
        fit(objective, train, validation, settings, folder / ".checkpoints", folder / "history.csv", specification)
        print(f"{name}: {time.process_time() - began:.0f} CPU s of training", flush=True)
        save_network(folder, network, self.normalization.description(), provenance(specification))
        return network

    # Observations

    @cached_property
    def stations(self) -> np.ndarray:
        """Cells of one level that hold a station, drawn by area."""
        plan, points = self.plan["observations"], int(np.prod(self.space.components[0].grid.shape))
        weights = self.space.weights[:points].numpy()
        rng = np.random.default_rng(self.plan["seed"])
        return rng.choice(points, plan["stations"], replace=False, p=weights / weights.sum())

    @cached_property
    def coverage(self) -> torch.Tensor:
        """Probability that an element reports, (n,)."""
        p = torch.zeros(self.space.size)
        for name in self.plan["observations"]["variables"]:
            p[self.space.index(name).start + torch.from_numpy(self.stations)] = 1 - self.plan["observations"]["gaps"]
        return p

    @cached_property
    def error(self) -> torch.Tensor:
        """Nominal error of an observation, physical units, (n,)."""
        return self.plan["observations"]["error_share"] * self.deviation

    def observe(self, truth: torch.Tensor, seed: int, factor: float = 1.0, told: bool = True) -> Observations:
        """Reports of the stations that are not silent; errors grow by `factor`; the analysis is told so or not."""
        rng, grid = np.random.default_rng(seed), self.space.components[0].grid
        rows = []
        for name in self.plan["observations"]["variables"]:
            cells = self.stations[rng.random(len(self.stations)) > self.plan["observations"]["gaps"]]
            where = self.space.index(name).start + cells
            sigma = self.error[where].numpy()
            value = truth[where].double().numpy() + factor * sigma * rng.standard_normal(len(cells))
            lat, lon = grid.lat[cells // len(grid.lon)], grid.lon[cells % len(grid.lon)]
            nothing = np.zeros(len(cells))
            error = sigma * (factor if told else 1.0)
            rows.append(Observations(nothing, np.full(len(cells), name), lat, lon, value, error, nothing))
        return Observations.concatenate(rows)

    # Error statistics

    @cached_property
    def differences(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """d, x_48h, x_24h: forecasts valid at the same time (N, n), each from a state with an analysis-like error.

        The error is `share` of the difference of two states of the climate; with a perfect model two forecasts from
        exact states would agree.
        """
        plan, day = self.plan["errors"], round(86400 / self.model.seconds)
        rng = torch.Generator().manual_seed(self.plan["seed"])
        times = torch.randint(0, len(self.nature) - 2 * day, (plan["pairs"],), generator=rng)
        which = torch.randint(0, self.nature.shape[1], (plan["pairs"],), generator=rng)
        valid = []
        for lead, start in ((2 * day, times), (day, times + day)):
            x = self.nature[start, which]
            others = self.nature.flatten(0, 1)[
                torch.randint(0, self.nature[..., 0].numel(), (2, len(x)), generator=rng)
            ]
            x = x + plan["share"] * (others[0] - others[1])
            for _ in range(lead):
                with torch.no_grad():
                    x = self.model.step(x)
            valid.append(x)
        return valid[0] - valid[1], *valid

    def write_errors(self) -> dict[str, float]:
        """background.nc (latent), spectral.nc (model space), observation.nc (latent); how diagonal they are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        raw, long, short = self.differences
        observer = self.observer
        h = self.model.harmonics
        spectral.fit(raw, 2, h.truncation, h.nlat, h.nlon).to_netcdf(self.folder / "spectral.nc")
        channels = self.autoencoder.latent_shape[0]
        latent = self.transform.encode(long) - self.transform.encode(short)
        found = {"diagonality B": diagonality(latent, channels), "diagonality model space": diagonality(raw, 2)}
        statistics = Differences(32, channels)
        statistics.update(latent)
        statistics.dataset().to_netcdf(self.folder / "background.nc")
        x = self._normalized(self.nature[:: self.plan["errors"]["every"], -1])
        torch.manual_seed(self.plan["seed"])
        y, m = observe(x, self.coverage, (self.error / self.normalization.half_range).float())
        with torch.no_grad():
            e = observer(y, m) - self.autoencoder.encode(x)[0]
        found["diagonality R"] = diagonality(e, channels)
        variance = xr.Dataset({"variance": ("latent", e.double().square().mean(0).numpy())})
        variance.to_netcdf(self.folder / "observation.nc")
        with torch.no_grad():
            found["reconstruction"] = self.distance(self.transform(long), long)
            found["observation network alone"] = self.distance(
                self.transform.decode(observer(y, m)), self.normalization.denormalize(x)
            )
        return found

    def distance(self, x: torch.Tensor, truth: torch.Tensor) -> float:
        """Root mean square by area over variables and states, in standard deviations."""
        squares = ((x.double() - truth.double()) / self.deviation).square() * self.space.weights
        return float((squares.sum(-1) / self.space.weights.sum()).mean().sqrt())

    # Cycles

    def method(self, configuration: Mapping[str, Any]) -> assimilation.Method:
        """A method, with the files of this testbed for `$folder` and its networks by default."""
        text = json.dumps(configuration).replace("$folder", str(self.folder))
        nominal = {n: float(self.error[self.space.index(n)][0]) for n in self.plan["observations"]["variables"]}
        return assimilation.build(
            json.loads(text),
            {"transform": {"kind": "autoencoder", "network": str(self.folder / "autoencoder")}},
            space=self.space,
            operator=Interpolation,
            normalization=self.normalization,
            nominal=nominal,
        )

    def cycle(self, name: str, row: Mapping[str, Any], seed: int) -> Iterator[dict[str, Any]]:
        """Analyses of one method over the test period, each with background, truth and sigma."""
        row, plan = dict(row), self.plan["cycling"]
        options = {key: row.pop(key) for key in ("members", "factor", "told") if key in row}
        members = options.pop("members", 0)
        method = self.method(row) if row else None
        truth, x = self.model.spun_up(2, self.plan["nature"]["spinup_days"], 1000 + seed).float()
        lagged = Lagged(members, self.model.seconds) if members else None
        for k in range(round(plan["days"] * 86400 / self.model.seconds)):
            now = k * self.model.seconds
            background, seconds, sigma = x, 0.0, None
            if method is not None:
                observations = self.observe(truth, 10_000 * seed + k, **options)
                ensemble = lagged.members(now) if lagged else None
                began = time.process_time()
                found = method.analysis(x, observations, *([ensemble] if ensemble is not None else []))
                seconds, x, sigma = time.process_time() - began, found.state, getattr(found, "deviation", None)
            yield {"background": background, "analysis": x, "truth": truth, "seconds": seconds, "sigma": sigma}
            with torch.no_grad():
                truth = self.model.step(truth)
                forecast = [self.model.step(x)]
                for _ in range(members - 1):
                    forecast.append(self.model.step(forecast[-1]))
            if lagged:
                lagged.add(now, torch.stack(forecast))
            x = forecast[0]

    def score(self, name: str, row: Mapping[str, Any], seed: int) -> dict[str, float]:
        """One line of the table."""
        plan, day = self.plan["cycling"], round(86400 / self.model.seconds)
        steps = [*self.cycle(name, row, seed)][round(plan["burn_in_days"] * day) :]
        stacked = {key: torch.stack([s[key] for s in steps]) for key in ("background", "analysis", "truth")}
        line = {key: self.distance(stacked[key], stacked["truth"]) for key in ("background", "analysis")}
        x, t = stacked["analysis"][::day], stacked["truth"][::day]
        for lead in range(1, 5 * day + 1):
            with torch.no_grad():
                x, t = self.model.step(x), self.model.step(t)
            if lead in (day, 5 * day):
                line[f"forecast {lead // day} d"] = self.distance(x, t)
        line["CPU s per analysis"] = float(np.median([s["seconds"] for s in steps]))
        if steps[-1]["sigma"] is not None:
            sigma = torch.stack([s["sigma"] for s in steps]) / self.deviation
            error = (stacked["analysis"] - stacked["truth"]).double() / self.deviation
            line |= correlations(error, sigma, self.space.weights, day)
        return line


def run(plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    """All rows over all seeds; writes table.json."""
    testbed = Testbed(plan, folder)
    found = {"latent space": testbed.write_errors(), "rows": {}}
    print(json.dumps(found["latent space"], indent=1), flush=True)
    for name, row in plan["methods"].items():
        lines = [testbed.score(name, row or {}, seed) for seed in plan["cycling"]["seeds"]]
        found["rows"][name] = {key: [line[key] for line in lines] for key in lines[0]}
        print(f"{name:28s}", *(f"{k} {np.mean(v):.3f}" for k, v in found["rows"][name].items()), sep="  ", flush=True)
        with atomic(folder / "table.json") as path:
            path.write_text(json.dumps(found | {"provenance": provenance(plan)}, indent=1) + "\n")
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = Path(sys.argv[1])
    run(read_yaml(path), Path(sys.argv[2]) if len(sys.argv) > 2 else Path("results/testbeds") / path.stem)
