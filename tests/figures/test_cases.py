"""The panels of the verification's cases."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pipeline.figures import case_panels, cases


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def results(**series):
    return {"rows": [], "series": [{"name": name, **curve} for name, curve in series.items()], "fields": []}


def panel(figure, title):
    return next(axes for axes in figure.axes if title in axes.get_title())


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("family", case_panels.FAMILIES)
def test_every_panel_has_its_units_and_says_when_it_was_not_run(family):
    figure = cases.draw(family, results())
    assert len(figure.axes) == len(case_panels.FAMILIES[family])
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert texts(axes) == ["not run"]


def test_ours_are_points_the_reference_a_line_and_the_gate_a_band():
    curve = {"x": [0.0, 1.0, 2.0], "ours": [0.1, 1.2, 2.3], "reference": [0.0, 1.0, 2.0], "gate": [0.5, 0.5, 0.5]}
    axes = panel(cases.draw("ocean", results(gyre_psi=curve)), "Munk")
    line, points = axes.lines
    np.testing.assert_array_equal(line.get_ydata(), curve["reference"])
    np.testing.assert_array_equal(points.get_ydata(), curve["ours"])
    assert points.get_linestyle() == "None"
    band = axes.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (-0.5, 2.5)


def test_a_departure_is_ours_less_the_reference():
    curve = {"x": [0.0, 1.0], "ours": [0.0, 45.0], "reference": [0.0, 44.0], "gate": [0.0, 0.9]}
    axes = panel(cases.draw("ocean", results(equatorial_kelvin_crest_km=curve)), "equatorial Kelvin")
    np.testing.assert_array_equal(axes.lines[-1].get_ydata(), [0.0, 1.0])


def test_depth_runs_down_the_page():
    curve = {"x": [5.0, 15.0], "ours": [60.0, 8.0], "reference": [60.0, 8.0]}
    axes = panel(cases.draw("columns", results(sunlight_warming_mK=curve)), "sunlight")
    np.testing.assert_array_equal(axes.lines[-1].get_ydata(), curve["x"])
    assert axes.get_ylim() == (100.0, 0.0)
    assert axes.get_ylabel() == "depth (m)"


def test_programs_of_one_curve_are_joined_in_order():
    grids = {"x": [88.9, 44.5], "ours": [40.0, 42.2], "reference": [44.3, 44.3], "gate": [0.0, 0.0]}
    fine = {"x": [13.9], "ours": [43.6], "reference": [44.3], "gate": [0.9]}
    figure = cases.draw("ocean", results(coastal_kelvin_speed=grids, coastal_kelvin_speed_long=fine))
    points = panel(figure, "coastal").lines[-1]
    np.testing.assert_array_equal(points.get_ydata(), [43.6, 42.2, 40.0])


def test_drifts_and_fields_are_drawn_whatever_they_are():
    found = results(coupled_dry_air={"x": [30.0, 60.0], "ours": [0.0, -1e-15]})
    axes = panel(cases.draw("budgets", found), "coupled")
    np.testing.assert_array_equal(axes.lines[-1].get_ydata(), [cases.FLOOR, 1e-15])
    field = {"name": "held_suarez_u", "x": [-45.0, 45.0], "y": [0.1, 0.9], "values": [[20.0, 30.0], [0.0, 1.0]]}
    axes = panel(cases.draw("atmosphere", {"rows": [], "series": [], "fields": [field]}), "Suarez: u")
    assert axes.get_ylim() == (1.0, 0.0)
    assert texts(axes) == []


def test_a_gate_at_one_place_stands_beside_its_row(tmp_path):
    row = {"test": "jablonowski_day_9_lowest_ps_hPa", "ours": 948.0, "reference": 945.0, "gate": 15.0}
    found = results(jablonowski_lowest_ps_T42={"x": [0.0, 9.0], "ours": [1000.0, 948.0]}) | {"rows": [row]}
    axes = panel(cases.draw("atmosphere", found), "20 levels")
    (bar,) = axes.collections
    np.testing.assert_array_equal(bar.get_segments()[0], [[9.0, 930.0], [9.0, 960.0]])
    cases.draw_all(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"verification-{f}.png" for f in case_panels.FAMILIES}
