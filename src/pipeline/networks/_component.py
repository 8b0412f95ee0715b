"""One component's encoder to the common latent grid, and its mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks._layers import ConvNeXtBlock, Convolution, Downsample, Upsample
from pipeline.networks._regrid import LatentGrid, Padding, Regrid, coarsened
from pipeline.spaces import Component


@dataclass(frozen=True)
class Stages:
    """The sizes of a ConvNeXt pyramid.

    Attributes:
        depths: blocks per stage.
        widths: channels per stage.
        strides: by how much the resolution falls before each stage; the first is that of the stem.
        kernel: size of the depthwise convolutions.
        layer_scale: what the residuals are multiplied with at first.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    kernel: int
    layer_scale: float

    @classmethod
    def of(
        cls,
        depths: tuple[int, ...],
        widths: tuple[int, ...],
        strides: tuple[int, ...] | None,
        kernel: int,
        layer_scale: float,
    ) -> Stages:
        """From a configuration, where tuples may be lists and the strides left out: then 1, 2, 2, ..."""
        strides = strides if strides is not None else (1,) + (2,) * (len(widths) - 1)
        return cls(tuple(depths), tuple(widths), tuple(strides), kernel, layer_scale)

    def check(self, name: str) -> None:
        """Raises PipelineError where the stages do not fit together."""
        lengths = {"depths": len(self.depths), "widths": len(self.widths), "strides": len(self.strides)}
        if len(set(lengths.values())) > 1 or not self.depths:
            given = ", ".join(f"{name}_{key} has {n}" for key, n in lengths.items())
            raise PipelineError(f"{given}: give one entry per stage")
        if self.kernel % 2 == 0:
            raise PipelineError(f"kernel: {self.kernel} is even; a convolution centred on a cell has an odd size")

    def blocks(self, stage: int) -> nn.Sequential:
        """The ConvNeXt blocks of a stage."""
        width = self.widths[stage]
        return nn.Sequential(*(ConvNeXtBlock(width, self.kernel, self.layer_scale) for _ in range(self.depths[stage])))


class ComponentEncoder(nn.Module):
    """Fields (batch, variable, lat, lon) to features (batch, *latent.shape, width)."""

    mask: torch.Tensor

    def __init__(self, component: Component, stages: Stages, latent: LatentGrid, width: int) -> None:
        super().__init__()
        self.padding = Padding(component.grid, prod(stages.strides))
        self.register_buffer("mask", torch.from_numpy(component.grid.mask).float()[None, :, :, None], persistent=False)
        widths = stages.widths
        layers: list[nn.Module] = [Downsample(component.shape[0] + 1, widths[0], stages.strides[0], normalize=False)]
        layers.append(stages.blocks(0))
        for k, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            layers += [Downsample(inputs, outputs, stages.strides[k]), stages.blocks(k)]
        layers.append(nn.LayerNorm(widths[-1]))
        self.stages = nn.Sequential(*layers)
        self.regrid = Regrid(*_coarse(self.padding, stages), latent, widths[-1], width, to_latent=True)

    def forward(self, fields: torch.Tensor) -> torch.Tensor:
        x = fields.permute(0, 2, 3, 1) * self.mask
        x = torch.cat([x, self.mask.expand(len(x), -1, -1, -1)], dim=-1)
        return self.regrid(self.stages(self.padding(x)))


class ComponentDecoder(nn.Module):
    """Features (batch, *latent.shape, width) to fields (batch, variable, lat, lon), zero where masked.

    `smoothing` channels of a convolution on the full grid reach across the seams between the blocks of the last
    upsampling; 0 leaves it out, as a stem of stride 1 has no seams.
    """

    mask: torch.Tensor

    def __init__(
        self, component: Component, stages: Stages, latent: LatentGrid, width: int, smoothing: int = 0
    ) -> None:
        super().__init__()
        self.padding = Padding(component.grid, prod(stages.strides))
        self.register_buffer("mask", torch.from_numpy(component.grid.mask).float()[None, :, :, None], persistent=False)
        widths = stages.widths
        variables = component.shape[0]
        self.regrid = Regrid(*_coarse(self.padding, stages), latent, width, widths[-1], to_latent=False)
        layers: list[nn.Module] = []
        for k in range(len(widths) - 1, 0, -1):
            layers += [stages.blocks(k), Upsample(widths[k], widths[k - 1], stages.strides[k])]
        layers += [stages.blocks(0), Upsample(widths[0], variables + smoothing, stages.strides[0])]
        self.stages = nn.Sequential(*layers)
        self.smoothing = Convolution(variables + smoothing, variables, 5) if smoothing else None
        if self.smoothing is not None:
            nn.init.zeros_(self.smoothing.convolution.weight)
            nn.init.zeros_(self.smoothing.convolution.bias)
        self.variables = variables

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = self.padding.crop(self.stages(self.regrid(features)))
        if self.smoothing is not None:
            x = x[..., : self.variables] + self.smoothing(nn.functional.gelu(x))
        return (x * self.mask).permute(0, 3, 1, 2)


def _coarse(padding: Padding, stages: Stages) -> tuple:
    """Coordinates of the coarsest cells."""
    stride = prod(stages.strides)
    return coarsened(padding.lat, stride), coarsened(padding.lon, stride)
