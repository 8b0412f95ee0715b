"""Vectors, fields and xarray are the same numbers seen three ways."""

import numpy as np
import pytest
import torch

from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, VOCABULARY, Component, Grid, Space


@pytest.fixture
def space():
    bounds = np.linspace(-90, 90, 7)
    lat = 0.5 * (bounds[1:] + bounds[:-1])
    mask = np.ones((6, 8), dtype=bool)
    mask[2, 3:5] = False
    air = Space((Component("atmosphere", Grid(lat, np.arange(0, 360, 90.0), bounds), ATMOSPHERE_VARIABLES),))
    sea = Space((Component("ocean", Grid(lat, np.arange(0, 360, 45.0), bounds, mask), OCEAN_VARIABLES),))
    return air + sea


def test_join_undoes_split(space):
    x = torch.randn(3, space.size)
    assert torch.equal(space.join(space.split(x)), x)


def test_index_is_where_split_puts_a_variable(space):
    x = torch.arange(space.size, dtype=torch.float64)
    fields = space.split(x)
    assert torch.equal(x[space.index("va")], fields["atmosphere"][3].flatten())
    assert torch.equal(x[space.index("ssh")], fields["ocean"][3].flatten())


def test_xarray_round_trip_masks_land(space):
    x = torch.randn(2, space.size)
    back = space.from_xarray(space.to_xarray(x, dims=("time",)))
    assert torch.equal(back[:, space.mask], x[:, space.mask])
    assert not back[:, ~space.mask].any()


def test_weights_are_shares_of_the_sphere(space):
    assert space["atmosphere"].grid.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert space.weights.sum().item() == pytest.approx(8.0, abs=1e-13)
    band = np.sin(np.deg2rad(30)) / 2
    assert space["atmosphere"].grid.weights[3].sum() == pytest.approx(band, abs=1e-14)


def test_the_papers_state_has_343296_elements():
    def grid(ny, nx):
        bounds = np.linspace(-90, 90, ny + 1)
        return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(nx) * 360.0 / nx, bounds)

    air = Component("atmosphere", grid(96, 144), ATMOSPHERE_VARIABLES)
    sea = Component("ocean", grid(200, 360), OCEAN_VARIABLES)
    assert Space((air, sea)).size == 343_296


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: {**ds, "ocean": ds["ocean"].drop_vars("sst")}, "no variable 'sst'"),
        (lambda ds: {**ds, "ocean": ds["ocean"].isel(lat=slice(1, None))}, "is not the space's"),
    ],
)
def test_what_does_not_fit_is_named(space, change, message):
    datasets = space.to_xarray(torch.zeros(space.size))
    with pytest.raises(ValueError, match=message):
        space.from_xarray(change(datasets))


def test_a_vector_of_another_space_is_refused(space):
    with pytest.raises(ValueError, match="elements, the space has"):
        space.split(torch.zeros(5))


def test_the_vocabulary_knows_variables_on_levels():
    assert VOCABULARY["t_850"].units == "K"
    assert VOCABULARY["u_500"].long_name == "eastward wind at level 500"
    assert "q_1000" in VOCABULARY
    assert VOCABULARY["psi_upper"].units == "m2 s-1"
    for name in ("u_", "u_upper", "w_850", "u"):
        assert name not in VOCABULARY
        with pytest.raises(KeyError):
            VOCABULARY[name]
