"""Self-attention within windows of a global grid, longitude periodic, on features (batch, lat, lon, channel).

Windows that do not divide the grid are completed by cells that no query attends to. Every other block of the same
shape is turned by half a window in longitude, so that no meridian is a border for all of them.
"""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks._layers import MultilayerPerceptron


class WindowBlock(nn.Module):
    """x + attention(norm(x)) within windows, then x + perceptron(norm(x)).

    Args:
        channels, heads: of the attention; heads divide channels.
        window: cells in latitude and longitude; None for the whole grid.
        turn: columns the windows are turned by.
    """

    def __init__(self, channels: int, heads: int, window: tuple[int, int] | None, turn: int = 0) -> None:
        super().__init__()
        if channels % heads:
            raise PipelineError(f"heads: {heads} does not divide width {channels}; give a divisor of it")
        self.heads, self.window, self.turn = heads, window, turn
        self.norm_1, self.norm_2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.query_key_value, self.output = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.perceptron = MultilayerPerceptron(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self._attend(self.norm_1(x))
        return x + self.perceptron(self.norm_2(x))

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        ny, nx = x.shape[1:3]
        wy, wx = (min(w, n) for w, n in zip(self.window or (ny, nx), (ny, nx), strict=True))
        x = x.roll(-self.turn, dims=2) if self.turn else x
        south, east = -ny % wy, -nx % wx
        padded = nn.functional.pad(x, (0, 0, 0, east, 0, south)) if south or east else x
        tokens = _split(padded, wy, wx)
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for t in self.query_key_value(tokens).chunk(3, -1)
        )
        mask = None
        if south or east:
            inside = nn.functional.pad(x.new_ones(1, ny, nx, 1), (0, 0, 0, east, 0, south))
            mask = _split(inside, wy, wx)[..., 0][:, :, None, None, :] > 0
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        y = self.output(y.transpose(-3, -2).flatten(-2))
        y = _join(y, ny + south, nx + east, wy, wx)[:, :ny, :nx]
        return y.roll(self.turn, dims=2) if self.turn else y


def _split(x: torch.Tensor, wy: int, wx: int) -> torch.Tensor:
    """(b, y, x, c) to (b, window, wy wx, c)."""
    b, ny, nx, c = x.shape
    return x.reshape(b, ny // wy, wy, nx // wx, wx, c).transpose(2, 3).reshape(b, -1, wy * wx, c)


def _join(x: torch.Tensor, ny: int, nx: int, wy: int, wx: int) -> torch.Tensor:
    b, _, _, c = x.shape
    return x.reshape(b, ny // wy, nx // wx, wy, wx, c).transpose(2, 3).reshape(b, ny, nx, c)


def blocks(channels: int, heads: int, depth: int, windows: list[tuple[int, int]], global_every: int) -> nn.Sequential:
    """`depth` blocks whose windows cycle, every `global_every`-th over the whole grid (0 for none)."""
    layers, used = [], 0
    for k in range(depth):
        if not windows or (global_every and (k + 1) % global_every == 0):
            layers.append(WindowBlock(channels, heads, None))
            continue
        window = tuple(windows[used % len(windows)])
        turn = (used // len(windows)) % 2 * (window[1] // 2)
        layers.append(WindowBlock(channels, heads, window, turn))
        used += 1
    return nn.Sequential(*layers)
