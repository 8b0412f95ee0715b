"""Rows of summary.json are computed from tables, and say what is better."""

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.verification import models, summary


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


def test_rows_of_the_verification_programs_are_found_in_ctests_output():
    text = "      Start 12: test_transform_1\n    Start  3: test_mpi_mass_4\n"
    text += "12: round_trip_scalar  1.2E-15 0.0E+00 1.0E-13 T\n"
    rows = models.parse(text + "12: not a row\n3: mass -2.0E-13 0.0 1.0E-12 F\n3: judged 1.0 2.0 T\n")
    assert [(r["test"], r["ours"], r["gate"], r["passed"], r["source"], r["ranks"]) for r in rows] == [
        ("round_trip_scalar", 1.2e-15, 1e-13, True, "test_transform", 1),
        ("mass", -2.0e-13, 1e-12, False, "test_mpi_mass", 4),
        ("judged", 1.0, None, True, "test_mpi_mass", 4),
    ]


def test_rows_of_programs_that_were_not_run_anew_are_kept():
    old = [{"test": name, "source": source, "ranks": 1} for name, source in (("a", "x"), ("gone", "x"), ("b", "y"))]
    new = [{"test": "a", "source": "x", "ranks": 1}]
    assert [row["test"] for row in models.merge(old, new)] == ["a", "b"]
