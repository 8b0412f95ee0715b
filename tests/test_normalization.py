import json

import numpy as np
import pytest
import torch
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.normalization import Normalization
from pipeline.spaces import Component, Space, coordinates


@pytest.fixture
def datasets(air_sea_space):
    """Forty days of noise; the last ten days lie far outside the range of the first thirty."""
    generator = np.random.default_rng(0)
    date = np.datetime64("2001-01-01", "ns") + np.arange(40) * np.timedelta64(1, "D")
    made = {}
    for c in air_sea_space.components:
        fields = {}
        for k, name in enumerate(c.variables):
            values = generator.uniform(10.0 * k - 3, 10.0 * k + 5, (40, *c.grid.shape)).astype(np.float32)
            values[30:] *= 100
            fields[name] = (("time", "lat", "lon"), np.where(c.grid.mask, values, 1e30 if k else np.nan))
        made[c.name] = xr.Dataset(fields, coordinates(c.grid) | {"time": date}).chunk(time=8)
    return made


@pytest.fixture
def normalization(air_sea_space, datasets):
    return Normalization.from_datasets(air_sea_space, datasets, "2001-01-01", "2001-01-30")


def test_training_period_fills_the_interval(air_sea_space, datasets, normalization):
    """Per variable the smallest value becomes -1 and the largest 1: at sea, in the training period only."""
    x = air_sea_space.from_xarray({n: ds.isel(time=slice(0, 30)) for n, ds in datasets.items()}, torch.float64)
    y = normalization.normalize(x)
    for component in air_sea_space.components:
        for name in component.variables:
            field = y[:, air_sea_space.index(name)][:, air_sea_space.mask[air_sea_space.index(name)]]
            assert field.min().item() == pytest.approx(-1, abs=1e-12)
            assert field.max().item() == pytest.approx(1, abs=1e-12)
    assert (y[:, ~air_sea_space.mask] == 0).all()


def test_back_and_forth(air_sea_space, datasets, normalization):
    x = air_sea_space.from_xarray(datasets)
    torch.testing.assert_close(normalization.denormalize(normalization.normalize(x)), x, rtol=2e-6, atol=1e-5)
    assert normalization.normalize(x).dtype == torch.float32


def test_increments_scale(air_sea_space, datasets, normalization):
    """D(y + dy) - D(y) = s dy."""
    y = normalization.normalize(air_sea_space.from_xarray(datasets, torch.float64))
    dy = torch.randn_like(y)
    change = normalization.denormalize(y + dy) - normalization.denormalize(y)
    torch.testing.assert_close(change, normalization.scale() * dy, rtol=1e-9, atol=1e-9)


def test_gradients_pass(air_sea_space, normalization):
    y = torch.zeros(air_sea_space.size, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(normalization.denormalize(y).sum(), y)
    torch.testing.assert_close(gradient, normalization.scale())


def test_file_gives_back_the_same(tmp_path, air_sea_space, normalization):
    normalization.save(tmp_path / "statistics.json", seed=1)
    read = Normalization.load(tmp_path / "statistics.json", air_sea_space)
    assert read.ranges == normalization.ranges
    assert read.period == ("2001-01-01", "2001-01-30")
    content = json.loads((tmp_path / "statistics.json").read_text())
    assert content["provenance"] == {"seed": 1}
    assert set(content["source"]) == {"atmosphere", "ocean"}


def test_the_source_is_fingerprinted(air_sea_space, datasets, normalization):
    again = Normalization.from_datasets(air_sea_space, datasets, "2001-01-01", "2001-01-30")
    assert again.source == normalization.source
    other = datasets | {"ocean": datasets["ocean"] * 1.001}
    changed = Normalization.from_datasets(air_sea_space, other, "2001-01-01", "2001-01-30")
    assert changed.source["ocean"] != normalization.source["ocean"]
    assert changed.source["atmosphere"] == normalization.source["atmosphere"]


def test_another_space_is_refused(tmp_path, air_sea_space, normalization):
    normalization.save(tmp_path / "statistics.json")
    ocean = air_sea_space["ocean"]
    with pytest.raises(PipelineError, match="made for another space: atmosphere"):
        Normalization.load(tmp_path / "statistics.json", Space((ocean,)))
    fewer = Component("ocean", ocean.grid, ocean.variables[:2])
    with pytest.raises(PipelineError, match="made for another space: ocean"):
        Normalization.load(tmp_path / "statistics.json", Space((air_sea_space["atmosphere"], fewer)))


def test_bad_files_are_named(tmp_path, air_sea_space):
    path = tmp_path / "statistics.json"
    with pytest.raises(PipelineError, match="no such file of statistics"):
        Normalization.load(path, air_sea_space)
    path.write_text("{")
    with pytest.raises(PipelineError, match="not readable as JSON"):
        Normalization.load(path, air_sea_space)
    path.write_text("{}")
    with pytest.raises(PipelineError, match="no key period, ranges"):
        Normalization.load(path, air_sea_space)


def test_unusable_data_are_named(air_sea_space, datasets):
    with pytest.raises(PipelineError, match="atmosphere has no data between 2005"):
        Normalization.from_datasets(air_sea_space, datasets, "2005-01-01", "2005-02-01")
    constant = datasets | {"ocean": datasets["ocean"].assign(sst=datasets["ocean"]["sst"] * 0 + 1)}
    with pytest.raises(PipelineError, match="sst is 1 everywhere"):
        Normalization.from_datasets(air_sea_space, constant, "2001-01-01", "2001-01-30")
    holes = datasets | {"ocean": datasets["ocean"].where(datasets["ocean"]["lat"] < 50)}
    with pytest.raises(PipelineError, match="missing or infinite"):
        Normalization.from_datasets(air_sea_space, holes, "2001-01-01", "2001-01-30")
