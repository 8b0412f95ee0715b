"""The Fortran ensemble filter from Python, against the closed form of one observation: dx = P / (P + R) (y - x)."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from mpi4py import MPI

from pipeline import bridge
from pipeline.bridge import FortranError
from pipeline.models.climate import Climate
from pipeline.models.namelist import write_namelist

MEMBERS = 10


def observation(variable, lat, lon, value, error):
    columns = {"lat": lat, "lon": lon, "value": value, "error": error}
    arrays = {name: np.array([x], dtype=float) for name, x in columns.items()}
    return SimpleNamespace(variable=np.array([variable]), **arrays)


def write_ensemble(model, path):
    """Anomalies that are one smooth pattern times a random number per member, the same for all fields."""
    random = np.random.default_rng(3)
    number = random.standard_normal(MEMBERS)
    air, sea = model.space["atmosphere"].grid, model.space["ocean"].grid
    scale = {"u": 1.0, "v": 1.0, "t": 0.5, "ps": 100.0, "temp": 0.5, "salt": 0.02, "uo": 0.01, "vo": 0.01, "ssh": 0.02}
    fields = {}
    for name, size in scale.items():
        grid, dims = (air, ("lat", "lon")) if name in ("u", "v", "t", "ps") else (sea, ("jo", "io"))
        pattern = np.where(grid.mask, np.cos(np.deg2rad(grid.lat))[:, None], 0.0)
        levels = {
            "u": "level",
            "v": "level",
            "t": "level",
            "temp": "depth",
            "salt": "depth",
            "uo": "depth",
            "vo": "depth",
        }
        values = size * number[:, None, None] * pattern
        if name in levels:
            values, dims = np.repeat(values[:, None], 5, axis=1), (levels[name], *dims)
        fields[name] = (("member", *dims), values)
    xr.Dataset(fields).to_netcdf(path)
    return {name: size**2 * np.var(number, ddof=1) for name, size in scale.items()}


@pytest.fixture
def start_model(climate_module, climate_namelist, climate_sizes, tmp_path):
    """Start a model with entries of &da_nml and let it run for three intervals."""
    started = []

    def start(**entries):
        ensemble, namelist = tmp_path / "ensemble.nc", tmp_path / "filter.nml"
        files = {"grid": str(climate_namelist.with_name("grid.nc")), "ensemble": str(ensemble)}
        wide = {"da_nml": {"radius_atmos": 4.0e6} | entries}  # a taper that T21 resolves
        write_namelist(namelist, climate_sizes | {"namelist": wide}, files, "2008-10-03")
        model = Climate(bridge.load(climate_module), MPI.COMM_SELF, namelist)
        started.append(model)
        model.variance = write_ensemble(model, ensemble)
        model.run_until(model.time + 3 * model.step_length)
        return model

    yield start
    started[-1].finalize()


@pytest.fixture
def model_with_filter(start_model):
    return start_model()


def test_one_sst_observation_has_the_closed_form_increment(model_with_filter):
    model, grid = model_with_filter, model_with_filter.space["ocean"].grid
    j, i = 15, 30
    assert grid.mask[j, i]
    background = model.state()
    sst = background[model.space.index("sst")].reshape(grid.shape)
    innovation, error = 0.4, 0.3
    model.filter(observation("sst", grid.lat[j], grid.lon[i], float(sst[j, i]) + innovation, error))
    change = model.state() - background
    variance = model.variance["temp"] * np.cos(np.deg2rad(grid.lat[j])) ** 2
    expected = variance / (variance + error**2) * innovation
    increment = change[model.space.index("sst")].reshape(grid.shape)
    assert increment[j, i] == pytest.approx(expected, rel=1e-6)
    assert increment.argmax() == j * len(grid.lon) + i
    assert change[model.space.slice_of("atmosphere")].abs().max() == 0


def test_one_pressure_observation_moves_the_atmosphere_alone(model_with_filter):
    model, grid = model_with_filter, model_with_filter.space["atmosphere"].grid
    background = model.state()
    ps = background[model.space.index("ps")].reshape(grid.shape)
    model.filter(observation("ps", grid.lat[16], grid.lon[40], float(ps[16, 40]) + 150.0, 100.0))
    change = model.state() - background
    increment = change[model.space.index("ps")].reshape(grid.shape)
    variance = model.variance["ps"] * np.cos(np.deg2rad(grid.lat[16])) ** 2
    assert increment[16, 40] == pytest.approx(variance / (variance + 100.0**2) * 150.0, rel=0.05)  # cut at T21
    assert change[model.space.slice_of("ocean")].abs().max() == 0


def test_the_tally_says_what_became_of_an_observation(model_with_filter):
    model, grid = model_with_filter, model_with_filter.space["ocean"].grid
    sst = model.state()[model.space.index("sst")].reshape(grid.shape)
    tally = model.filter(observation("sst", grid.lat[15], grid.lon[30], float(sst[15, 30]) + 0.4, 0.3))
    variance = model.variance["temp"] * np.cos(np.deg2rad(grid.lat[15])) ** 2
    assert {name for name in tally if "atmosphere" in name} == set()
    counts = {name: tally[f"filter_ocean_{name}"] for name in ("used", "outside", "rejected", "capped")}
    assert counts == {"used": 1, "outside": 0, "rejected": 0, "capped": 0}
    assert tally["filter_ocean_innovation"] == pytest.approx(0.4, rel=1e-9)
    assert tally["filter_ocean_innovation_normalized"] == pytest.approx(0.4 / np.sqrt(variance + 0.3**2), rel=1e-6)
    assert 0 < tally["filter_ocean_increment"] < 0.4
    tally = model.filter(observation("sst", grid.lat[15], grid.lon[30], 60.0, 0.3))
    assert (tally["filter_ocean_used"], tally["filter_ocean_rejected"]) == (0, 1)


def test_separate_inflations_act_on_their_component(start_model):
    model = start_model(inflation=0.5, inflation_ocean=3.0)
    grid = model.space["ocean"].grid
    background = model.state()
    sst = background[model.space.index("sst")].reshape(grid.shape)
    model.filter(observation("sst", grid.lat[15], grid.lon[30], float(sst[15, 30]) + 0.4, 0.3))
    increment = (model.state() - background)[model.space.index("sst")].reshape(grid.shape)
    variance = 1.5**2 * model.variance["temp"] * np.cos(np.deg2rad(grid.lat[15])) ** 2
    assert increment[15, 30] == pytest.approx(variance / (variance + 0.3**2) * 0.4, rel=1e-6)


def test_an_increment_waits_for_its_steps_and_goes_through_a_restart(start_model, tmp_path):
    model = start_model(update_hours_atmos=6.0, update_hours_ocean=6.0)
    grid = model.space["ocean"].grid
    background = model.state()
    sst = background[model.space.index("sst")].reshape(grid.shape)
    model.write_restart(tmp_path / "before.nc")
    model.filter(observation("sst", grid.lat[15], grid.lon[30], float(sst[15, 30]) + 0.4, 0.3))
    assert torch.equal(model.state(), background)
    variance = model.variance["temp"] * np.cos(np.deg2rad(grid.lat[15])) ** 2
    increment = (model.state(analysed=True) - background)[model.space.index("sst")].reshape(grid.shape)
    assert increment[15, 30] == pytest.approx(variance / (variance + 0.3**2) * 0.4, rel=1e-6)
    assert torch.equal(model.state(), background)
    model.step()
    model.write_restart(tmp_path / "middle.nc")
    model.run_until(model.time + 2 * model.step_length)
    through = model.state()
    model.read_restart(tmp_path / "middle.nc")
    model.run_until(model.time + 2 * model.step_length)
    assert torch.equal(model.state(), through)
    assert torch.equal(model.state(analysed=True), through)
    model.read_restart(tmp_path / "before.nc")
    model.run_until(model.time + 3 * model.step_length)
    change = (through - model.state())[model.space.index("sst")].reshape(grid.shape)
    assert change[15, 30] == pytest.approx(float(increment[15, 30]), rel=0.2)


def test_hours_that_are_no_intervals_are_refused(start_model):
    model = start_model(update_hours_ocean=3.0)
    with pytest.raises(FortranError, match="update_hours"):
        model.filter(observation("sst", 0.0, 180.0, float(model.state()[model.space.index("sst")].max()), 5.0))


def test_variables_the_filter_does_not_know_are_left_alone(model_with_filter):
    model = model_with_filter
    background = model.state()
    model.filter(observation("ssh", 0.0, 180.0, 1.0, 0.1))
    assert torch.equal(model.state(), background)


def test_missing_ensemble_is_named_and_breaks_nothing(climate_module, climate_namelist):
    model = Climate(bridge.load(climate_module), MPI.COMM_SELF, climate_namelist)
    with pytest.raises(FortranError, match="ensemble_file is empty"):
        model.filter(observation("sst", 0.0, 180.0, 25.0, 0.3))
    model.step()
    model.finalize()
