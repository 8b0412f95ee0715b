"""What is rounded is a copy, and nothing else is."""

import torch
from torch import nn

from pipeline.precision import matched


class Mixed(nn.Module):
    """A network in single precision beside statistics in double."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(2, 2)
        self.register_buffer("variance", torch.full((2,), 1 / 3, dtype=torch.float64))
        self.register_buffer("cells", torch.arange(2))


def test_a_module_keeps_its_digits_and_its_copy_shares_all_else():
    module = Mixed()
    twin = matched(module, torch.zeros(1))
    assert twin is not module
    assert twin.variance.dtype == torch.float32
    assert module.variance.dtype == torch.float64
    assert float(module.variance[0]) == 1 / 3
    assert twin.network.weight.data_ptr() == module.network.weight.data_ptr()
    assert twin.cells.data_ptr() == module.cells.data_ptr()


def test_what_loses_nothing_is_moved_in_place():
    module = Mixed()
    assert matched(module, torch.zeros(1, dtype=torch.float64)) is module
    assert module.network.weight.dtype == torch.float64
    assert module.cells.dtype == torch.int64
