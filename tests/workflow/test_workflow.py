"""The whole workflow at size `test`: it ends in figures and a summary, and reruns what changed and nothing else."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

FIGURES = [
    "reconstruction_atmosphere",
    "reconstruction_ocean",
    "training",
    "minimisation",
    "rmse",
    "increments",
    "gains",
    "waves",
    "workflow",
    "timing",
]


def planned(project, *arguments, config=("size=test",)):
    """Rules that a dry run would execute."""
    done = project.snakemake("--dry-run", *arguments, "--quiet", "rules", config=config)
    assert done.returncode == 0, done.stdout[-4000:]
    table = re.findall(r"^(\w+)\s+(\d+)$", done.stdout, flags=re.MULTILINE)
    return {name: int(count) for name, count in table if name not in ("total", "all", "figures")}


@pytest.mark.parametrize("size", ["test", "demo", "standard", "paper"])
@pytest.mark.parametrize(
    "experiment", ["climate_scda", "climate_scda_real", "climate_coupling", "climate_latent", "climate_moist_ps"]
)
def test_every_size_of_every_experiment_is_a_valid_workflow(project, experiment, size):
    rules = planned(project, "--forceall", config=(f"size={size}", f"experiment={experiment}"))
    assert {"build_model", "train_vae", "cycle_segment", "verify", "figure_rmse"} <= set(rules)


@pytest.mark.parametrize(
    ("experiment", "chain", "waits"),
    [("climate_coupling", "mcda", False), ("climate_coupling", "mcda_weak", False), ("climate_latent", "hybrid", True)],
)
def test_only_a_latent_method_waits_for_the_network(project, experiment, chain, waits):
    restart = f"results/{experiment}/test/cycles/{chain}/seed1/segment_0/restart.nc"
    rules = planned(project, "--forceall", restart, config=("size=test", f"experiment={experiment}"))
    assert {"cycle_segment", "observe", "statistics", "interface_ensemble"} <= set(rules)
    assert ("train_vae" in rules, "background_covariance" in rules) == (waits, waits)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_shows_something(finished, name):
    pixels = np.asarray(Image.open(finished / "figures" / f"{name}.png").convert("L"))
    assert min(pixels.shape) > 300
    assert pixels.std() > 5


def test_the_summary_holds_the_runs_own_numbers(finished):
    summary = json.loads((finished / "summary.json").read_text())
    rows = {row["name"]: row for row in summary["rows"]}
    assert summary["provenance"]["code"].startswith("pipeline ")
    for row in rows.values():
        assert set(row) >= {"name", "ours", "paper", "unit", "better"}
        assert row["better"] in ("higher", "lower", "equal")
        assert np.isfinite(row["ours"]), row["name"]
    table = pd.read_csv(finished / "tables" / "rmse.csv", parse_dates=["time"])
    begin = pd.Timestamp("2010-09-11") + pd.Timedelta(days=1)
    scored = table.query("stage == 'analysis' and variable == 'sst' and method == 'wcda'")
    scored = scored[scored["time"] >= begin]
    assert rows["rmse_sst_wcda"]["ours"] == pytest.approx(scored.groupby("time")["rmse"].mean().mean())


def test_the_scores_are_those_of_the_trajectories(finished):
    truth, run = (
        xr.open_dataset(finished / "cycles" / chain / "seed1" / "segment_0" / "trajectory.nc", group="ocean")
        for chain in ("truth", "ctl")
    )
    error = (run["sst"].sel(stage="analysis") - truth["sst"].sel(stage="analysis"))[3]
    band = np.diff(np.sin(np.deg2rad(np.linspace(-78, 78, 33))))[:, None] * np.isfinite(error)
    expected = float(np.sqrt((error.fillna(0) ** 2 * band).sum() / band.sum()))
    table = pd.read_csv(finished / "tables" / "rmse.csv", parse_dates=["time"])
    time = pd.Timestamp(truth["time"].values[3])
    row = table.query("method == 'ctl' and stage == 'analysis' and variable == 'sst'")
    row = row[row["time"] == time]
    assert row["rmse"].item() == pytest.approx(expected, rel=1e-5)


def test_assimilation_changes_the_state_and_the_free_run_does_not(finished):
    def increment(chain):
        path = finished / "cycles" / chain / "seed1" / "segment_0" / "trajectory.nc"
        run = xr.open_dataset(path, group="ocean")
        return np.abs(run["sst"].sel(stage="analysis") - run["sst"].sel(stage="background")).max().item()

    assert increment("ctl") == 0.0
    assert increment("wcda") > 0.0
    assert increment("scda") > 0.0


def test_a_finished_run_has_nothing_left_to_do(project, finished):
    assert planned(project) == {}


def test_editing_a_method_reruns_the_cycles_and_not_the_training(project, finished):
    path = project.folder / "src" / "pipeline" / "assimilation" / "three_d_var.py"
    original = path.read_text()
    try:
        path.write_text(original + "\n# A change of the method.\n")
        rules = planned(project)
    finally:
        path.write_text(original)
    assert "cycle_segment" in rules
    assert not {"build_model", "nature_segment", "statistics", "train_vae", "background_covariance"} & set(rules)


def test_editing_a_figure_redraws_it_alone(project, finished):
    path = project.folder / "src" / "pipeline" / "figures" / "rmse.py"
    original = path.read_text()
    try:
        path.write_text(original + "\n# A change of the figure.\n")
        rules = planned(project)
    finally:
        path.write_text(original)
    assert set(rules) == {"figure_rmse"}


def test_changing_the_observation_error_reruns_from_the_observations_on(project, finished):
    config = ("size=test", 'observations={"sst": {"error": 0.5}}')
    rules = planned(project, config=config)
    assert {"observe", "cycle_segment", "scores"} <= set(rules)
    assert not {"build_model", "nature_segment", "train_vae", "branch"} & set(rules)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (("size=huge",), "size: 'huge' is not a size; choose one of test, demo, standard, paper"),
        (("size=test", "cyclin={}"), "did you mean 'cycling'"),
        (("size=test", 'cycling={"days": -1}'), "configuration cycling.days"),
        (("experiment=nothing",), "choose one of climate_air, "),
    ],
)
def test_bad_configuration_is_refused_before_any_job(project, config, message):
    done = project.snakemake("--dry-run", config=config)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_real_observations_take_the_same_path(project, finished, real_data):
    folder = real_data("ersstv5_sst.mnmean.nc").parent
    real_data("oisst-avhrr-v02r01.20220913.nc")
    done = project.snakemake(config=("size=test", "experiment=climate_scda_real", f"data_dir={folder}"))
    assert done.returncode == 0, done.stdout[-6000:]
    assert "nature_segment" not in done.stdout
    results = finished.parents[1] / "climate_scda_real" / "test"
    rows = {row["name"]: row["ours"] for row in json.loads((results / "summary.json").read_text())["rows"]}
    assert rows["rmse_sst_wcda"] < rows["rmse_sst_ctl"]
    assert 0.5 < rows["sst_climatology_correlation_scda"] <= 1.0
