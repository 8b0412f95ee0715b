"""The stage that trains the coupled autoencoder: data in, weights and history out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import xarray as xr

from pipeline import registry
from pipeline.datasets.training import Period, Vectors
from pipeline.networks import save_network
from pipeline.normalization import Normalization
from pipeline.provenance import digest, provenance
from pipeline.spaces import Space
from pipeline.training.fit import FitResult, fit
from pipeline.training.losses import AutoencoderObjective
from pipeline.training.settings import Settings
from pipeline.training.statistics import reference_statistics

_OURS = ("beta", "gpus")
"""Keys of the `training` section that are not the fit loop's."""


def train_autoencoder(
    space: Space,
    datasets: dict[str, xr.Dataset],
    periods: dict[str, Period],
    normalization: Normalization,
    network: dict[str, Any],
    training: dict[str, Any],
    seed: int,
    folder: Path,
    checkpoints: Path,
) -> FitResult:
    """Train a network on the nature run and save it to `folder`.

    Args:
        network: the `network` section, kind and options.
        training: the `training` section.
        seed: of initial weights, order and noise.
        folder: takes `weights.safetensors`, `model.json` and `history.csv`.
        checkpoints: where an interrupted training goes on; no output of the rule.
    """
    train, validation = (Vectors(space, datasets, periods[name], normalization) for name in ("train", "validation"))
    torch.manual_seed(seed)
    options = dict(network)
    model = registry.build("networks", options.pop("kind"), space=space, **options)
    model.set_reference(*reference_statistics(train, space))
    objective = AutoencoderObjective(model, beta=training["beta"])
    specification = {"network": network, "training": training, "normalization": normalization.description()}
    result = fit(
        objective,
        train,
        validation,
        settings(training, seed),
        checkpoints,
        folder / "history.csv",
        context={"specification": digest(specification)},
    )
    save_network(folder, model, normalization.description(), provenance(specification, seed=seed))
    return result


def settings(training: dict[str, Any], seed: int) -> Settings:
    """The fit loop's settings of a `training` section."""
    keys = {key: value for key, value in training.items() if key not in _OURS}
    return Settings(seed=seed, devices=max(1, min(training["gpus"], torch.cuda.device_count())), **keys)
