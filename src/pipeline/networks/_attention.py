"""Attention between two sets of cells on one grid: each side asks the other."""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks._layers import MultilayerPerceptron

POSITIONS = ("sincos", "learned", "none")


def sine_cosine(shape: tuple[int, int], channels: int) -> torch.Tensor:
    """Positions (cell, channel) of a global grid: harmonics 1, 2, ... of longitude, so periodic, and of latitude."""
    ny, nx = shape
    waves = torch.arange(1, channels // 4 + 1, dtype=torch.float64)
    lon = torch.arange(nx, dtype=torch.float64) * (2 * torch.pi / nx)
    lat = (torch.arange(ny, dtype=torch.float64) + 0.5) * (torch.pi / ny)
    east = torch.cat([torch.sin(lon[:, None] * waves), torch.cos(lon[:, None] * waves)], dim=1)
    north = torch.cat([torch.sin(lat[:, None] * waves), torch.cos(lat[:, None] * waves)], dim=1)
    table = torch.cat([east.expand(ny, -1, -1), north[:, None].expand(-1, nx, -1)], dim=-1)
    return nn.functional.pad(table, (0, channels - table.shape[-1])).flatten(0, 1).float()


class Positions(nn.Module):
    """Adds to every cell what tells it from the others: `sincos` (fixed), `learned` (starting from it) or `none`."""

    def __init__(self, kind: str, shape: tuple[int, int], channels: int) -> None:
        super().__init__()
        if kind not in POSITIONS:
            raise PipelineError(f"positions: {kind!r} is unknown; choose one of {', '.join(POSITIONS)}")
        table = None if kind == "none" else sine_cosine(shape, channels)
        self.table = nn.Parameter(table) if kind == "learned" else None
        self.register_buffer("fixed", table if kind == "sincos" else None, persistent=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        table = self.fixed if self.table is None else self.table
        return tokens if table is None else tokens + table


class Attention(nn.Module):
    """softmax(Q K^T / sqrt(d)) V over `heads` heads; queries from `x`, keys and values from `source`."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise PipelineError(f"heads: {heads} does not divide fusion_width {channels}; give a divisor of it")
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.output = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        q = self._split(self.query(x))
        k, v = (self._split(part) for part in self.key_value(source).chunk(2, dim=-1))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.output(y.transpose(1, 2).flatten(2))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, cell, channel) -> (batch, head, cell, channel / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class CrossAttention(nn.Module):
    """One side's half of the exchange, a residual block: x + attention(norm(x), norm(y)), then a perceptron."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm_x, self.norm_y, self.norm = (nn.LayerNorm(channels) for _ in range(3))
        self.attention = Attention(channels, heads)
        self.perceptron = MultilayerPerceptron(channels)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm_x(x), self.norm_y(y))
        return x + self.perceptron(self.norm(x))


class Exchange(nn.Module):
    """`blocks` times: the atmosphere asks the ocean, and at once the ocean the atmosphere."""

    def __init__(self, channels: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.atmosphere = nn.ModuleList(CrossAttention(channels, heads) for _ in range(blocks))
        self.ocean = nn.ModuleList(CrossAttention(channels, heads) for _ in range(blocks))

    def forward(self, a: torch.Tensor, o: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for ask_ocean, ask_atmosphere in zip(self.atmosphere, self.ocean, strict=True):
            a, o = ask_ocean(a, o), ask_atmosphere(o, a)
        return a, o
