"""B in model space of a state with winds: the files that the rows of a table name."""

import pytest
import torch
import xarray as xr

from pipeline.assimilation import build
from pipeline.covariances.spectral import Spectral
from pipeline.models.quasi_geostrophic import OMEGA
from pipeline.observations.operators import Interpolation
from pipeline.spaces import EARTH_RADIUS, Component, Space
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
