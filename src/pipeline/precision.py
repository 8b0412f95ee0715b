"""Modules in the precision, and on the device, of the tensors they are to work on."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def matched(module: M, like: torch.Tensor) -> M:
    """A module on the device and in the precision of a tensor.

    It is moved in place, unless that would round its numbers: then a copy is, and the module serves a later tensor of
    double precision with all its digits.
    """
    floats = (t.dtype for t in chain(module.parameters(), module.buffers()) if t.is_floating_point())
    if any(torch.finfo(dtype).bits > torch.finfo(like.dtype).bits for dtype in floats):
        module = deepcopy(module)
    return module.to(like)
