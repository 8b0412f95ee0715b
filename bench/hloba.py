"""HLOBA beside latent 3D-Var on one state of 69 x 128 x 256: make bench AREA=hloba.

Random weights: patches of 4 x 4 cells, 2,048 tokens of 1,024 channels, 12 attention blocks each way. CPU seconds of two
threads together, or seconds on a GPU; memory is what PyTorch hands out beyond the networks. Published, on one A100:
1.06 s and 10.8 GB against more than 20 s and 53.2 GB. Minutes on a CPU; `--blocks 1` cuts the depth.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import torch
import xarray as xr
from report import devices, global_grid, observations_of, publish, row, timed
from torch import nn

from pipeline.assimilation.base import Method
from pipeline.assimilation.hloba import Hloba
from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.blended import Blended
from pipeline.networks import _windows
from pipeline.networks._layers import depth_to_space, space_to_depth
from pipeline.networks.o2lnet import O2lnet
from pipeline.observations import Observations
from pipeline.observations.latent_observer import LatentObserver
from pipeline.observations.operators import Interpolation
from pipeline.spaces import VOCABULARY, Component, Space
from pipeline.transforms.base import Transform
from pipeline.verification.memory import peak

FIELDS, SHAPE, PAPER_ITERATIONS = 69, (128, 256), 60
PAPER_TIME, PAPER_MEMORY = 1.06 / 20, 10.8 / 53.2


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


def methods(blocks: int, device: str) -> tuple[Method, Method, torch.Tensor, Observations]:
    """HLOBA with one decoding for sigma, latent 3D-Var of two iterations, a background, observations."""
    names = tuple(list(VOCABULARY)[:4]) + tuple(f"field_{k}" for k in range(FIELDS - 4))
    space = Space((Component("atmosphere", global_grid(SHAPE), names),))
    torch.manual_seed(0)
    transform = Attention(space, FIELDS, blocks).to(device)
    network = O2lnet(space, (FIELDS, SHAPE[0] // 4, SHAPE[1] // 4), depth=blocks).to(device).requires_grad_(False)
    unit = xr.Dataset({"variance": ("latent", np.ones(FIELDS * SHAPE[0] * SHAPE[1] // 16))})
    nominal = dict.fromkeys(names[2:4], 1.0)
    observer = LatentObserver(network, Blended(unit, centred=False), space, nominal, Units())
    hloba = Hloba(transform, Blended(unit), observer, space, probes=1, device=device)
    options = {"update": "replace", "iterations": 2, "stop": 100, "device": device}
    variational = ThreeDVar(transform, Blended(unit), Interpolation, space, **options)
    x_b = torch.randn(space.size)
    return hloba, variational, x_b, observations_of(space, list(names[2:4]), 10_000, x_b, nominal)


def rows(blocks: int = 12) -> list[dict]:
    """Seconds and memory of both, and their ratios, on each device."""
    before, found = torch.get_num_threads(), []
    torch.set_num_threads(2)
    size = f"{FIELDS} x {SHAPE[0]} x {SHAPE[1]}, {blocks} blocks"
    for device in devices():
        hloba, variational, x_b, observations = methods(blocks, device)
        seconds, memory = [], []
        for method in (hloba, variational):
            analyse = partial(method.analysis, x_b, observations)
            seconds.append(timed(analyse, 1, device)[0])
            memory.append(peak(analyse, device) / 2**30)
        # two iterations are three costs and two gradients: the share of one iteration, times the paper's number
        sixty = seconds[1] * PAPER_ITERATIONS / 2.5
        label = f"latent 3D-Var of {PAPER_ITERATIONS} iterations"
        note = f"{label}: {sixty:.0f} s; published ratio {PAPER_TIME:.3f}"
        found += [
            row(f"HLOBA {size}, {device}", round(seconds[0], 2), "s", "lower"),
            row(f"HLOBA {size}, memory beyond the networks, {device}", round(memory[0], 3), "GiB", "lower"),
            row(f"HLOBA / {label}, time, {device}", round(seconds[0] / sixty, 4), "1", "lower", None, note),
            row(f"HLOBA / {label}, memory, {device}", round(memory[0] / memory[1], 3), "1", "lower", None,
                f"{memory[1]:.2f} GiB; published ratio, networks included, {PAPER_MEMORY:.2f}"),
        ]  # fmt: skip
    torch.set_num_threads(before)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=12)
    publish("hloba", rows(parser.parse_args().blocks))
