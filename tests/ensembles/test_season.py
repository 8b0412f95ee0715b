"""Harmonics of the year in closed form."""

import numpy as np
import pytest

from pipeline.ensembles._season import YEAR, seasons
from pipeline.errors import PipelineError


def test_the_year_is_the_mean_gregorian_one():
    assert pytest.approx(146097 * 86400.0, rel=1e-15) == 400 * YEAR


def test_harmonics_at_the_eighths_of_a_year():
    """1, cos, cos 2, sin, sin 2."""
    found = seasons(np.array([0.0, 0.125, 0.25, 0.5, 1.0]) * YEAR, 2, "stationary")
    r = 0.5**0.5
    wanted = [[1, 1, 1, 0, 0], [1, r, 0, r, 1], [1, 0, -1, 1, 0], [1, -1, 1, 0, 0], [1, 1, 1, 0, 0]]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_a_short_record_has_a_mean_and_no_season():
    late = 5 * YEAR
    np.testing.assert_array_equal(seasons(late + np.array([0.0, 86400.0]), 0, "interface"), [[1.0], [1.0]])
    for harmonics in (1, 2):
        with pytest.raises(PipelineError, match="ensembles/interface: 325 days hold no seasonal cycle"):
            seasons(late + np.linspace(0.0, 0.89, 9) * YEAR, harmonics, "interface")
        assert seasons(late + np.linspace(0.0, 0.91, 9) * YEAR, harmonics, "interface").shape == (9, 1 + 2 * harmonics)
