"""The networks of a testbed: the autoencoder, then the observation-to-latent network that learns from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from torch import nn

from pipeline import registry
from pipeline.networks import load_network, save_network
from pipeline.networks.base import Network
from pipeline.provenance import digest, provenance
from pipeline.testbed.observing import Observing
from pipeline.testbed.world import World
from pipeline.training import AutoencoderObjective, fit, reference_statistics
from pipeline.training.autoencoder import settings
from pipeline.training.o2lnet import ObservationObjective


def train_autoencoder(world: World, folder: Path) -> None:
    """E and D on the nature runs; `folder` takes weights, description and history."""

    def objective(network: Network, train: torch.Tensor) -> nn.Module:
        network.set_reference(*reference_statistics(train, world.space))
        return AutoencoderObjective(network, beta=world.plan["autoencoder"]["training"]["beta"])

    _train(world, "autoencoder", folder, objective)


def train_observer(world: World, autoencoder: Path, folder: Path) -> None:
    """O on what the stations would report of the nature runs, E frozen."""
    observing, encoder = Observing(world), load_network(autoencoder, world.space)

    def objective(network: Network, train: torch.Tensor) -> nn.Module:
        with torch.no_grad():
            variance = encoder.encode(train[::8])[0].var(0)
        return ObservationObjective(network, encoder, observing.coverage, observing.scaled, variance)

    _train(world, "o2lnet", folder, objective, latent_shape=list(encoder.latent_shape))


def _train(
    world: World,
    name: str,
    folder: Path,
    objective_of: Callable[[Network, torch.Tensor], nn.Module],
    **context: Any,
) -> None:
    """Build the network of a section, train it on all trajectories but the last, save it."""
    section, checkpoints = world.plan[name], folder / ".checkpoints"
    train, validation = world.training_states(), world.validation_states(world.plan["nature"]["every"])
    torch.manual_seed(world.seed)
    network = registry.build("networks", space=world.space, **section["network"], **context)
    specification = {"plan": dict(world.plan), "name": name, "seed": world.seed}
    fit(
        objective_of(network, train),
        train,
        validation,
        settings(section["training"], world.seed),
        checkpoints,
        folder / "history.csv",
        context={"specification": digest(specification)},
    )
    save_network(folder, network, world.normalization.description(), provenance(specification, seed=world.seed))
    rmtree(checkpoints, ignore_errors=True)
