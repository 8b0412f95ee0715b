"""A trained autoencoder as a transform: z = mu(normalize(x)), x = denormalize(decode(z)).

The encoder's mean is used, never a draw: an analysis is deterministic, and D(E(x)) is the best reconstruction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks import load_network, read_model
from pipeline.normalization import Normalization
from pipeline.spaces import Space
from pipeline.transforms.base import Transform


class Scaling(Protocol):
    """Physical units <-> the units that the network was trained in."""

    def normalize(self, x: torch.Tensor) -> torch.Tensor:
        """State (..., n) to normalized state."""

    def denormalize(self, x: torch.Tensor) -> torch.Tensor:
        """Normalized state (..., n) to state."""


class Autoencoder(Transform):
    """Encoder and decoder of a network, between states in physical units and latent vectors.

    Args:
        network: directory of a trained network (`weights.safetensors`, `model.json`), or the network itself, with
            `encode(x) -> (mu, log_variance)` and `decode(z) -> x` on normalized vectors.
        normalization: of the data that `network` was trained on; a directory brings its own.
        space: what the elements of the state are; needed to load a network.
    """

    def __init__(
        self, network: str | Path | nn.Module, normalization: Scaling | None = None, space: Space | None = None
    ) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            if space is None:
                raise PipelineError(f"transforms/autoencoder: {network} cannot be loaded without the space it works on")
            directory, network = network, load_network(network, space)
            description = read_model(directory)["normalization"]
            normalization = Normalization.from_description(description, space, f"{directory}: normalization")
        if normalization is None:
            raise PipelineError("transforms/autoencoder: normalization is missing; give that of the training data")
        self.network = network.eval().requires_grad_(False)
        self.normalization = normalization
        shape = getattr(network, "latent_shape", ())
        self.channels = shape[0] if len(shape) > 1 else 1

    @torch.no_grad()
    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.network.encode(self.normalization.normalize(x))[0]

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.normalization.denormalize(self.network.decode(z))
