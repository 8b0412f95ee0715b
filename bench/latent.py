"""Latent 3D-Var with a perceptron decoder, and at the size of the coupled paper: make bench AREA=latent.

Two sizes of the perceptron, 200 iterations of Adam, with the other minimisers beside it and the J that each comes to;
peer: TorchDA, 4.4 s on 2 loaded cores for the small size. Then the coupled autoencoder of 343,296 elements and 20,480
latents with random weights: seconds of 200 iterations, how far they take J, and the memory beyond the network. On two
threads; CPU seconds of both together, which the time on two free cores does not exceed.
"""

from __future__ import annotations

import torch
from report import devices, global_grid, observations_of, publish, row, timed
from torch import nn

from pipeline.assimilation.three_d_var import ThreeDVar
from pipeline.covariances.identity import Identity
from pipeline.networks.coupled_vae import CoupledVAE
from pipeline.normalization import Normalization
from pipeline.observations.operators import Interpolation
from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, Component, Space
from pipeline.transforms.autoencoder import Autoencoder
from pipeline.transforms.base import Transform
from pipeline.verification.memory import peak

SIZES = {
    "4,096 / 32 / 256": ((32, 32), 32, 256, 1.0, 4.4),
    "32,768 / 256 / 2,048": ((64, 128), 256, 2048, 2.0, None),
}
"""Elements / latents / observations: grid of each of 4 fields, latents, observations, target [s], peer [s]."""

MINIMIZERS = {
    "adam, 200 iterations": {"learning_rate": 0.05, "stop": 1000},
    "adam until no gain": {"learning_rate": 0.05},
    "lbfgs": {"minimizer": "lbfgs"},
    "gauss_newton": {"minimizer": "gauss_newton"},
}
HIDDEN, ITERATIONS = 256, 200
RANGES = {"ps": (9.5e4, 1.03e5), "ta": (200.0, 320.0), "ua": (-60.0, 60.0), "va": (-60.0, 60.0)} | {
    "sst": (8.0, 22.0), "ssu": (-2.0, 2.0), "ssv": (-2.0, 2.0), "ssh": (-2.0, 2.0),
}  # fmt: skip
"""Narrow enough that what random weights decode could be observed."""


class Perceptron(Transform):
    """D by two hidden layers; E returns the latent vector that the background was decoded from."""

    def __init__(self, latents: int, size: int, z_b: torch.Tensor) -> None:
        super().__init__()
        layers = [nn.Linear(latents, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, size)]
        self.network, self.z_b = nn.Sequential(*layers).requires_grad_(False), z_b

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.z_b.to(x).expand(*x.shape[:-1], -1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return 3.0 * self.network(z)


def perceptrons() -> list[dict]:
    """Seconds at both sizes; in `peer` the J, the relative error of the state before and after, and TorchDA's time."""
    rows = []
    for name, (shape, latents, count, target, peer) in SIZES.items():
        torch.manual_seed(0)
        space = Space((Component("ocean", global_grid(shape), OCEAN_VARIABLES),))
        z = torch.randn(latents)
        transform = Perceptron(latents, space.size, z + 0.7 * torch.randn(latents))
        truth, x_b = transform.decode(z), transform.decode(transform.z_b)
        observations = observations_of(space, ["sst"], count, truth, {"sst": 0.05})
        for label, options in MINIMIZERS.items():
            method = ThreeDVar(transform, Identity(), Interpolation, space, **options)
            seconds, found = timed(lambda method=method, x=x_b, o=observations: method.analysis(x, o))
            cost = float((found.history["background"] + found.history["observation"]).min())
            before, after = (float((s - truth).norm() / truth.norm()) for s in (x_b, found.state))
            note = f"J {cost:.2f}, error {before:.3f} -> {after:.3f}" + (f", TorchDA {peer} s" if peer else "")
            rows.append(row(f"latent 3D-Var {name}, {label}", round(seconds, 3), "CPU s", "lower", target, note))
    return rows


def coupled() -> list[dict]:
    """343,296 -> 20,480 on each device; the aim is on the memory."""
    air = Component("atmosphere", global_grid((96, 144)), ATMOSPHERE_VARIABLES)
    sea = Component("ocean", global_grid((200, 360), 78.0), OCEAN_VARIABLES)
    space, rows = Space((air, sea)), []
    torch.manual_seed(0)
    network = CoupledVAE(space)
    transform = Autoencoder(network, Normalization(space, RANGES, ("2000", "2001"), {}))
    with torch.no_grad():
        truth, x_b = (transform.decode(0.3 * torch.randn(network.latent_size)) for _ in range(2))
    observations = observations_of(space, ["ps", "sst"], 10_000, truth, {"ps": 100.0, "sst": 0.2})
    size = f"SCDA analysis {space.size:,} -> {network.latent_size:,}"
    for device in devices():
        options = {"learning_rate": 0.1, "stop": 1000, "device": device}
        one, all_of_them = (
            ThreeDVar(transform, Identity(), Interpolation, space, iterations=n, **options) for n in (1, ITERATIONS)
        )
        # the first call of a network costs seconds that no later one does
        one.analysis(x_b, observations)
        seconds, found = timed(lambda m=all_of_them: m.analysis(x_b, observations), 1, device)
        cost = found.history["background"] + found.history["observation"]
        note = f"{seconds / ITERATIONS:.2f} s per iteration, J {float(cost[0]):.4g} -> {float(cost.min()):.4g}"
        unit = "CPU s" if device == "cpu" else "s"
        rows.append(row(f"{size}, {ITERATIONS} iterations, {device}", round(seconds, 1), unit, "lower", None, note))
        memory = peak(lambda m=one: m.analysis(x_b, observations), device) / 2**30
        rows.append(row(f"{size}, memory beyond the network, {device}", round(memory, 3), "GiB", "lower", 2.0))
    return rows


def rows() -> list[dict]:
    """All of this file."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    found = [*perceptrons(), *coupled()]
    torch.set_num_threads(before)
    return found


if __name__ == "__main__":
    publish("latent", rows())
