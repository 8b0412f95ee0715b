"""Memory that a piece of work takes: what PyTorch's allocator handed out, not what the process happens to hold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import torch
from torch.profiler import ProfilerActivity, profile


def peak(work: Callable[[], object], device: str = "cpu") -> int:
    """Largest sum of tensors [bytes] that `work` holds at once beyond those that were there before.

    On the CPU the release of those is not seen, and makes no room.
    """
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max((0, *accumulate(size for _, size in changes)))
