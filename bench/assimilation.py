"""Time of a latent 3D-Var analysis: make bench AREA=assimilation.

A perceptron decodes 32 latent variables by 256 hidden ones to 4,096 elements; 256 observations; 200 iterations of Adam
beside the other minimisers. Peer: TorchDA, 4.4 s on 2 loaded cores for the same sizes. CPU seconds of one thread, the
least of three runs. Then rows of Lorenz-96 beside the CPU seconds published with DAPPER, one seed and ten in a batch,
and an LETKF analysis of the coupled model's interface on one and on two ranks (bench/letkf.py).
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import letkf
import numpy as np
import torch
from torch import nn

from pipeline import benchmark
from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.config import resolve
from pipeline.covariances.identity import Identity
from pipeline.files import atomic
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.provenance import provenance
from pipeline.spaces import OCEAN_VARIABLES, Component, Grid, Space
from pipeline.transforms.base import Transform

TARGET, PEER = 1.0, 4.4
CASES = {
    "adam, 200 iterations": ({"learning_rate": 0.05, "stop": 1000}, 1),
    "adam, 200 iterations, batch of 16": ({"learning_rate": 0.05, "stop": 1000}, 16),
    "adam until no gain": ({"learning_rate": 0.05}, 1),
    "lbfgs": ({"minimizer": "lbfgs"}, 1),
    "gauss_newton": ({"minimizer": "gauss_newton"}, 1),
}


class Perceptron(Transform):
    """D is 32 -> 256 -> 256 -> 4,096; E returns the latent vector `z_b` that the background was decoded from."""

    def __init__(self, z_b: torch.Tensor) -> None:
        super().__init__()
        layers = [nn.Linear(32, 256), nn.GELU(), nn.Linear(256, 256), nn.GELU(), nn.Linear(256, 4096)]
        self.network = nn.Sequential(*layers).requires_grad_(False)
        self.z_b = z_b

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.z_b.expand(*x.shape[:-1], -1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return 3.0 * self.network(z)


def problem() -> tuple[Space, Perceptron, torch.Tensor, torch.Tensor, Observations]:
    """Space, transform, truth, background and observations."""
    torch.manual_seed(0)
    bounds = np.linspace(-90.0, 90.0, 33)
    grid = Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(32) * 360.0 / 32, bounds)
    space = Space((Component("ocean", grid, OCEAN_VARIABLES),))
    z_true = torch.randn(32)
    transform = Perceptron(z_true + 0.7 * torch.randn(32))
    truth = transform.decode(z_true)
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-85, 85, 256), rng.uniform(0, 360, 256)
    rows = [np.zeros(256), np.full(256, "sst"), lat, lon]
    blank = Observations(*rows, np.zeros(256), np.full(256, 0.05), np.zeros(256))
    value = Interpolation(space, blank)(truth.double()).numpy() + 0.05 * rng.standard_normal(256)
    return (
        space,
        transform,
        truth,
        transform.decode(transform.z_b),
        Observations(*rows, value, blank.error, np.zeros(256)),
    )


def measure() -> list[dict[str, float | str]]:
    """A row per case: seconds, and the relative error of the state before and after in `note`."""
    space, transform, truth, x_b, observations = problem()
    rows = []
    for name, (options, batch) in CASES.items():
        method = ThreeDVar(transform, Identity(), Interpolation, space, **options)
        x = x_b.expand(batch, -1)
        method.analysis(x, observations)
        seconds = []
        for _ in range(3):
            start = time.process_time()
            analysis = method.analysis(x, observations)
            seconds.append(time.process_time() - start)
        before, after = (float((s - truth).norm() / truth.norm()) for s in (x_b, analysis.state[0]))
        note = f"relative error {before:.3f} -> {after:.3f}, {len(analysis.history['background'])} evaluations"
        rows.append(
            {"name": f"latent 3D-Var, {name}", "value": round(min(seconds), 3), "unit": "CPU s", "target": TARGET}
            | {"better": "lower", "peer": PEER, "note": note}
        )
    return rows


def lorenz96(cycles: int = 200) -> list[dict[str, float | str]]:
    """CPU seconds per 1000 cycles and seed of the rows that have a published figure; half of it is the target."""
    settings = json.loads(resolve({"experiment": "lorenz96"}).benchmark.model_dump_json())
    table = {name: row for name, row in settings.pop("rows").items() if row["cpu_seconds"]}
    settings |= {"cycles": cycles, "burn_in": 0, "climatology": 2}
    found = []
    for seeds in ([1], list(range(1, 11))):
        settings["seeds"] = seeds
        twins = benchmark.twin(settings)
        for name, row in table.items():
            scores, timing = benchmark.cycle(name, row, settings, twins)
            peer = row["cpu_seconds"]
            found.append(
                {"name": f"Lorenz-96 {name}, {len(seeds)} seeds at once", "unit": "CPU s per 1000 cycles and seed"}
                | {"value": round(timing["cpu_seconds_per_1000_cycles"], 3), "target": 0.5 * peer, "peer": peer}
                | {"better": "lower", "note": f"RMSE of {cycles} cycles {float(scores['rmse'].mean()):.3f}"}
            )
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    content = {"provenance": provenance(CASES), "rows": [*measure(), *lorenz96(), *letkf.rows()]}
    with atomic(Path("results/bench/assimilation.json")) as path:
        path.write_text(json.dumps(content, indent=2) + "\n")
    for row in content["rows"]:
        print(f"{row['name']:50s} {row['value']:6.3f} {row['unit']}   {row['note']}")
