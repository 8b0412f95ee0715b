"""B in model space of a state with winds: the files that the rows of a table name."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from pipeline.assimilation import build
from pipeline.config import resolve
from pipeline.covariances.spectral import Spectral
from pipeline.models.quasi_geostrophic import OMEGA, gaussian_grid
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import ATMOSPHERE_VARIABLES, EARTH_RADIUS, OCEAN_VARIABLES, Component, Grid, Space
from pipeline.spherical_harmonics import SphericalHarmonics
from pipeline.testbed.errors import forecast_pairs, write_model_space
from pipeline.transforms.balance import Balance


def test_winds_get_balanced_control_variables(world, tmp_path):
    """Winds and the geostrophic temperature, R/p t = f (psi_upper - psi_lower) / dp, of the two-level model."""
    single, atmosphere = world.model.harmonics, world.space.components[0]
    h = SphericalHarmonics(single.truncation, single.nlat, single.nlon)
    long, short = forecast_pairs(world)
    psi = (long - short).double().unflatten(1, (2, h.nlat, h.nlon))
    spectrum = h.analyse(psi) * h.inside
    u, v = (wind / EARTH_RADIUS for wind in h.winds(spectrum, torch.zeros_like(spectrum)))
    t = 2 * OMEGA * h.mu[:, None] * (psi[:, :1] - psi[:, 1:]) / (287.0 * 0.8)
    names = ("u_250", "u_750", "v_250", "v_750", "t_500")
    space = Space((Component("atmosphere", atmosphere.grid, names),))
    differences = torch.cat([u, v, t], dim=1).flatten(1).float()
    write_model_space(differences, space, h.truncation, tmp_path)

    found = xr.load_dataset(tmp_path / "balance.nc")
    assert found.attrs["explained_t_500"] > 0.9
    assert xr.load_dataset(tmp_path / "spectral.nc")["mean"].values.tolist() == [0, 0, 0, 0, 1]
    transform, covariance = Balance(tmp_path / "balance.nc", space), Spectral(tmp_path / "spectral.nc")
    drawn = transform.decode(covariance.sample(torch.zeros(200, space.size).double(), torch.Generator().manual_seed(0)))
    own = space.index("t_500")
    spread, wanted = ((x[:, own].var(0) * space.weights[own]).sum() for x in (drawn, differences.double()))
    assert float(spread / wanted) == pytest.approx(1.0, abs=0.35)
    files = [{"kind": kind, "file": str(tmp_path / f"{kind}.nc")} for kind in ("balance", "spectral")]
    method = {"kind": "three_d_var", "transform": files[0], "covariance": files[1]}
    assert build(method, space=space, operator=Interpolation).transform.places == transform.places


def test_a_state_without_winds_gets_none(world, tmp_path):
    differences = world.nature[0] - world.nature[8]
    write_model_space(differences, world.space, world.model.harmonics.truncation, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["spectral.nc"]


def test_air_and_sea_get_a_covariance_each_and_no_observation_crosses(tmp_path):
    """At the interface, by the row of `climate_interface`: balanced winds in the air, modes that end at the coast."""
    h, bounds = SphericalHarmonics(10, 16, 32), np.linspace(-90.0, 90.0, 13)
    lat, lon = (bounds[1:] + bounds[:-1]) / 2, np.arange(24) * 15.0
    mask = np.broadcast_to((lon > 45) & (lon < 300), (12, 24)).copy()
    sea = Component("ocean", Grid(lat, lon, bounds, mask), OCEAN_VARIABLES)
    space = Space((Component("atmosphere", gaussian_grid(h), ATMOSPHERE_VARIABLES), sea))
    drawn = torch.randn(40, 11, 11, generator=torch.Generator().manual_seed(1)).double()
    spectrum = (h.inside * drawn).to(torch.complex128)
    psi = h.synthesise(spectrum)
    u, v = (wind / EARTH_RADIUS for wind in h.winds(spectrum, torch.zeros_like(spectrum)))
    noise = 0.1 * torch.randn(40, 6, 16, 32, generator=torch.Generator().manual_seed(2)).double()
    f = h.mu[:, None]
    air = torch.stack([50.0 * f * psi + noise[:, 0], psi + noise[:, 1], u * EARTH_RADIUS, v * EARTH_RADIUS], 1)
    waves = torch.randn(40, 4, 5, generator=torch.Generator().manual_seed(3)).double()
    shapes = torch.stack([torch.from_numpy(np.cos(np.radians(k * lon))) for k in range(5)])
    fields = (waves @ shapes)[:, :, None, :].expand(-1, -1, 12, -1).clone()
    fields[:, 3] = 0.1 * fields[:, 0]  # SSH goes with SST
    differences = torch.cat([air.flatten(1), (fields * torch.from_numpy(mask)).flatten(1)], 1)
    write_model_space(differences, space, h.truncation, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["balance.nc", "laplacian_modes.nc", "spectral.nc"]

    row = resolve({"experiment": "climate_interface"}).testbed.rows["three_d_var"].method.model_dump()
    row = json.loads(json.dumps(row).replace("$folder/errors", str(tmp_path)))
    method = build(row, space=space, operator=Interpolation)
    background = torch.zeros(space.size).double()
    background[space.index("ps")] = 1e5
    assert method.transform.parts[0].places.levels == ("a",)
    assert len(method.covariance.parts[1].modes) == 81  # of the 121 at T10, as many as two thirds of the globe hold

    def increment(variable: str, value: float) -> dict[str, torch.Tensor]:
        numbers = [np.array([x]) for x in (33.0, 180.0, value, 0.1)]
        observations = Observations(np.zeros(1), np.array([variable]), *numbers, np.zeros(1, dtype=bool))
        return space.split(method.analysis(background, observations).increment)

    of_sst, of_ps = increment("sst", 1.0), increment("ps", 100_001.0)
    assert float(of_sst["atmosphere"].abs().max()) == 0.0
    assert float(of_ps["ocean"].abs().max()) == 0.0
    ratio = of_sst["ocean"][3] / of_sst["ocean"][0]
    torch.testing.assert_close(ratio[mask].median(), torch.tensor(0.1).double(), rtol=0.05, atol=0.0)
    assert float(of_ps["atmosphere"][2].abs().max()) > 0.0  # the wind goes with the pressure
