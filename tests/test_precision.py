"""What is rounded is a copy, and nothing else is."""

import torch
from torch import nn

from pipeline.covariances.diagonal import Diagonal
from pipeline.covariances.ensemble import Ensemble
from pipeline.covariances.hybrid import Hybrid
from pipeline.normalization import Normalization
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


def test_what_is_shared_stays_as_it_is_where_the_copy_changes_in_other_ways():
    """Half precision gains digits, double loses them: neither is touched in the module itself."""
    module = Mixed()
    module.network.half()
    twin = matched(module, torch.zeros(1))
    assert [p.dtype for p in twin.parameters()] == [torch.float32] * 2
    assert [p.dtype for p in module.parameters()] == [torch.float16] * 2
    assert isinstance(twin.network.weight, nn.Parameter)


def test_a_hybrid_keeps_the_digits_of_its_static_part():
    hybrid = Hybrid(0.5, Diagonal(torch.full((3,), 1 / 3, dtype=torch.float64)), Ensemble())
    members = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    hybrid.with_members(members).inverse(members[0])
    assert hybrid.static.variance.dtype == torch.float64


def test_spaces_are_not_copied(air_sea_space):
    module = Mixed()
    module.space = air_sea_space
    module.normalization = Normalization(air_sea_space, {}, ("2000-01-01", "2001-01-01"), {})
    twin = matched(module, torch.zeros(1))
    assert twin.space is air_sea_space
    assert twin.normalization is module.normalization
