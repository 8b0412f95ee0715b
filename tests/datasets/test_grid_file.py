import numpy as np
import pytest
import xarray as xr

from pipeline.datasets import _relief, grid_file
from pipeline.datasets._land_mask import corners, ocean_mask, world_ocean
from pipeline.errors import PipelineError


@pytest.fixture(scope="module")
def one_degree():
    grid = grid_file.ocean_grid(360, 156)
    return grid, ocean_mask(grid.lat, grid.lat_bounds, grid.lon)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("grids") / "demo" / "grid.nc"
    assert grid_file.main(["--atmosphere", "96", "48", "--ocean", "90", "50", "--output", str(path)]) == 0
    return path


def test_gaussian_latitudes_integrate_polynomials_exactly():
    """Band areas are Gaussian weights: sum w sin^(2k) = 2 / (2k + 1) up to degree 2 n - 1."""
    grid = grid_file.gaussian_grid(96, 48)
    weight = np.diff(np.sin(np.deg2rad(grid.lat_bounds)))
    for k in (0, 1, 10, 47):
        assert (weight * np.sin(np.deg2rad(grid.lat)) ** (2 * k)).sum() == pytest.approx(2 / (2 * k + 1), rel=1e-11)
    assert (np.diff(grid.lat) > 0).all()
    assert grid.lon[0] == 0.0


def test_mask_agrees_with_a_published_one_degree_mask(one_degree, real_data, record_property):
    """Against the 1-degree mask of NCAR (0 = ocean; lakes and small islands are land here as there)."""
    grid, mask = one_degree
    with xr.open_dataset(real_data("geocat_landsea.nc")) as ds:
        theirs = ds["LSMASK"].sel(lat=slice(-78, 78)).values == 0
    area = np.cos(np.deg2rad(grid.lat))[:, None] * np.ones(360)
    agreement = float(((mask == theirs) * area)[1:-1].sum() / area[1:-1].sum())
    record_property("agreement_with_ncar_mask", agreement)
    print(f"agreement with the NCAR mask: {agreement:.4f}")
    assert agreement >= 0.95


def test_every_sea_cell_can_be_flowed_through(one_degree):
    """World ocean on a B-grid: each sea cell has a velocity corner, the first and last rows are land."""
    mask = one_degree[1]
    corner = corners(mask)
    touched = np.zeros_like(mask)
    for rows in (slice(None, -1), slice(1, None)):
        touched[rows] |= corner | np.roll(corner, 1, axis=1)
    assert (touched == mask).all()
    assert not mask[[0, -1]].any()
    assert (world_ocean(mask) == mask).all()


@pytest.mark.parametrize(
    ("lat", "lon", "sea"),
    [
        (36.0, 18.0, True),  # Mediterranean, through Gibraltar
        (20.0, 38.5, True),  # Red Sea, through Bab-el-Mandeb
        (60.0, 272.5, True),  # Hudson Bay
        (66.0, 191.0, True),  # Bering Strait
        (42.0, 51.0, False),  # Caspian Sea
        (47.5, 272.5, False),  # Lake Superior
        (9.0, 280.0, False),  # Panama
        (-25.0, 134.0, False),  # Australia
        (-55.0, 300.0, True),  # Drake Passage
    ],
)
def test_places_at_one_degree(one_degree, lat, lon, sea):
    grid, mask = one_degree
    assert mask[np.abs(grid.lat - lat).argmin(), np.abs(grid.lon - lon).argmin()] == sea


@pytest.mark.parametrize(("nlon", "nlat"), [(60, 32), (90, 50), (180, 100)])
def test_americas_part_the_oceans_at_any_size(nlon, nlat):
    """Walled off south of America, Africa and Indonesia, the Pacific does not reach the Atlantic: Panama is closed."""
    grid = grid_file.ocean_grid(nlon, nlat)
    mask = ocean_mask(grid.lat, grid.lat_bounds, grid.lon)
    assert (
        0.60 < (mask * np.cos(np.deg2rad(grid.lat))[:, None]).sum() / (np.cos(np.deg2rad(grid.lat)).sum() * nlon) < 0.75
    )
    walled = mask & (np.abs(grid.lat[:, None]) < 50)
    walled[grid.lat < -30] = False
    walled[:, np.abs(grid.lon - 22) < 8] = False
    walled[:, np.abs(grid.lon - 140) < 360 / nlon] = False
    walled[:, np.abs(grid.lon - 132) < 360 / nlon] = False
    pacific = world_ocean(walled)
    assert pacific[np.abs(grid.lat).argmin(), np.abs(grid.lon - 200).argmin()]
    assert not pacific[np.abs(grid.lat - 30).argmin(), np.abs(grid.lon - 320).argmin()]


def test_lakes_and_passages_one_cell_wide_are_closed():
    mask = np.zeros((12, 16), dtype=bool)
    mask[1:11, 1:6] = True
    mask[5, 6:9] = True  # one cell wide: no velocity point in it
    mask[2:9, 9:12] = True
    expected = np.zeros_like(mask)
    expected[1:11, 1:6] = True
    np.testing.assert_array_equal(world_ocean(mask), expected)
    mask[6, 6:9] = True
    assert (world_ocean(mask) == mask).all()


def test_ocean_around_the_date_line_is_one():
    mask = np.zeros((6, 10), dtype=bool)
    mask[1:5, 8:] = mask[1:5, :2] = True
    assert (world_ocean(mask) == mask).all()


def test_layout_of_the_file(demo):
    with xr.open_dataset(demo) as ds:
        assert dict(ds.sizes) == {"jo": 50, "io": 90, "ja": 48, "ia": 96}
        assert set(ds) == {
            *("ocean_mask", "ocean_depth", "topography"),
            *("atmosphere_lat", "atmosphere_lon", "ocean_lat", "ocean_lon"),
        }
        sea = ds["ocean_mask"].values == 1
        assert (ds["ocean_depth"].values[sea] >= 200).all()
        assert (ds["ocean_depth"].values[~sea] == 0).all()
        assert 4000 < ds["ocean_depth"].values.max() <= 4500
        assert 4000 < ds["topography"].values.max() < 5000
        assert "idealised" in ds["ocean_depth"].attrs["source"]
        assert ds["ocean_lon"].values[0] == 2.0
        assert ds["ocean_lat"].values[0] == pytest.approx(-78 + 1.56)
    grids = grid_file.read(demo)
    assert (grids["ocean"].mask == sea).all()
    assert grids["atmosphere"].shape == (48, 96)


def test_depth_grows_away_from_the_coast():
    grid = grid_file.ocean_grid(180, 100)
    mask = np.ones(grid.shape, dtype=bool)
    mask[:, :10] = False
    depth = _relief.idealised_depth(mask, grid.lat, grid.lon)
    offshore = depth[50, 10:90]
    assert offshore[0] == pytest.approx(_relief.SHELF_DEPTH, abs=300)
    assert (np.diff(offshore) >= 0).all()
    assert offshore[-1] == pytest.approx(_relief.ABYSS_DEPTH, rel=1e-6)


def test_etopo_gives_means_over_cells(tmp_path, monkeypatch):
    """Closed form: a sea floor of -3000 m with land of 600 m on the eastern half."""
    lat, lon = np.arange(89.5, -90, -1.0), np.arange(-179.5, 180, 1.0)
    z = np.where(lon > 0, 600.0, -3000.0) * np.ones((180, 1))
    path = tmp_path / "etopo.nc"
    xr.Dataset({"z": (("y", "x"), z)}, {"y": lat, "x": lon}).to_netcdf(path)
    depth, height = _relief.read_etopo(path, grid_file.ocean_grid(90, 50))
    np.testing.assert_allclose(depth[:, 50:80], 3000.0)
    np.testing.assert_allclose(depth[:, 5:40], 0.0)
    np.testing.assert_allclose(height[:, 5:40], 600.0)
    monkeypatch.setattr(_relief, "ROWS_READ", 7)
    np.testing.assert_allclose(_relief.read_etopo(path, grid_file.ocean_grid(90, 50)), (depth, height), rtol=1e-12)
    with pytest.raises(PipelineError, match=r"absent\.nc: no such ETOPO file"):
        _relief.read_etopo(tmp_path / "absent.nc", grid_file.ocean_grid(90, 50))


def test_bad_grid_files_are_named(tmp_path):
    with pytest.raises(PipelineError, match="no such grid file"):
        grid_file.read(tmp_path / "grid.nc")
    xr.Dataset({"z": 1}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(PipelineError, match="not a grid file"):
        grid_file.read(tmp_path / "other.nc")
