"""Time and memory of latent analyses: make bench AREA=hloba.

Latent 3D-Var with a perceptron decoder at two sizes, 200 iterations of Adam beside L-BFGS at the same J; then HLOBA
beside latent 3D-Var on one state of 69 x 128 x 256 with random weights: patches of 4 x 4 cells, 2,048 tokens of 1,024
channels, 12 attention blocks each way. CPU seconds of one thread; memory is the rise of the process's peak. The last
part needs minutes on a CPU: `python bench/hloba.py --blocks 1` cuts the depth.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
import xarray as xr
from report import publish, row
from torch import nn

from pipeline.assimilation.hloba import Hloba
from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.blended import Blended
from pipeline.covariances.identity import Identity
from pipeline.networks import _windows
from pipeline.networks._layers import depth_to_space, space_to_depth
from pipeline.networks.o2lnet import O2lnet
from pipeline.observations import Observations
from pipeline.observations.latent_observer import LatentObserver
from pipeline.observations.operators import Interpolation
from pipeline.spaces import OCEAN_VARIABLES, VOCABULARY, Component, Grid, Space
from pipeline.transforms.base import Transform

SIZES = {"4,096 / 32 / 256": ((32, 32), 32, 256, 256, 1.0), "32,768 / 256 / 2,048": ((64, 128), 256, 2048, 256, 2.0)}
"""Name: grid of each of 4 fields, latents, observations, hidden width, target [s]."""


class Perceptron(Transform):
    """D by two hidden layers; E returns the latent vector that the background was decoded from."""

    def __init__(self, latents: int, hidden: int, size: int, z_b: torch.Tensor) -> None:
        super().__init__()
        layers = [nn.Linear(latents, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, size)]
        self.network, self.z_b = nn.Sequential(*layers).requires_grad_(False), z_b

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.z_b.expand(*x.shape[:-1], -1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return 3.0 * self.network(z)


def global_grid(shape: tuple[int, int]) -> Grid:
    """Equal steps of latitude and longitude."""
    bounds = np.linspace(-90.0, 90.0, shape[0] + 1)
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(shape[1]) * 360.0 / shape[1], bounds)


def observations_of(space: Space, variables: list[str], count: int, truth: torch.Tensor, error: float) -> Observations:
    """`count` noisy observations at random places."""
    rng = np.random.default_rng(0)
    rows = [np.zeros(count), rng.choice(variables, count), rng.uniform(-85, 85, count), rng.uniform(0, 360, count)]
    blank = Observations(*rows, np.zeros(count), np.full(count, error), np.zeros(count))
    value = Interpolation(space, blank)(truth.double()).numpy() + error * rng.standard_normal(count)
    return Observations(*rows, value, blank.error, blank.withheld)


def timed(run: Callable, repeats: int = 3) -> tuple[float, object]:
    """Least CPU seconds of some runs, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        found = run()
        seconds.append(time.process_time() - start)
    return min(seconds), found


def perceptron_rows() -> list[dict]:
    """Latent 3D-Var at both sizes."""
    rows = []
    for name, (shape, latents, count, hidden, target) in SIZES.items():
        torch.manual_seed(0)
        space = Space((Component("ocean", global_grid(shape), OCEAN_VARIABLES),))
        z = torch.randn(latents)
        transform = Perceptron(latents, hidden, space.size, z + 0.7 * torch.randn(latents))
        observations = observations_of(space, ["sst"], count, transform.decode(z), 0.05)
        x_b, costs = transform.decode(transform.z_b), {}
        for label, options in {"adam": {"learning_rate": 0.05, "stop": 1000}, "lbfgs": {"minimizer": "lbfgs"}}.items():
            method = ThreeDVar(transform, Identity(), Interpolation, space, **options)
            seconds, found = timed(lambda method=method, x=x_b, o=observations: method.analysis(x, o))
            costs[label] = float((found.history["background"] + found.history["observation"]).min())
            peer = f"J = {costs[label]:.2f}, adam's {costs['adam']:.2f}"
            rows.append(row(f"latent 3D-Var {name}, {label}", round(seconds, 3), "CPU s", "lower", target, peer))
    return rows


class Attention(Transform):
    """An autoencoder of the paper's shape with random weights: patches, attention blocks, a linear map to channels."""

    def __init__(self, space: Space, channels: int, blocks: int, width: int = 1024, patch: int = 4) -> None:
        super().__init__()
        fields, self.grid = space.components[0].shape[0], space.components[0].grid.shape
        windows, self.patch, self.fields, self.channels = (
            [(24, 24), (12, 48), (48, 12)],
            (patch, patch),
            fields,
            channels,
        )
        self.inward, self.outward = (_windows.blocks(width, 16, blocks, windows, 4) for _ in range(2))
        self.stem, self.head = nn.Linear(fields * patch**2, width), nn.Linear(width, channels)
        self.tail, self.end = nn.Linear(channels, width), nn.Linear(width, fields * patch**2)
        self.requires_grad_(False)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        tokens = space_to_depth(x.reshape(-1, self.fields, *self.grid).permute(0, 2, 3, 1), self.patch)
        z = self.head(self.inward(self.stem(tokens)))
        return z.permute(0, 3, 1, 2).reshape(*x.shape[:-1], -1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        cells = [n // p for n, p in zip(self.grid, self.patch, strict=True)]
        tokens = z.reshape(-1, self.channels, *cells).permute(0, 2, 3, 1)
        fields = depth_to_space(self.end(self.outward(self.tail(tokens))), self.patch)
        return fields.permute(0, 3, 1, 2).reshape(*z.shape[:-1], -1)


class Units:
    """Physical units are the network's."""

    def normalize(self, x: torch.Tensor) -> torch.Tensor:
        return x


def paper_rows(blocks: int, fields: int = 69, shape: tuple[int, int] = (128, 256)) -> list[dict]:
    """HLOBA with one decoding for sigma, and one iteration of latent 3D-Var, on the same state and observations."""
    names = tuple(list(VOCABULARY)[:4]) + tuple(f"field_{k}" for k in range(fields - 4))
    space = Space((Component("atmosphere", global_grid(shape), names),))
    torch.manual_seed(0)
    transform = Attention(space, fields, blocks)
    latents = fields * shape[0] * shape[1] // 16
    network = O2lnet(space, (fields, shape[0] // 4, shape[1] // 4), depth=blocks).requires_grad_(False)
    unit = xr.Dataset({"variance": ("latent", np.ones(latents))})
    nominal = dict.fromkeys(names[2:4], 1.0)
    observer = LatentObserver(network, Blended(unit, centred=False), space, nominal, Units())
    hloba = Hloba(transform, Blended(unit), observer, space, probes=1)
    variational = ThreeDVar(transform, Blended(unit), Interpolation, space, update="replace", iterations=2, stop=100)
    x_b = torch.randn(space.size)
    observations = observations_of(space, list(names[2:4]), 10_000, x_b, 1.0)
    found, before = {}, peak()
    for label, method in {"HLOBA": hloba, "latent 3D-Var": variational}.items():
        seconds, _ = timed(lambda m=method: m.analysis(x_b, observations), 1)
        found[label], before = (seconds, peak() - before), max(peak(), before)
    # two iterations are three costs and two gradients; the share of one iteration, times the paper's 60
    sixty = found["latent 3D-Var"][0] * 60 / 2.5
    size = f"{fields} x {shape[0]} x {shape[1]}, {blocks} blocks"
    return [
        row(f"HLOBA {size}", round(found["HLOBA"][0], 2), "CPU s", "lower"),
        row(f"HLOBA {size}, peak memory over the networks'", round(found["HLOBA"][1], 2), "GiB", "lower"),
        row(f"HLOBA / latent 3D-Var of 60 iterations, {size}", round(found["HLOBA"][0] / sixty, 4), "ratio", "lower"),
        row(f"latent 3D-Var {size}, peak memory beyond HLOBA's", round(found["latent 3D-Var"][1], 2), "GiB", "lower"),
    ]


def peak() -> float:
    """The process's largest memory so far [GiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--only", choices=["perceptron", "paper"])
    arguments = parser.parse_args()
    measured = [] if arguments.only == "paper" else perceptron_rows()
    measured += [] if arguments.only == "perceptron" else paper_rows(arguments.blocks)
    publish("hloba", measured)
