"""Benchmarks on small models through the workflow; a user's row is an entry of the configuration and nothing else."""

import json

import pytest
import xarray as xr

ROW = {"members": 5, "method": {"kind": "etkf", "inflation": {"kind": "rtpp", "alpha": 0.4}}}


@pytest.mark.parametrize("size", ["test", "paper"])
@pytest.mark.parametrize("experiment", ["lorenz63", "lorenz96"])
def test_every_size_is_a_valid_workflow(project, experiment, size):
    done = project.snakemake("--dry-run", "--quiet", "rules", config=(f"experiment={experiment}", f"size={size}"))
    assert done.returncode == 0, done.stdout[-4000:]
    for rule in ("benchmark_twin", "benchmark_row", "benchmark_summary", "figure_benchmark"):
        assert rule in done.stdout
    assert "train_vae" not in done.stdout


@pytest.mark.parametrize("size", ["test", "standard", "paper"])
@pytest.mark.parametrize("experiment", ["quasi_geostrophic", "climate_air", "climate_interface"])
def test_a_testbed_is_a_valid_workflow(project, experiment, size):
    done = project.snakemake("--dry-run", "--quiet", "rules", config=(f"experiment={experiment}", f"size={size}"))
    assert done.returncode == 0, done.stdout[-4000:]
    for rule in ("nature", "truths", "autoencoder", "o2lnet", "errors", "row", "summary"):
        assert f"testbed_{rule}" in done.stdout
    assert experiment.startswith("climate") or "build_model" not in done.stdout
    assert "train_vae" not in done.stdout


@pytest.mark.parametrize(
    ("experiment", "row"),
    [("climate_air", "three_d_var"), ("climate_interface", "hloba_both"), ("climate_interface", "three_d_var")],
)
def test_the_fortran_model_makes_the_forecasts_of_a_testbed(project, experiment, row):
    """From the build to a row of the table: winds balanced in 3D-Var, of the air, and beside the sea's modes; a lagged
    ensemble of air and sea.
    """
    target = f"results/{experiment}/test/rows/{row}.json"
    done = project.snakemake(target, config=(f"experiment={experiment}", "size=test"))
    assert done.returncode == 0, done.stdout[-4000:]
    scores = json.loads((project.folder / target).read_text())
    assert 0 < scores["analysis"][0] < 3
    names = {
        "climate_air": ("u", "v", "t", "ps"),
        "climate_interface": ("ps", "ta", "ua", "va", "sst", "ssu", "ssv", "ssh"),
    }
    assert {key.removeprefix("analysis_of_") for key in scores if key.startswith("analysis_of_")} == set(
        names[experiment]
    )
    assert ("sigma_over_error" in scores) == (row == "hloba_both")
    assert len({scores[f"forecast_{lead}d"][0] for lead in range(1, 6)}) == 5
    errors = {path.name for path in (project.folder / f"results/{experiment}/test/errors").iterdir()}
    assert errors >= {"balance.nc", "spectral.nc"}
    assert ("laplacian_modes.nc" in errors) == (experiment == "climate_interface")


def test_a_table_of_filters_trains_no_network(project):
    """From the build to the figure: an ensemble of the moist model, surface pressure alone observed."""
    own = project.folder / "filters.yaml"
    left_out = ("letkf", "letkf_weak", "letkf_into_air", "letkf_third_into_air", "letkf_damped", "letkf_ps_weak")
    own.write_text(json.dumps({"testbed": {"rows": dict.fromkeys(left_out)}}))
    done = project.snakemake("--configfile", str(own), config=("experiment=climate_filters", "size=test"))
    assert done.returncode == 0, done.stdout[-4000:]
    folder = project.folder / "results/climate_filters/test"
    assert not (folder / "autoencoder").exists()
    assert not (folder / "errors").exists()
    rows = {row["name"]: row["ours"] for row in json.loads((folder / "summary.json").read_text())["rows"]}
    assert 0 < rows["analysis_of_ps_letkf_ps"] < rows["analysis_of_ps_free"]
    assert (folder / "figures" / "testbed.png").stat().st_size > 10_000


def test_a_row_is_added_by_configuration_alone(project):
    row = "results/lorenz63/test/rows/mine.nc"
    own = project.folder / "mine.yaml"  # a file: `--config` makes texts of nested numbers
    own.write_text(json.dumps({"benchmark": {"rows": {"mine": ROW}}}))
    done = project.snakemake(row, "--configfile", str(own), config=("experiment=lorenz63", "size=test"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert "mine: 60/60 cycles" in done.stdout  # the display of progress
    scores = xr.load_dataset(project.folder / row)
    assert scores["rmse"].shape == (2, 40)
    assert scores["rank_histogram"].shape == (2, 6)
    assert scores.attrs["configuration"]
    timing = json.loads((project.folder / row).with_suffix(".json").read_text())
    assert timing["cpu_seconds_per_1000_cycles"] > 0


def test_a_mistake_in_a_row_is_named_before_any_job(project):
    wrong = {"rows": {"mine": {"method": {"kind": "etkf", "rotat": True}}}}
    done = project.snakemake("--dry-run", config=("experiment=lorenz63", f"benchmark={json.dumps(wrong)}"))
    assert done.returncode != 0
    assert "unknown option 'rotat' of etkf" in done.stdout
