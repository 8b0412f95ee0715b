"""A variational autoencoder of the coupled air-sea state: one latent space for two components.

    q(z|x) = N(mu(x), diag sigma^2(x)),   z = mu + sigma eps,   x' = D(z)

Each component has a ConvNeXt encoder to a common latent grid; there the atmosphere asks the ocean and the ocean the
atmosphere by cross-attention; both are fused into (mu, log sigma^2). The decoder separates them again by
cross-attention and mirrors the encoders. Coupled VAE of Zhu, Lin et al. (Hf2pMDA); the defaults are its sizes: with
4 x 96 x 144 and 4 x 200 x 360 elements, 40 x 16 x 32 = 20,480 latent variables.
"""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks._attention import Exchange, Positions
from pipeline.networks._component import ComponentDecoder, ComponentEncoder, Stages
from pipeline.networks._regrid import LatentGrid
from pipeline.networks.base import Autoencoder
from pipeline.spaces import Space

LOG_VARIANCE_RANGE = (-30.0, 20.0)
"""Clamp of log sigma^2: exp of either end is finite and not zero in float32."""

COMPONENTS = ("atmosphere", "ocean")


class CoupledVAE(Autoencoder):
    """Coupled variational autoencoder on normalized vectors of an `atmosphere + ocean` space.

    Args:
        space: components `atmosphere` and `ocean`.
        latent_channels: latent variables per cell of the latent grid.
        latent_grid: cells of the latent grid in latitude and longitude.
        atmosphere_depths, ocean_depths: ConvNeXt blocks per stage.
        atmosphere_widths, ocean_widths: channels per stage.
        atmosphere_strides, ocean_strides: downsampling before each stage, the stem first; (1, 2, 2, ...) by default.
            A stem of stride 2 to 4 leaves out full resolution, where most of the time goes.
        kernel: size of the depthwise convolutions.
        layer_scale: initial factor of the residuals.
        fusion_width: channels on the latent grid, for attention and fusion.
        heads: of the attention.
        exchanges: cross-attention blocks in the encoder and again in the decoder.
        positions: of the latent cells: `sincos`, `learned` or `none`.
        smoothing: extra channels of a convolution after the last upsampling; 0 for none.
        cross_attention: False separates the components wholly: two autoencoders side by side, which share the latent
            channels in halves.
        variational: False gives a deterministic autoencoder: no noise, log-variance at its lower clamp.
    """

    def __init__(
        self,
        space: Space,
        latent_channels: int = 40,
        latent_grid: tuple[int, int] = (16, 32),
        atmosphere_depths: tuple[int, ...] = (2, 2, 6),
        atmosphere_widths: tuple[int, ...] = (24, 48, 96),
        ocean_depths: tuple[int, ...] = (2, 2, 6, 2),
        ocean_widths: tuple[int, ...] = (24, 48, 96, 192),
        atmosphere_strides: tuple[int, ...] | None = None,
        ocean_strides: tuple[int, ...] | None = None,
        kernel: int = 7,
        layer_scale: float = 1e-6,
        fusion_width: int = 192,
        heads: int = 8,
        exchanges: int = 1,
        positions: str = "sincos",
        smoothing: int = 0,
        cross_attention: bool = True,
        variational: bool = True,
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "space", "__class__")}
        super().__init__(space, given)
        if set(space.names) != set(COMPONENTS):
            raise PipelineError(f"coupled_vae: needs components atmosphere and ocean, got {', '.join(space.names)}")
        grid = (latent_grid[0], latent_grid[1])
        self.latent_shape = (latent_channels, *grid)
        self.variational = variational
        stages = {
            "atmosphere": Stages.of(atmosphere_depths, atmosphere_widths, atmosphere_strides, kernel, layer_scale),
            "ocean": Stages.of(ocean_depths, ocean_widths, ocean_strides, kernel, layer_scale),
        }
        latent, blocks = LatentGrid.of(space, grid), exchanges if cross_attention else 0
        self.encoders, self.decoders = nn.ModuleDict(), nn.ModuleDict()
        for name in COMPONENTS:
            stages[name].check(name)
            self.encoders[name] = ComponentEncoder(space[name], stages[name], latent, fusion_width)
            self.decoders[name] = ComponentDecoder(space[name], stages[name], latent, fusion_width, smoothing)
        self.fusion = Fusion(latent_channels, fusion_width, cross_attention, variational)
        self.positions, self.exchange = nn.ModuleDict(), nn.ModuleDict()
        for part in ("encoder", "decoder"):
            self.positions[part] = Positions(positions, grid, fusion_width)
            self.exchange[part] = Exchange(fusion_width, heads, blocks)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalized states (..., n) to mean and log-variance (..., m)."""
        lead, anomaly = x.shape[:-1], (x - self.reference) / self.scale
        fields = self.space.split(anomaly.reshape(-1, anomaly.shape[-1]))
        a, o = self._meet("encoder", *(self.encoders[name](fields[name]) for name in COMPONENTS))
        mu, log_variance = self.fusion.join(a, o)
        mu = mu.reshape(*lead, self.latent_size)
        if log_variance is None:
            return mu, torch.full_like(mu, LOG_VARIANCE_RANGE[0])
        return mu, log_variance.reshape(mu.shape).clamp(*LOG_VARIANCE_RANGE)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Latent vectors (..., m) to normalized states (..., n), zero on land."""
        lead = z.shape[:-1]
        a, o = self._meet("decoder", *self.fusion.separate(z.reshape(-1, *self.latent_shape)))
        fields = {name: self.decoders[name](part) for name, part in zip(COMPONENTS, (a, o), strict=True)}
        return (self.space.join(fields) * self.scale + self.reference).reshape(*lead, self.space.size)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Reconstruction, mean, log-variance; in training z is drawn, otherwise it is the mean."""
        mu, log_variance = self.encode(x)
        z = mu
        if self.training and self.variational:
            z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        return self.decode(z), mu, log_variance

    def _meet(self, where: str, a: torch.Tensor, o: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-attention between features (batch, *latent_grid, width) of the two components."""
        grid = a.shape[1:3]
        a, o = (self.positions[where](part.flatten(1, 2)) for part in (a, o))
        return tuple(part.unflatten(1, grid) for part in self.exchange[where](a, o))


class Fusion(nn.Module):
    """Both components' features <-> latent channels; without coupling each component keeps half of the channels."""

    def __init__(self, channels: int, width: int, coupled: bool, variational: bool) -> None:
        super().__init__()
        if not coupled and channels < 2:
            raise PipelineError(f"latent_channels: {channels} is too few for two separate components; give 2 or more")
        self.coupled = coupled
        self.moments = 2 if variational else 1
        self.shares = [channels] if coupled else [channels - channels // 2, channels // 2]
        inputs = 2 * width if coupled else width
        self.norms = nn.ModuleList(nn.LayerNorm(inputs) for _ in self.shares)
        self.heads = nn.ModuleList(nn.Linear(inputs, self.moments * share) for share in self.shares)
        self.tails = nn.ModuleList(nn.Linear(share, width) for share in (2 * self.shares if coupled else self.shares))

    def join(self, a: torch.Tensor, o: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Features (batch, y, x, width) of both to mean and log-variance (batch, channels, y, x)."""
        features = [torch.cat([a, o], dim=-1)] if self.coupled else [a, o]
        heads = zip(self.heads, self.norms, features, strict=True)
        parts = [head(norm(f)).permute(0, 3, 1, 2).chunk(self.moments, dim=1) for head, norm, f in heads]
        moments = [torch.cat(part, dim=1) for part in zip(*parts, strict=True)]
        return moments[0], moments[1] if self.moments == 2 else None

    def separate(self, z: torch.Tensor) -> list[torch.Tensor]:
        """Latent fields (batch, channels, y, x) to features (batch, y, x, width) of each component."""
        z = z.permute(0, 2, 3, 1)
        parts = [z, z] if self.coupled else z.split(self.shares, dim=-1)
        return [tail(part) for tail, part in zip(self.tails, parts, strict=True)]
