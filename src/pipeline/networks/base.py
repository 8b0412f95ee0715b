"""What every network is: a module that knows the space it works on and the options it was built with."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from pipeline.spaces import Space


class Network(nn.Module):
    """A network on vectors of a `Space`.

    Attributes:
        space: what the elements of its input vectors are.
        options: the configuration it was built with, in full: enough for `registry.build` to build it again.
    """

    def __init__(self, space: Space, options: dict[str, Any]) -> None:
        super().__init__()
        self.space = space
        self.options = {key: plain(value) for key, value in options.items()}

    @property
    def kind(self) -> str:
        """Its name in the configuration: that of the file which defines it."""
        return type(self).__module__.rpartition(".")[2]


class Autoencoder(Network):
    """x (..., n) <-> z (..., m). A subclass sets `latent_shape` and defines `encode` and `decode`.

    The networks of this family work on anomalies, x' = (x - reference) / scale, with the mean state of the training
    data as reference and one scale per variable. Both are the identity until `set_reference` is called, and are saved
    with the weights. The mean state then costs the latent space nothing, and a variable of small variance is not
    drowned by others of the same range.
    """

    latent_shape: tuple[int, ...]
    reference: torch.Tensor
    scale: torch.Tensor

    def __init__(self, space: Space, options: dict[str, Any]) -> None:
        super().__init__(space, options)
        self.register_buffer("reference", torch.zeros(space.size))
        self.register_buffer("scale", torch.ones(space.size))

    @property
    def latent_size(self) -> int:
        """m, the number of latent variables."""
        return math.prod(self.latent_shape)

    @property
    def compression(self) -> float:
        """n / m, counting every element of the state, on land or not."""
        return self.space.size / self.latent_size

    def set_reference(self, reference: torch.Tensor, scale: torch.Tensor) -> None:
        """Mean state and scale (> 0) of the training data, both (n,)."""
        if not bool((scale > 0).all()):
            raise ValueError("a scale must be positive")
        self.reference.copy_(torch.where(self.space.mask, reference, 0.0))
        self.scale.copy_(scale)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """State (..., n) to mean and log-variance (..., m) of its latent distribution."""
        raise NotImplementedError

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Latent vector (..., m) to state (..., n), zero on land."""
        raise NotImplementedError


def plain(value: Any) -> Any:
    """Tuples as lists, as JSON will have them."""
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value
