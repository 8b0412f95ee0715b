import numpy as np
import pytest
import torch
import xarray as xr
from torch.utils.data import DataLoader

from pipeline.datasets import nature_run
from pipeline.datasets.store import write_zarr
from pipeline.datasets.training import ChunkShuffle, Vectors, split
from pipeline.errors import PipelineError
from pipeline.normalization import Normalization
from pipeline.spaces import coordinates

DATES = np.datetime64("2001-01-01", "ns") + np.arange(100) * np.timedelta64(6, "h")
CHUNK = 8


@pytest.fixture(scope="module")
def stores(air_sea_space, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nature")
    generator = np.random.default_rng(0)
    opened = {}
    for c in air_sea_space.components:
        fields = {
            name: (
                ("time", "lat", "lon"),
                generator.uniform(1, 2, (100, *c.grid.shape)) + np.arange(100)[:, None, None],
            )
            for name in c.variables
        }
        write_zarr(
            xr.Dataset(fields, coordinates(c.grid) | {"time": DATES}), folder / f"{c.name}.zarr", c.grid.mask, CHUNK
        )
        opened[c.name] = nature_run.open(str(folder / f"{c.name}.zarr"))
    return opened


def test_periods_follow_each_other_with_gaps():
    periods = split(DATES, 0.8, 0.1, gap_days=1.0)
    assert periods["train"][0] == DATES[0]
    assert periods["test"][1] == DATES[-1]
    for before, after in (("train", "validation"), ("validation", "test")):
        assert periods[after][0] - periods[before][1] > np.timedelta64(1, "D")
        assert periods[after][0] - periods[before][1] <= np.timedelta64(30, "h")
    assert (periods["train"][1] - DATES[0]) / (DATES[-1] - DATES[0]) == pytest.approx(0.8, abs=0.01)


def test_impossible_periods_are_refused():
    with pytest.raises(PipelineError, match="leave a test period"):
        split(DATES, 0.9, 0.1)
    with pytest.raises(PipelineError, match="no validation data left"):
        split(DATES, 0.8, 0.1, gap_days=4.0)


def test_vectors_are_the_states_of_the_period(stores, air_sea_space):
    period = (DATES[11], DATES[40])
    vectors = Vectors(air_sea_space, stores, period)
    expected = air_sea_space.from_xarray({n: ds.sel(time=slice(*period)) for n, ds in stores.items()})
    assert len(vectors) == 30
    torch.testing.assert_close(torch.stack([vectors[i] for i in range(30)]), expected, rtol=0, atol=0)
    torch.testing.assert_close(vectors[-1], expected[-1], rtol=0, atol=0)
    with pytest.raises(IndexError):
        vectors[30]


def test_sequences_run_over_chunks(stores, air_sea_space):
    single = Vectors(air_sea_space, stores, (DATES[3], DATES[40]))
    triple = Vectors(air_sea_space, stores, (DATES[3], DATES[40]), steps=3)
    assert len(triple) == len(single) - 2
    torch.testing.assert_close(triple[4], torch.stack([single[4], single[5], single[6]]), rtol=0, atol=0)


def test_vectors_are_normalized(stores, air_sea_space):
    normalization = Normalization.from_datasets(air_sea_space, stores, DATES[0], DATES[79])
    vectors = Vectors(air_sea_space, stores, (DATES[0], DATES[79]), normalization)
    assert torch.stack(list(vectors)).abs().max() <= 1 + 1e-6


def count_reads(vectors):
    reads, read = [], vectors._read
    vectors._read = lambda number: reads.append(number) or read(number)
    return reads


def test_shuffled_epochs_read_each_chunk_once_in_bounded_memory(stores, air_sea_space):
    memory = 3 * CHUNK * air_sea_space.size * 4
    vectors = Vectors(air_sea_space, stores, (DATES[0], DATES[-1]), memory=memory)
    assert vectors.capacity == 3
    reads = count_reads(vectors)
    order = list(ChunkShuffle(vectors, seed=1, window=5))
    for sample in order:
        vectors[sample]
        assert len(vectors._chunks) <= 3
    assert sorted(order) == list(range(100))
    assert sorted(reads) == list(range(13))


def test_orders_differ_by_epoch_and_repeat_by_seed(stores, air_sea_space):
    vectors = Vectors(air_sea_space, stores, (DATES[0], DATES[-1]))
    first, second = ChunkShuffle(vectors, seed=1), ChunkShuffle(vectors, seed=1)
    assert list(first) == list(second)
    second.set_epoch(1)
    assert list(first) != list(second)
    assert np.mean(np.abs(np.diff(list(first)))) > 5  # neighbours in time do not follow each other


def test_processes_share_the_samples(stores, air_sea_space):
    vectors = Vectors(air_sea_space, stores, (DATES[0], DATES[98]))
    parts = [list(ChunkShuffle(vectors, seed=1, rank=rank, world=2)) for rank in (0, 1)]
    assert len(parts[0]) == len(parts[1]) == 49
    assert not set(parts[0]) & set(parts[1])


@pytest.mark.parametrize("workers", [0, 1])
def test_in_a_loader(stores, air_sea_space, workers):
    vectors = Vectors(air_sea_space, stores, (DATES[0], DATES[30]))
    loader = DataLoader(vectors, batch_size=8, sampler=ChunkShuffle(vectors, seed=0), num_workers=workers)
    batches = list(loader)
    assert sum(len(b) for b in batches) == 31
    total = torch.stack([vectors[i] for i in range(31)]).double().sum()
    assert torch.cat(batches).double().sum().item() == pytest.approx(total.item(), rel=1e-12)


def test_unusable_records_are_refused(stores, air_sea_space):
    other = stores | {"ocean": stores["ocean"].isel(time=slice(1, None))}
    with pytest.raises(PipelineError, match="different times"):
        Vectors(air_sea_space, other, (DATES[0], DATES[9]))
    with pytest.raises(PipelineError, match="2 times from"):
        Vectors(air_sea_space, stores, (DATES[0], DATES[1]), steps=3)
