"""Figures hold what they are given: labels with units, one panel per variable, land left out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pipeline.figures import (
    gains,
    increments,
    losses,
    profiles,
    reconstruction,
    rmse,
    rules,
    style,
    timing,
    verification,
)
from pipeline.spaces import OCEAN_VARIABLES, Grid


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture
def sea():
    bounds = np.linspace(-78, 78, 21)
    mask = np.ones((20, 36), dtype=bool)
    mask[5:9, 10:14] = False
    return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(36) * 10.0 + 5.0, bounds, mask)


def fields(grid, seed):
    values = np.random.default_rng(seed).standard_normal((4, *grid.shape))
    coords = {"lat": grid.lat, "lon": grid.lon}
    return xr.Dataset({n: (("lat", "lon"), v) for n, v in zip(OCEAN_VARIABLES, values, strict=True)}, coords)


def test_reconstruction_has_three_maps_and_two_bars_per_variable(sea):
    figure = reconstruction.draw(fields(sea, 0), fields(sea, 1), sea, sea, dict.fromkeys(OCEAN_VARIABLES, 0.5))
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert len(figure.axes) == 4 * 3 + 4 * 2
    assert "SST (°C)" in labels
    first = figure.axes[0].collections[0].get_array()
    assert first.mask.sum() == (~sea.mask).sum()


def test_rmse_shades_the_burn_in_and_averages_the_rest():
    time = pd.date_range("2010-01-01", periods=8, freq="D")
    rows = [
        {"method": m, "seed": s, "time": t, "stage": "analysis", "variable": "ps", "rmse": 100.0 * k}
        for m in ("ctl", "wcda")
        for s in (1, 2)
        for k, t in enumerate(time)
    ]
    figure = rmse.draw(pd.DataFrame(rows), ["ps"], np.datetime64("2010-01-05"), "the truth")
    axes = figure.axes[0]
    assert "hPa" in axes.get_ylabel()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["CTL 5.5", "WCDA 5.5"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.arange(8.0))


def test_profiles_average_what_follows_the_burn_in_level_by_level():
    time = pd.date_range("2010-01-01", periods=4, freq="D")
    rows = [
        {"method": m, "time": t, "variable": v, "level": z, "rmse": 10.0 * k + z}
        for m in ("ctl", "wcda")
        for v in ("t", "u", "temp", "salt")
        for z in (100.0, 0.0, 400.0)
        for k, t in enumerate(time)
    ]
    panels = profiles.draw(pd.DataFrame(rows), np.datetime64("2010-01-03")).axes
    assert [axes.get_ylabel() for axes in panels] == ["sigma", "sigma", "depth (m)", "depth (m)"]
    for axes in panels:
        assert [line.get_label() for line in axes.lines] == ["CTL", "WCDA"]
        np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.0, 100.0, 400.0])
        np.testing.assert_allclose(axes.lines[0].get_xdata(), [25.0, 125.0, 425.0])
        assert axes.yaxis_inverted()


def test_losses_survive_early_stops(sea):
    cost = np.linspace(100, 1, 30)[None] * np.ones((3, 1))
    cost[1, 20:] = np.nan
    figure = losses.draw_minimisation({"scda": (0.1 * cost, cost), "short": (0.1 * cost[:, :10], cost[:2, :10])})
    assert [axes.get_title() for axes in figure.axes] == ["SCDA, 3 analyses", "SHORT, 3 analyses"]
    for axes in figure.axes:
        assert len(axes.lines) == 2
        assert all(np.isfinite(line.get_ydata()).all() for line in axes.lines)


def test_an_experiment_without_a_variational_analysis_is_told_so():
    (axes,) = losses.draw_minimisation({}).axes
    assert [text.get_text() for text in axes.texts] == ["no variational analysis"]


def test_increments_share_a_colour_range_per_variable(sea):
    both = {m: {n: fields(sea, k)[n] for n in ("sst", "ssh")} for k, m in enumerate(("wcda", "scda"))}
    figure = increments.draw(both, {"sst": sea, "ssh": sea}, sea)
    limits = [axes.collections[0].get_clim() for axes in figure.axes[:4]]
    assert limits[0] == limits[1]
    assert limits[2] == limits[3]


def test_variables_that_a_method_leaves_alone_are_marked(sea):
    touched = fields(sea, 1)
    alone = {"sst": touched["sst"], "ssh": 0.0 * touched["ssh"]}
    figure = increments.draw({"wcda": alone, "scda": touched}, {"sst": sea, "ssh": sea}, sea)
    assert [axes.get_title(loc="right") for axes in figure.axes[:4]] == ["", "", "not corrected", ""]


def test_gains_show_both_intervals_and_every_seed():
    """A method with three seeds has a thin line for them; one with two has none. The free run is left out."""
    three = {"ours": -2.0, "interval_95": [-3.0, -1.0], "seeds_interval_95": [-9.0, 5.0], "by_seed": [-5.0, -1.0, 0.0]}
    two = {"ours": 4.0, "interval_95": [3.5, 4.5], "by_seed": [3.0, 5.0]}
    rows = [{"name": f"rmse_ps_{method}_against_wcda", **row} for method, row in (("scda", three), ("mcda", two))]
    (axes,) = gains.draw([*rows, {"name": "rmse_ps_ctl_against_wcda", **two}]).axes
    drawn = [tuple(line.get_xdata()) for line in axes.lines[:-1]]  # the last is the zero
    assert drawn == [(-3.0, -1.0), (-9.0, 5.0), (-5.0, -1.0, 0.0), (-2.0,), (3.5, 4.5), (3.0, 5.0), (4.0,)]
    assert axes.lines[1].get_linewidth() < axes.lines[0].get_linewidth()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["SCDA", "MCDA"]


def test_timing_sums_the_jobs_of_a_rule(tmp_path):
    for name, seconds in (("observe_seed1", 1.0), ("observe_seed2", 2.0), ("grid", 4.0)):
        (tmp_path / f"{name}.tsv").write_text(f"s\tmax_rss\n{seconds}\t{100 * seconds}\n")
    frame = timing.collect(sorted(tmp_path.glob("*.tsv"))).set_index("rule")
    assert frame.loc["observe", "seconds"] == 3.0
    assert frame.loc["observe", "mebibytes"] == 200.0
    assert frame.loc["observe", "jobs"] == 2
    timing.draw(frame.reset_index())


def test_the_rule_graph_is_read_from_graphviz():
    nodes = ['0[label = "all", color="1"];', '1[label = "train"];', '2[label = "grid"];']
    dot = "\n ".join(["digraph {", *nodes, "1 -> 0", "2 -> 1", "2 -> 0", "}"])
    graph = rules.parse(dot)
    assert set(graph.edges) == {("train", "all"), ("grid", "train"), ("grid", "all")}
    texts = {text.get_text() for text in rules.draw(graph).axes[0].texts}
    assert {"all", "train", "grid"} <= texts


def test_a_constant_field_still_has_a_colour_range():
    assert style.symmetric(np.zeros(5)) == (-1.0, 1.0)


def test_verification_shows_rows_in_units_of_their_gates():
    row = {"source": "test_wave", "ours": 1.5, "reference": 1.0, "gate": 1.0, "passed": True}
    rows = [row, row | {"ours": 9.0, "passed": False}, row | {"ours": np.nan, "passed": False}]
    rows += [row | {"gate": 0.0}, row | {"source": "test_ice", "gate": None}]
    (axes,) = verification.draw(rows).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wave", "ice"]
    waves = axes.collections[0]
    np.testing.assert_allclose(waves.get_offsets(), [[0.5, 0.0], [2.0, 0.0], [2.0, 0.0]])
    passed, failed, unknown = waves.get_facecolors()
    assert not np.array_equal(passed, failed)
    np.testing.assert_array_equal(failed, unknown)
    assert [text.get_text() for text in axes.texts] == ["1 yes or no", "1 yes or no"]
