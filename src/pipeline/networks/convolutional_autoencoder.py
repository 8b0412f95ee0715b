"""A deterministic ConvNeXt autoencoder of one component, x <-> z on a coarse grid: the testbeds' latent space."""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks._component import ComponentDecoder, ComponentEncoder, Stages
from pipeline.networks._regrid import LatentGrid
from pipeline.networks.base import Autoencoder
from pipeline.spaces import Space


class ConvolutionalAutoencoder(Autoencoder):
    """Autoencoder on normalized vectors of a space with one component.

    Args:
        space: one component.
        latent_channels, latent_grid: the latent space.
        depths, widths, strides: ConvNeXt blocks, channels and downsampling per stage.
        kernel, layer_scale: of the ConvNeXt blocks.
        smoothing: extra channels of a convolution after the last upsampling; 0 for none.
    """

    variational = False

    def __init__(
        self,
        space: Space,
        latent_channels: int = 4,
        latent_grid: tuple[int, int] = (8, 16),
        depths: tuple[int, ...] = (3,),
        widths: tuple[int, ...] = (64,),
        strides: tuple[int, ...] = (4,),
        kernel: int = 5,
        layer_scale: float = 0.1,
        smoothing: int = 0,
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "space", "__class__")}
        super().__init__(space, given)
        if len(space.components) != 1:
            raise PipelineError(f"convolutional_autoencoder: one component is needed, got {', '.join(space.names)}")
        component, stages = space.components[0], Stages.of(depths, widths, strides, kernel, layer_scale)
        stages.check(component.name)
        self.latent_shape = (latent_channels, *latent_grid)
        latent = LatentGrid.of(space, tuple(latent_grid))
        self.encoder = ComponentEncoder(component, stages, latent, stages.widths[-1])
        self.decoder = ComponentDecoder(component, stages, latent, stages.widths[-1], smoothing)
        self.head, self.tail = (
            nn.Linear(*s) for s in ((stages.widths[-1], latent_channels), (latent_channels, stages.widths[-1]))
        )

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalized states (..., n) to latent vectors (..., m), and -30 for their log-variance."""
        anomaly = (x - self.reference) / self.scale
        fields = anomaly.reshape(-1, *self.space.components[0].shape)
        z = self.head(self.encoder(fields)).permute(0, 3, 1, 2).reshape(*x.shape[:-1], self.latent_size)
        return z, torch.full_like(z, -30.0)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Latent vectors (..., m) to normalized states (..., n), zero where masked."""
        features = self.tail(z.reshape(-1, *self.latent_shape).permute(0, 2, 3, 1))
        fields = self.decoder(features).reshape(*z.shape[:-1], self.space.size)
        return fields * self.scale + self.reference

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Reconstruction, latent vector, log-variance."""
        z, log_variance = self.encode(x)
        return self.decode(z), z, log_variance
