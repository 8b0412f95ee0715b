"""Observations straight to the latent vector of an autoencoder, z_o = O(y, m) (O2Lnet of HLOBA, Fan et al.).

    (y, m) per component -> gated convolution gelu(W_f .) * sigmoid(W_g .) -> common latent grid -> sum over
    components -> windowed self-attention -> linear -> latent channels

y holds the observed values in the autoencoder's units and 0 elsewhere, m their quality (0: not observed). The gate lets
the network pass what was measured and nothing of what was not. `W_f`, `W_g` are convolutions over blocks of `stride`
cells, the autoencoder's tokens.
"""

from __future__ import annotations

from math import prod

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks import _windows
from pipeline.networks._attention import Positions
from pipeline.networks._layers import Convolution, space_to_depth
from pipeline.networks._regrid import LatentGrid, Padding, Regrid, coarsened
from pipeline.networks.base import Network
from pipeline.spaces import Component, Space


class O2lnet(Network):
    """Normalized observations and their quality to latent vectors.

    Args:
        space: of the state that was observed.
        latent_shape: (channels, y, x) of the autoencoder it belongs to.
        width: channels of the tokens.
        strides: cells per token in latitude and longitude, per component in order; one number for all.
        depth, heads: of the attention.
        windows: (cells in latitude, in longitude) of the attention windows, in turn; the whole grid by default.
        global_every: every so many blocks one sees the whole grid; 0 for none.
        kernel: of the gated convolution over tokens.
        positions: of the latent cells: `sincos`, `learned` or `none`.
    """

    reference: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        space: Space,
        latent_shape: tuple[int, int, int] = (69, 32, 64),
        width: int = 1024,
        strides: int | tuple[int, ...] = 4,
        depth: int = 12,
        heads: int = 16,
        windows: tuple[tuple[int, int], ...] = ((24, 24), (12, 48), (48, 12)),
        global_every: int = 4,
        kernel: int = 3,
        positions: str = "learned",
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "space", "__class__")}
        super().__init__(space, given)
        self.latent_shape = tuple(latent_shape)
        strides = (strides,) * len(space.components) if isinstance(strides, int) else tuple(strides)
        if len(strides) != len(space.components):
            raise PipelineError(f"strides: {len(strides)} for {len(space.components)} components; give one each")
        latent = LatentGrid.of(space, self.latent_shape[1:])
        self.gates = nn.ModuleDict(
            {c.name: Gate(c, s, kernel, latent, width) for c, s in zip(space.components, strides, strict=True)}
        )
        self.positions = Positions(positions, latent.shape, width)
        self.blocks = _windows.blocks(width, heads, depth, list(windows), global_every)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, self.latent_shape[0])
        self.register_buffer("reference", torch.zeros(space.size))
        self.register_buffer("scale", torch.ones(space.size))

    @property
    def latent_size(self) -> int:
        """m, the number of latent variables."""
        return prod(self.latent_shape)

    def set_reference(self, reference: torch.Tensor, scale: torch.Tensor) -> None:
        """The autoencoder's own reference and scale, both (n,): observations enter as (y - reference) / scale."""
        self.reference.copy_(reference)
        self.scale.copy_(scale)

    def forward(self, y: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        """Values (..., n), normalized, and quality (..., n) to latent vectors (..., m)."""
        lead, n = y.shape[:-1], y.shape[-1]
        anomaly = torch.where(m > 0, (y - self.reference) / self.scale, 0.0)
        values, quality = self.space.split(anomaly.reshape(-1, n)), self.space.split(m.reshape(-1, n))
        tokens = sum(self.gates[name](values[name], quality[name]) for name in self.space.names)
        tokens = self.positions(tokens.flatten(1, 2)).unflatten(1, tokens.shape[1:3])
        z = self.head(self.norm(self.blocks(tokens)))
        return z.permute(0, 3, 1, 2).reshape(*lead, self.latent_size)


class Gate(nn.Module):
    """One component's observations to tokens on the latent grid: gelu(W_f u) * sigmoid(W_g u), u = (y, m)."""

    def __init__(self, component: Component, stride: int, kernel: int, latent: LatentGrid, width: int) -> None:
        super().__init__()
        self.padding, self.stride = Padding(component.grid, stride), stride
        inputs = 2 * component.shape[0] * stride**2
        self.feature, self.gate = (Convolution(inputs, width, kernel) for _ in range(2))
        cells = coarsened(self.padding.lat, stride), coarsened(self.padding.lon, stride)
        self.regrid = Regrid(*cells, latent, width, width, to_latent=True)

    def forward(self, values: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        u = self.padding(torch.cat([values, quality], dim=1).permute(0, 2, 3, 1))
        u = space_to_depth(u, (self.stride, self.stride))
        return self.regrid(nn.functional.gelu(self.feature(u)) * torch.sigmoid(self.gate(u)))
