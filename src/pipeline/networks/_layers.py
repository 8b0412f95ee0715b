"""Building blocks on features (batch, lat, lon, channel), longitude periodic.

The ConvNeXt block (Liu et al. 2022, 10.1109/CVPR52688.2022.01167): x + gamma * W2 gelu(W1 norm(depthwise(x))).
Channels stand last, so that layer norm and linear maps work on contiguous memory and the depthwise convolution sees
PyTorch's channels-last format without a copy.
"""

from __future__ import annotations

import torch
from torch import nn


def wrap(x: torch.Tensor, width: int) -> torch.Tensor:
    """Continue (batch, lat, lon, channel) by `width` periodic columns on both sides."""
    return torch.cat([x[:, :, x.shape[2] - width :], x, x[:, :, :width]], dim=2) if width else x


def space_to_depth(x: torch.Tensor, factor: tuple[int, int]) -> torch.Tensor:
    """Gather blocks of `factor` cells: (b, a*y, c*x, channel) -> (b, y, x, a*c*channel)."""
    a, c = factor
    b, ny, nx, channels = x.shape
    blocks = x.reshape(b, ny // a, a, nx // c, c, channels).permute(0, 1, 3, 2, 4, 5)
    return blocks.reshape(b, ny // a, nx // c, a * c * channels)


def depth_to_space(x: torch.Tensor, factor: tuple[int, int]) -> torch.Tensor:
    """The inverse of `space_to_depth`."""
    a, c = factor
    b, ny, nx, depth = x.shape
    channels = depth // (a * c)
    cells = x.reshape(b, ny, nx, a, c, channels).permute(0, 1, 3, 2, 4, 5)
    return cells.reshape(b, ny * a, nx * c, channels)


class Convolution(nn.Module):
    """A convolution of odd size, circular in longitude, zero beyond the poles."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        self.margin = kernel // 2
        self.convolution = nn.Conv2d(inputs, outputs, kernel, padding=(self.margin, 0), groups=groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(wrap(x, self.margin).permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1)


class MultilayerPerceptron(nn.Sequential):
    """Per cell: channels -> expansion * channels -> channels."""

    def __init__(self, channels: int, expansion: int = 4) -> None:
        hidden = expansion * channels
        super().__init__(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution for the space, a perceptron for the channels, a residual scaled per channel."""

    def __init__(self, channels: int, kernel: int = 7, layer_scale: float = 1e-6, expansion: int = 4) -> None:
        super().__init__()
        self.depthwise = Convolution(channels, channels, kernel, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.perceptron = MultilayerPerceptron(channels, expansion)
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.gamma * self.perceptron(self.norm(self.depthwise(x)))


class Downsample(nn.Module):
    """A convolution whose stride is its size: blocks of stride x stride cells become one."""

    def __init__(self, inputs: int, outputs: int, stride: int, normalize: bool = True) -> None:
        super().__init__()
        self.stride = stride
        self.norm = nn.LayerNorm(inputs) if normalize else nn.Identity()
        self.linear = nn.Linear(inputs * stride**2, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(space_to_depth(self.norm(x), (self.stride, self.stride)))


class Upsample(nn.Module):
    """The mirror of `Downsample`: one cell becomes stride x stride."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.norm = nn.LayerNorm(inputs)
        self.linear = nn.Linear(inputs, outputs * stride**2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return depth_to_space(self.linear(self.norm(x)), (self.stride, self.stride))
