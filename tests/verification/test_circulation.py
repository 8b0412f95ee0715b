"""Stream functions, indices and spectra against closed forms."""

import numpy as np
import pytest

from pipeline.spaces import EARTH_RADIUS
from pipeline.verification import circulation as c


def test_thickness_is_that_of_the_levels_the_centres_come_from():
    floors = np.array([0.0, 30.0, 88.0, 204.0, 5000.0])
    np.testing.assert_allclose(c.thickness(0.5 * (floors[1:] + floors[:-1])), np.diff(floors))


def test_areas_make_up_the_sphere():
    bounds = np.linspace(-90.0, 90.0, 19)
    assert np.isclose(c.cell_areas(bounds, 36).sum() * 36, 4.0 * np.pi * EARTH_RADIUS**2)


def test_mass_stream_function_of_a_cell_closes_at_the_ground():
    sigma = (np.arange(10) + 0.5) / 10.0
    lat = np.array([-10.0, 10.0])
    flux = 1e3 * np.cos(np.pi * sigma)[:, None, None] * np.ones((1, 2, 5))
    psi = c.mass_stream_function(flux, lat, sigma)
    assert np.abs(psi[-1]).max() < 1e-3
    expected = 2 * np.pi * EARTH_RADIUS * np.cos(np.deg2rad(10.0)) * 1e3 / np.pi
    assert np.isclose(psi[4, 1], expected, rtol=5e-3)


def test_mass_stream_function_weighs_levels_by_their_own_thickness():
    """Floors at 0.1, 0.4 and 1 with fluxes of 3, -1 and 2: 0.3, 0.3 - 0.3 and 1.2, at 60N times pi a."""
    flux = np.array([3.0, -1.0, 2.0])[:, None, None] * np.ones((3, 1, 4))
    psi = c.mass_stream_function(flux, np.array([60.0]), np.array([0.05, 0.25, 0.7]))
    np.testing.assert_allclose(psi[:, 0], np.pi * EARTH_RADIUS * np.array([0.3, 0.0, 1.2]), atol=1e-6)


def test_overturning_counts_the_transport_above_a_floor():
    depth = np.array([50.0, 150.0])
    v = np.stack([np.full((3, 4), 0.01), np.full((3, 4), -0.01)])
    psi = c.overturning(v, np.array([-30.0, 0.0, 30.0]), depth)
    assert np.isclose(psi[0, 1], 0.01 * 100.0 * 2 * np.pi * EARTH_RADIUS / 1e6)
    np.testing.assert_allclose(psi[1], 0.0, atol=1e-12)


def test_overturning_at_60_north_has_half_the_equators_width():
    """100 m at 0.02 m/s above 300 m at -0.01 m/s."""
    v = np.array([0.02, -0.01])[:, None, None] * np.ones((2, 1, 4))
    psi = c.overturning(v, np.array([60.0]), np.array([50.0, 250.0]))
    np.testing.assert_allclose(psi[:, 0], np.pi * EARTH_RADIUS * np.array([2.0, -1.0]) / 1e6)


def test_barotropic_stream_function_of_a_circumpolar_current():
    """The current is the difference of the stream function across it, and 0 north of it."""
    bounds = np.linspace(-60.0, 60.0, 13)
    u = np.zeros((1, 12, 8))
    u[0, 2:4] = 0.1
    psi = c.barotropic_stream_function(u, bounds, np.array([500.0]))
    dy = EARTH_RADIUS * np.deg2rad(10.0)
    np.testing.assert_allclose(psi[0], 2 * 0.1 * 1000.0 * dy / 1e6)
    np.testing.assert_allclose(psi[6:], 0.0)


def test_barotropic_stream_function_takes_faces_between_their_corners():
    """Corners of 1, 2 and 4 give faces of 0.5, 1.5 and 3, added up from the north; 100 m, 300 m at half the speed."""
    u = 0.1 * np.array([[1.0], [0.5]])[:, :, None] * np.array([1.0, 2.0, 4.0])[None, :, None] * np.ones((1, 1, 5))
    psi = c.barotropic_stream_function(u, np.array([-15.0, -5.0, 5.0, 15.0]), np.array([50.0, 250.0]))
    dy = EARTH_RADIUS * np.deg2rad(10.0)
    np.testing.assert_allclose(psi[:, 2], 0.1 * 250.0 * dy / 1e6 * np.array([5.0, 4.5, 3.0]))


def test_mean_over_nothing_is_not_a_number():
    field = np.array([[[1.0, np.nan], [5.0, 7.0]], [[np.nan, np.nan], [5.0, 7.0]]])
    found = c.mean_over(field, np.array([[1.0, 1.0], [3.0, 0.0]]))
    np.testing.assert_allclose(found, [4.0, 5.0])
    assert np.isnan(c.mean_over(field[1], np.array([[1.0, 1.0], [0.0, 0.0]])))


def test_nino34_leaves_land_out():
    lat, lon = np.arange(-88.0, 90.0, 4.0), np.arange(2.0, 360.0, 4.0)
    sst = np.where(np.abs(lat)[:, None] < 6, 27.0, 0.0) * np.ones((1, lon.size))
    sst[:, 50] = np.nan
    assert np.isclose(c.nino34(sst, lat, lon), 27.0)


def test_nino34_is_the_mean_by_area_of_its_box_alone():
    """lat^2 on rows at 4S, 0 and 4N; the box ends at 5 degrees of latitude, 190E and 240E."""
    lat, lon = np.arange(-88.0, 90.0, 4.0), np.arange(2.0, 360.0, 4.0)
    box = (np.abs(lat) <= 5.0)[:, None] & ((lon >= 190.0) & (lon <= 240.0))[None]
    sst = np.where(box, lat[:, None] ** 2, 99.0)
    cosine = np.cos(np.deg2rad(4.0))
    assert c.nino34(sst, lat, lon) == pytest.approx(32.0 * cosine / (1.0 + 2.0 * cosine))


def test_anomalies_have_no_season_and_no_trend():
    months = np.arange(120)
    series = 3.0 + 2.0 * np.cos(2 * np.pi * months / 12) + 0.01 * months
    # The mean season takes the slope within a year; what is left of the steps between years is half a step.
    assert np.abs(c.anomalies(series)).max() < 0.07
    wave = np.sin(2 * np.pi * months / 40)
    assert np.corrcoef(c.anomalies(series + wave), wave)[0, 1] > 0.95


def test_months_of_an_unfinished_year_are_no_part_of_the_anomalies():
    series = np.random.default_rng(0).standard_normal(120)
    more = np.append(series, np.full(5, 1e3))
    np.testing.assert_allclose(c.anomalies(more), c.anomalies(series))


def test_spectrum_of_a_wave_is_its_variance_at_its_frequency():
    months = np.arange(120)
    frequency, power = c.spectrum(1.5 * np.sin(2 * np.pi * months / 40))
    assert np.isclose(frequency[power.argmax()], 0.3)
    assert np.isclose(power.sum(), 1.5**2 / 2)
    assert c.band_share(np.sin(2 * np.pi * months / 40)) == pytest.approx(1.0)
    assert c.band_share(np.sin(2 * np.pi * months / 6)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("months", [60, 61])
def test_spectrum_sums_to_the_variance(months):
    series = 5.0 + np.random.default_rng(1).standard_normal(months)
    assert c.spectrum(series)[1].sum() == pytest.approx(series.var())


def test_fastest_wave_of_the_spectrum():
    frequency, power = c.spectrum((-1.0) ** np.arange(24))
    assert (frequency[-1], power[-1]) == (6.0, pytest.approx(1.0))


def test_band_share_counts_its_limits_and_nothing_outside():
    """Variances of 1/2 at periods of 7 and 2 years, 2 at 14 years, 1 at 14/8 years."""
    months = np.arange(168)
    waves = {7.0: 1.0, 2.0: 1.0, 14.0: 2.0, 14.0 / 8.0: 2**0.5}
    series = sum(a * np.cos(2 * np.pi * months / (12.0 * years)) for years, a in waves.items())
    assert c.band_share(series) == pytest.approx(1.0 / 4.0)


def test_trend_of_a_line():
    assert c.trend_per_year(0.5 * np.repeat(np.arange(10), 12)) == pytest.approx(0.5)


def test_trend_is_that_of_yearly_means():
    """A first month of 12 makes the first year's mean 1: 1, 0.5, 1 have no slope."""
    series = 0.5 * np.repeat(np.arange(3), 12)
    series[0] = 12.0
    assert c.trend_per_year(series) == pytest.approx(0.0, abs=1e-12)
    assert c.trend_per_year(np.repeat([1.0, 3.0], 12)) == pytest.approx(2.0)
    assert np.isnan(c.trend_per_year(np.ones(12)))


def test_extent_counts_whole_cells():
    cover = np.array([[[0.1, 0.2], [0.9, 0.0]]])
    area = np.array([[2.0], [3.0]])
    assert c.extent(cover, area, np.array([1.0, 1.0]))[0] == 5.0
    assert c.extent(cover, area, np.array([0.0, 1.0]))[0] == 3.0
