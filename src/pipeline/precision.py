"""Modules in the precision, and on the device, of the tensors they are to work on."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def matched(module: M, like: torch.Tensor) -> M:
    """A module on the device and in the precision of a tensor.

    It is moved in place, unless that would round some of its numbers: then a copy has them rounded, and the module
    serves a later tensor of double precision with all its digits. All other numbers are shared, a network's above all.
    """
    numbers = [*module.parameters(), *module.buffers()]
    shared = {id(t): t for t in numbers if not _rounded(t.dtype, like.dtype)}
    if len(shared) < len(numbers):
        module = deepcopy(module, shared)
    return module.to(like)


def _rounded(dtype: torch.dtype, to: torch.dtype) -> bool:
    return dtype.is_floating_point and torch.finfo(dtype).bits > torch.finfo(to).bits
