"""Cycles of every row of the experiment at a tiny size, their scores, their table and their figure."""

import json

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.axes import Axes

from pipeline.config import resolve
from pipeline.errors import PipelineError
from pipeline.figures import testbeds as figure
from pipeline.testbed.cycles import Cycles
from pipeline.testbed.world import LEADS, World, make_truths
from pipeline.verification import testbeds as table
from pipeline.verification.memory import peak


def run(world, folder, row) -> tuple[xr.Dataset, dict]:
    return Cycles(world, row, folder).score()


def test_a_free_run_is_the_model_and_forgets_nothing(world, folder, plan, tmp_path):
    steps = [*Cycles(world, plan["rows"]["free"], folder).run()]
    assert len(steps) == 8
    assert torch.equal(steps[5]["analysis"], steps[5]["background"])
    assert torch.equal(world.forecast(steps[5]["analysis"], 1), steps[6]["background"])
    alone = World({**world.plan, "cycling": {**world.plan["cycling"], "seeds": [2]}}, 1, world.file)
    make_truths(alone, tmp_path / "truths.safetensors")
    second = [*Cycles(alone, plan["rows"]["free"], tmp_path).run()]
    torch.testing.assert_close(
        second[-1]["truth"][0], steps[-1]["truth"][1], rtol=1e-3, atol=1e-3 * float(world.deviation[0])
    )
    series, scores = run(world, folder, plan["rows"]["free"])
    assert series["error"].shape == (2, 8)
    assert "cpu_seconds" not in scores
    assert scores["analysis"] == scores["background"]


def test_the_first_variational_analysis_in_model_space_is_nearer_to_the_observations(world, folder, plan):
    cycles = Cycles(world, plan["rows"]["three_d_var"], folder)
    first = next(cycles.run())
    x_b, observations = first["background"][0], cycles.observing.observe(first["truth"][0], 10_000)
    found = cycles.method.analysis(x_b, observations)
    torch.testing.assert_close(found.state, first["analysis"][0])  # seed 1, cycle 0: the same observations
    for statistics in found.statistics.values():
        assert statistics["residual_rms"] < statistics["innovation_rms"]
    assert min(first["seconds"]) > 0
    assert cycles.bytes > 4 * world.space.size


def test_what_the_decoder_cannot_represent_enters_r(world, folder, plan):
    """Errors of 3 % and 40 % of the deviation: the innovations' expected error, and a smaller increment."""
    row = plan["rows"]["latent_three_d_var_increment"]
    plain, wiser = (Cycles(world, row | {"decoder_error": share}, folder) for share in (0.0, 0.4))
    x_b, truth = plain.stored["start"][0], plain.stored["truths"][0, 0]
    observations = plain.observing.observe(truth, 10_000)
    found = [cycles.method.analysis(x_b, observations) for cycles in (plain, wiser)]
    ratio = (found[1].error / found[0].error).mean()
    assert float(ratio) == pytest.approx((0.03**2 + 0.4**2) ** 0.5 / 0.03, rel=1e-5)
    assert found[1].increment.norm() < found[0].increment.norm()


@pytest.mark.parametrize("blind", [(5,), range(8)], ids=["once", "always"])
def test_a_cycle_in_which_one_seed_sees_nothing_has_no_sigma_and_the_row_goes_on(world, folder, plan, blind):
    cycles = Cycles(world, plan["rows"]["hloba"], folder)
    observe = cycles.observing.observe

    def sometimes(truth, seed, *options):
        observations = observe(truth, seed, *options)
        return (
            observations.where(np.zeros(len(observations), bool))
            if seed in {20_000 + k for k in blind}
            else observations
        )

    cycles.observing.observe = sometimes
    series, scores = cycles.score()
    assert np.isfinite(series["error"]).all()
    assert np.isfinite(scores["analysis"]).all()
    assert np.isfinite([scores["sigma_over_error"][0], scores["sigma_correlation_step"][0]]).all()
    assert np.isfinite(scores["sigma_over_error"][1]) == (len(blind) == 1)


def test_forecasts_are_scored_from_the_analyses(world, folder, plan):
    """By hand, for the first seed of a free run: day 2 against the same truths five days on."""
    _, scores = run(world, folder, plan["rows"]["free"])
    steps = [*Cycles(world, plan["rows"]["free"], folder).run()][4:]
    x, t = (torch.stack([s[key][0] for s in steps])[:: world.day] for key in ("analysis", "truth"))
    for lead in LEADS:
        x, t = world.forecast(x, world.day), world.forecast(t, world.day)
        assert scores[f"forecast_{lead}d"][0] == pytest.approx(world.distance(x, t), rel=1e-5)


def test_rows_of_every_kind_run_and_enter_table_and_figure(world, folder, plan):
    chosen = ("free", "latent_three_d_var", "hloba", "hloba_both", "hloba_both_likelihood", "hloba_errors_tripled")
    rows = {name: plan["rows"][name] for name in chosen}
    rows["letkf"] = plan["rows"]["free"] | {"ensemble": True, "method": LETKF}
    found = {name: run(world, folder, row) for name, row in rows.items()}
    scores = {name: s for name, (_, s) in found.items()}
    for name, row in rows.items():
        assert np.isfinite(scores[name]["analysis"]).all(), name
        own_sigma = (row["method"] or {}).get("kind") in ("hloba", "letkf")
        assert ("sigma_over_error" in scores[name]) == own_sigma, name
    lines = table.latent_rows(json.loads((folder / "errors" / "latent.json").read_text()))
    for name, row in rows.items():
        lines += table.method_rows(name, row["published"], scores[name])
    lines += table.growth_rows(rows, scores, 0.03)
    by_name = {line["name"]: line for line in lines}
    json.dumps(lines)
    assert by_name["analysis_hloba"]["ours"] == pytest.approx(np.mean(scores["hloba"]["analysis"]))
    assert by_name["sigma_correlation_step_hloba_both"]["paper"] == 0.42
    growth = np.mean(scores["hloba_errors_tripled"]["analysis"]) - np.mean(scores["hloba"]["analysis"])
    assert by_name["error_growth_hloba_errors_tripled"]["ours"] == pytest.approx(growth / 0.06)
    assert np.mean(by_name["error_growth_hloba_errors_tripled"]["per_seed"]) == pytest.approx(growth / 0.06)
    assert len(by_name["error_growth_hloba_errors_tripled"]["per_seed"]) == 2
    drawn = figure.draw(scores, {name: s for name, (s, _) in found.items()}, {"free", "hloba"}, "title")
    assert len(drawn.findobj(lambda a: a.__class__.__name__ == "Axes")) >= 3


@pytest.mark.parametrize("name", ["hloba_r_of_the_day", "hloba_b_of_the_day", "hloba_both"])
def test_a_covariance_of_the_day_without_members_is_refused(world, folder, plan, name):
    row = plan["rows"][name]
    assert Cycles(world, row, folder).method is not None
    with pytest.raises(PipelineError, match=r"row with hloba: a blended covariance has weight .* but members is 0"):
        Cycles(world, row | {"members": 0}, folder)


LETKF = {
    "kind": "letkf",
    "transform": None,
    "localization": {"kind": "gaspari_cohn", "half_width": 4000.0},
    "inflation": {"kind": "rtps", "alpha": 0.5},
}


def test_an_ensemble_is_carried_along_and_its_mean_is_scored(world, folder, plan):
    free = plan["rows"]["free"] | {"ensemble": True}
    cycles = Cycles(world, free, folder)
    steps = [*cycles.run()]
    members = world.seen(cycles.stored["ensemble"])
    assert members.shape == (8, world.space.size)
    for s in range(2):  # the same members for every truth
        torch.testing.assert_close(steps[0]["background"][s], members.mean(0))
        torch.testing.assert_close(steps[0]["sigma"][s], members.std(0))
    later = torch.stack([world.seen(world.forecast(member, 3)) for member in cycles.stored["ensemble"]])
    near = {"rtol": 1e-3, "atol": 1e-3 * float(world.deviation[0])}
    torch.testing.assert_close(steps[3]["background"][1], later.mean(0), **near)

    filtered = [*Cycles(world, free | {"method": LETKF}, folder).run()]
    first = filtered[0]
    assert not torch.equal(first["analysis"][0], first["analysis"][1])
    assert bool((first["sigma"] <= members.std(0) * (1 + 1e-5)).all())
    alone, helped = (world.distance(each[-1]["analysis"], each[-1]["truth"]) for each in (steps, filtered))
    assert helped < 0.6 * alone
    _, scores = run(world, folder, free | {"method": LETKF})
    assert scores["sigma_over_error"][0] > 0
    assert not any(name.startswith("forecast") for name in scores)


def test_a_row_may_be_given_some_of_the_variables(world, folder, plan):
    free = plan["rows"]["free"] | {"ensemble": True, "method": LETKF}
    both, upper = (Cycles(world, free | {"variables": seen}, folder) for seen in ((), ("psi_upper",)))
    x = world.seen(both.stored["ensemble"])
    truth = both.stored["truths"][0, 0]
    increments = [cycles._analyse(x, truth, 1, None)[0] - x for cycles in (both, upper)]
    assert bool((increments[0] != increments[1]).any())
    seen = both.observing.observe(truth, 1)
    wanted = upper.method.analysis(x, seen.where(seen.variable == "psi_upper")).increment
    torch.testing.assert_close(increments[1], wanted)
    with pytest.raises(PipelineError, match="variable 'sst' is not observed; choose from psi_upper, psi_lower"):
        Cycles(world, free | {"variables": ("sst",)}, folder)


def test_until_members_come_b_is_the_climate_s(world, folder, plan):
    """In the first six cycles with a time-lagged ensemble of six, but for the rounding of larger batches."""
    row = plan["rows"]["hloba_b_of_the_day"]
    climate = row | {"method": plan["rows"]["hloba"]["method"], "members": 0}
    pairs = zip(Cycles(world, climate, folder).run(), Cycles(world, row, folder).run(), strict=True)
    apart = [float(((a["analysis"] - b["analysis"]) / world.deviation).abs().max()) for a, b in pairs]
    assert max(apart[:6]) < 1e-4 < 1e-3 < min(apart[6:]), apart


def test_memory_is_measured_with_all_members_of_the_day(world, folder, plan):
    """They are complete after six cycles; the first analysis, by itself, would hide what they take."""
    measured = []
    cycles = Cycles(world, plan["rows"]["hloba_both"], folder)
    for _ in cycles.run():
        measured.append(cycles.bytes)
    assert len(set(measured[:6])) == len(set(measured[6:])) == 1, measured
    assert measured[6] > 1.5 * measured[0], measured


def test_peak_memory_is_that_of_the_tensors():
    def work():
        a = torch.zeros(1000, 1000)
        b = a + 1.0
        del a
        return b.sum()

    assert 8e6 <= peak(work) < 9e6
    assert peak(lambda: None) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": {"a b": {}}}, "letters, digits and _ only"),
        ({"rows": {"x": {"base": "nothing"}}}, "base 'nothing' is no row"),
        ({"rows": {"x": {"method": {"kind": "hloba", "probe": 3}}}}, "unknown option 'probe' of hloba"),
        ({"model": {"kind": "quasi_geostrophic", "truncaton": 3}}, "unknown option 'truncaton'"),
        ({"cycling": {"days": 3, "burn_in_days": 3}}, "leaves nothing of days = 3"),
        ({"autoencoder": None}, "takes networks and error statistics; give testbed.autoencoder"),
        ({"rows": {"x": {"ensemble": True}}}, "'x' carries an ensemble; set cycling.ensemble"),
        (
            {"rows": {"x": {"ensemble": True, "members": 6}}},
            "6 members of a time-lagged ensemble beside one of its own",
        ),
        ({"rows": {"x": {"method": {"kind": "etkf"}}}}, "'x': etkf corrects an ensemble; set ensemble: true"),
        (
            {"rows": {"x": {"ensemble": True, "method": {"kind": "three_d_var"}}}, "cycling": {"ensemble": 4}},
            "'x': three_d_var corrects one state",
        ),
        ({"rows": {"x": {"variables": ["v_500"]}}, "observations": {"variables": ["psi_upper"]}}, "'v_500' is not obs"),
        ({"observations": {"stations": 3}}, "unknown key"),
    ],
)
def test_mistakes_are_named_before_any_job(change, message):
    with pytest.raises(PipelineError, match=message):
        resolve({"experiment": "quasi_geostrophic", "size": "test", "testbed": change})


def test_figure_has_the_first_row_on_top_and_no_stage_that_no_row_has():
    scores = {
        name: {"analysis": [error, 2 * error], "analysis_of_u": [error] * 2, "analysis_of_v": [2 * error] * 2}
        for name, error in (("first", 0.3), ("second", 0.5))
    }
    series = {"first": xr.Dataset({"error": (("seed", "cycle"), np.ones((2, 3)))}, {"day": ("cycle", [0.0, 1.0, 2.0])})}
    drawn = figure.draw(scores, series, {"first"}, "title")
    errors, by_variable, costs = (a for a in drawn.findobj(Axes) if a.get_xlabel() not in ("", "day"))
    assert [text.get_text() for text in errors.get_legend().get_texts()] == ["analysis"]
    assert errors.get_ylim() == (1.5, -0.5)
    assert [text.get_text() for text in by_variable.texts] == [".300", ".600", ".500", "1.00"]
    scores["second"]["cpu_seconds"] = [100.0, 100.0]
    scores["first"]["cpu_seconds"] = [1.0, 1.0]
    drawn = figure.draw(scores, series, {"first"}, "title")
    assert [a.get_xscale() for a in drawn.findobj(Axes) if a.get_xlabel() == costs.get_xlabel()] == ["log"]
    assert costs.get_xscale() == "linear"
