"""Rows of summary.json are computed from tables, and say what is better."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.verification import summary
from pipeline.verification.metrics import bootstrap_interval, student_interval


@pytest.fixture
def table():
    time = pd.date_range("2010-01-01", periods=20, freq="6h")
    rows = []
    for method, level in (("ctl", 6.0), ("wcda", 4.81), ("scda", 4.62)):
        for k, t in enumerate(time):
            value = level * (1.0 + 0.1 * np.sin(k)) + (100.0 if k < 4 else 0.0)
            rows.append({"method": method, "seed": 1, "time": t, "stage": "analysis", "variable": "ps", "rmse": value})
    return pd.DataFrame(rows)


def test_scores_leave_the_burn_in_out_and_pair_the_methods(table):
    begin = np.datetime64("2010-01-02")
    rows = {row["name"]: row for row in summary.cycle_rows(table, begin)}
    after = table[(table["method"] == "wcda") & (table["time"] >= begin)]["rmse"]
    assert rows["rmse_ps_wcda"]["ours"] == pytest.approx(after.mean())
    low, high = rows["rmse_ps_wcda"]["interval_95"]
    assert low <= after.mean() <= high
    gain = rows["rmse_ps_scda_against_wcda"]
    assert gain["ours"] == pytest.approx(100.0 * (4.62 / 4.81 - 1.0), abs=1e-9)
    assert gain["paper"] == pytest.approx(-3.95, abs=0.01)
    assert gain["better"] == "lower"


def test_gains_are_paired_in_seed_and_time_and_shown_by_seed(table):
    table = table[table["time"] >= np.datetime64("2010-01-02")]
    harder = table.assign(seed=2, rmse=3.0 * table["rmse"])
    harder.loc[harder["method"] == "scda", "rmse"] *= 0.9
    rows = {row["name"]: row for row in summary.gains(pd.concat([table, harder]))}
    gain = rows["rmse_ps_scda_against_wcda"]
    first, second = 4.62 / 4.81 - 1.0, 0.9 * 4.62 / 4.81 - 1.0
    assert gain["by_seed"] == pytest.approx([100.0 * first, 100.0 * second])
    assert gain["ours"] == pytest.approx(np.mean(gain["by_seed"]))
    assert set(rows) == {"rmse_ps_ctl_against_wcda", "rmse_ps_scda_against_wcda"}


def errors_of(variable, method, seed, rmse):
    time = pd.date_range("2010-01-01", periods=len(rmse), freq="D")
    columns = {"method": method, "seed": seed, "time": time, "stage": "analysis", "variable": variable, "rmse": rmse}
    return pd.DataFrame(columns)


def test_gains_by_hand():
    """Per cent of the weak error's mean over each seed: (-1, 1) of 3 and (1, 0) of 10; no paper has mcda."""
    parts = [
        errors_of("ps", "wcda", 1, [2.0, 4.0]),
        errors_of("ps", "wcda", 2, [8.0, 12.0]),
        errors_of("ps", "mcda", 1, [1.0, 5.0]),
        errors_of("ps", "mcda", 2, [9.0, 12.0]),
        errors_of("sst", "wcda", 1, [1.0, 1.0]),
        errors_of("sst", "scda", 1, [0.5, 1.0]),
    ]
    pressure, temperature = summary.gains(pd.concat(parts))
    assert pressure["name"] == "rmse_ps_mcda_against_wcda"
    assert pressure["by_seed"] == pytest.approx([0.0, 5.0], abs=1e-12)
    assert pressure["ours"] == pytest.approx(2.5)
    assert pressure["paper"] is None
    assert temperature["name"] == "rmse_sst_scda_against_wcda"
    assert (temperature["ours"], temperature["paper"]) == (pytest.approx(-25.0), 0.0)
    assert summary.gains(pd.concat([errors_of("ps", "ctl", 1, [1.0]), errors_of("ps", "scda", 1, [1.0])])) == []


def test_the_interval_of_a_gain_is_that_of_the_mean_over_seeds():
    """Two seeds whose changes cancel at every time leave nothing uncertain, though each varies."""
    change = 0.5 + np.random.default_rng(0).standard_normal(40)
    weak = [errors_of("ps", "wcda", seed, np.full(40, 10.0)) for seed in (1, 2)]
    ours = [errors_of("ps", "scda", seed, 10.0 + sign * change) for seed, sign in ((1, 1), (2, -1))]
    (gain,) = summary.gains(pd.concat(weak + ours))
    assert gain["interval_95"] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert gain["by_seed"] == pytest.approx([10.0 * change.mean(), -10.0 * change.mean()])
    assert "seeds_interval_95" not in gain
    (alone,) = summary.gains(pd.concat([weak[0], ours[0]]))
    assert alone["interval_95"] == pytest.approx(bootstrap_interval(10.0 * change))
    assert alone["interval_95"][1] > alone["interval_95"][0] + 1.0


def test_three_seeds_have_an_interval_of_their_own():
    parts = [errors_of("ps", "wcda", seed, [10.0, 10.0]) for seed in (1, 2, 3)]
    parts += [errors_of("ps", "scda", seed, [9.0 + seed, 9.0 + seed]) for seed in (1, 2, 3)]
    (gain,) = summary.gains(pd.concat(parts))
    assert gain["by_seed"] == pytest.approx([0.0, 10.0, 20.0])
    assert gain["interval_95"] == pytest.approx([10.0, 10.0])
    assert gain["seeds_interval_95"] == pytest.approx(student_interval(np.array([0.0, 10.0, 20.0])))


def test_a_method_lost_for_a_while_moves_the_mean_and_not_the_median():
    """Weak medians 3 and 10, bounds 4.5 and 15, reached and not exceeded in seed 1; seeds count alike."""
    parts = [
        errors_of("ps", "wcda", 1, [3.0, 3.0, 4.5, 99.0, 2.0]),
        errors_of("ps", "wcda", 2, [10.0, 10.0, 11.0, 9.0, 16.0]),
        errors_of("ps", "scda", 1, [1.5, 1.5, 4.6, 5.0, 1.5]),
        errors_of("ps", "scda", 2, [11.0, 12.0, 11.0, 9.0, 9.0]),
    ]
    rows = {row["name"]: row for row in summary.ordinary_rows(pd.concat(parts))}
    assert set(rows) == {"median_ps_scda_against_wcda", "large_ps_wcda", "large_ps_scda"}
    median = rows["median_ps_scda_against_wcda"]
    assert median["by_seed"] == pytest.approx([-50.0, 10.0])
    assert median["ours"] == pytest.approx(-20.0)
    assert (rows["large_ps_wcda"]["ours"], rows["large_ps_scda"]["ours"]) == pytest.approx((20.0, 20.0))
    assert rows["large_ps_scda"]["by_seed"] == pytest.approx([40.0, 0.0])
    assert summary.ordinary_rows(errors_of("ps", "scda", 1, [1.0])) == []


def test_only_analyses_are_scored(table):
    begin = np.datetime64("2010-01-02")
    background = table.assign(stage="background", rmse=10.0 * table["rmse"])
    assert summary.cycle_rows(pd.concat([table, background]), begin) == summary.cycle_rows(table, begin)


def test_profiles_are_averaged_after_the_burn_in():
    time = pd.to_datetime(["2010-01-01", "2010-01-02", "2010-01-02"])
    columns = {"variable": "salt", "method": "ctl", "time": time, "level": [5.0, 5.0, 50.0], "rmse": [9.0, 1.0, 3.0]}
    (found,) = summary.profile_rows(pd.DataFrame(columns | {"seed": 1}), np.datetime64("2010-01-02"))
    assert (found["name"], found["ours"], found["unit"]) == ("rmse_salt_levels_ctl", 2.0, "psu")


def test_gains_aloft_are_told_by_seed_with_their_interval():
    """Levels of 1 and 3 K under weak coupling; the other method takes 10, 20 and 30 % off them in three seeds."""
    begin = pd.Timestamp("2010-01-02")
    tables = [
        pd.DataFrame({"level": [0.1, 0.9], "rmse": [factor, 3.0 * factor]}).assign(method=method, seed=seed)
        for seed in (1, 2, 3)
        for method, factor in (("wcda", 1.0 * seed), ("scda", seed * (1.0 - 0.1 * seed)))
    ]
    table = pd.concat(tables).assign(variable="t", time=begin)
    rows = {row["name"]: row for row in summary.profile_rows(table, begin.to_datetime64())}
    gain = rows["levels_t_scda_against_wcda"]
    assert gain["by_seed"] == pytest.approx([-10.0, -20.0, -30.0])
    assert gain["ours"] == pytest.approx(-20.0)
    assert gain["seeds_interval_95"] == pytest.approx((-20.0 - 24.84, -20.0 + 24.84), abs=0.01)  # t = 4.303


def test_balance_is_the_median_tendency_after_over_before():
    columns = {"method": "scda", "tendency_before": [2.0, 2.0, 2.0], "tendency_after": [2.0, 6.0, 200.0]}
    (found,) = summary.balance_rows(pd.DataFrame(columns))
    assert (found["name"], found["ours"]) == ("ps_tendency_after_before_scda", 3.0)


def test_cost_is_told_per_simulated_day_of_one_seed(tmp_path):
    """Two seeds of two days each."""
    files = [str(tmp_path / f"{k}.json") for k in range(2)]
    for file, seconds in zip(files, (3.0, 5.0), strict=True):
        Path(file).write_text(json.dumps({"forecast": seconds, "filter": 0.0, "analysis": 1.0}))
    found = {row["name"]: row["ours"] for row in summary.cost_rows({"scda": files}, days=2.0, seeds=2)}
    assert found == {"forecast_seconds_per_day_scda": 2.0, "analysis_seconds_per_day_scda": 0.5}


def test_a_missing_summary_says_what_to_do(tmp_path):
    with pytest.raises(PipelineError, match="run the experiment first"):
        summary.show(tmp_path)


def test_the_table_shows_every_row(tmp_path, capsys, table):
    rows = summary.cycle_rows(table, np.datetime64("2010-01-02"))
    summary.write(tmp_path / "summary.json", rows, {"code": "x"})
    assert json.loads((tmp_path / "summary.json").read_text())["rows"][0]["unit"] == "Pa"
    summary.show(tmp_path)
    printed = capsys.readouterr().out
    assert all(row["name"][:12] in printed for row in rows)
