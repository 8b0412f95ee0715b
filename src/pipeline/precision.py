"""Modules in the precision, and on the device, of the tensors they are to work on."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def matched(module: M, like: torch.Tensor) -> M:
    """A module on the device and in the precision of a tensor.

    It is moved in place, unless that would round some of its numbers: then it is copied with them rounded, and the
    module itself serves a later tensor of double precision with all its digits. Numbers that stay as they are, as a
    network's mostly do, are shared by both.
    """
    numbers = [*module.parameters(), *module.buffers()]
    if not any(_rounded(t.dtype, like.dtype) for t in numbers):
        return module.to(like)
    return deepcopy(module, {id(t): _cast(t, like) for t in numbers})


def _cast(t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Itself where nothing changes."""
    moved = t.to(like.device, like.dtype if t.is_floating_point() else None)
    if moved is t or not isinstance(t, nn.Parameter):
        return moved
    return nn.Parameter(moved.detach(), t.requires_grad)


def _rounded(dtype: torch.dtype, to: torch.dtype) -> bool:
    return dtype.is_floating_point and torch.finfo(dtype).bits > torch.finfo(to).bits
