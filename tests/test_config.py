"""The configuration is refused before any job runs, with the path of the key and the choices."""

import json

import pytest
import yaml

from pipeline import config
from pipeline.config import ROOT, SIZES, resolve
from pipeline.errors import PipelineError

EXPERIMENTS = sorted(p.stem for p in (ROOT / "config" / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_resolves_at_every_size(experiment, size):
    resolved = resolve({"experiment": experiment, "size": size})
    assert resolved.experiment == experiment
    assert resolved.size == size


def test_generated_files_are_in_step():
    folder = ROOT / "config"
    assert json.loads((folder / "schema.json").read_text()) == config.schema(), "run python -m pipeline schema"
    assert yaml.safe_load((folder / "defaults.yaml").read_text()) == config.defaults(), "run python -m pipeline schema"


def test_the_user_wins_over_size_over_experiment():
    assert resolve({"size": "test"}).cycling.days == 4
    assert resolve({"size": "test", "cycling": {"days": 3}}).cycling.days == 3
    assert resolve({"size": "demo"}).cycling.days != 4


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"size": "huge"}, "demo"),
        ({"experiment": "climate"}, "climate_scda"),
        ({"cyclin": {"days": 3}}, "did you mean 'cycling'"),
        ({"cycling": {"dais": 3}}, "configuration cycling.dais: unknown key (did you mean 'days'?)"),
        ({"cycling": {"days": -3}}, "configuration cycling.days"),
        ({"cycling": {"window_hours": 7}}, "must divide 24"),
        ({"model": {"atmosphere": {"nlon": 40}}}, "cannot hold truncation"),
        ({"model": {"atmosphere": {"nlat": 47}}}, "even"),
        ({"network": {"kind": "coupled_vea"}}, "did you mean 'coupled_vae'"),
        ({"network": {"latent_chanels": 3}}, "unknown option 'latent_chanels'"),
        ({"methods": {"scda": {"analysis": {"method": {"kind": "four_d_war"}}}}}, "choose one of"),
        ({"observations": {"sst": {"error": -1.0}}}, "configuration observations.sst.error"),
        ({"splits": {"train": 0.9, "validation": 0.1}}, "leave a share for the test period"),
        ({"nature": {"interval_hours": 5}}, "configuration nature: interval_hours = 5 must divide 24"),
        ({"background": {"lag_hours": 9}}, "lag_hours = 9 must be a multiple of nature.interval_hours = 6"),
        (
            {"methods": {"scda": {"analysis": {"every_hours": 4}}}},
            "methods.scda.analysis.every_hours = 4 must be a mul",
        ),
        (
            {"methods": {"scda": {"analysis": {"every_hours": 48}}}, "cycling": {"segment_days": 5}},
            "configuration: cycling.segment_days in hours = 120 must be a multiple of methods.scda.analysis.every",
        ),
        (
            {"cycling": {"state_interval_days": 7}},
            "segment_days = 20 must be a multiple of cycling.state_interval_days",
        ),
        ({"nature": {"segment_days": 31}}, "nature.segment_days = 31 must be a multiple of nature.state_interval_days"),
        ({"observations": {"ps": {"interval_hours": 9}}}, "ps.interval_hours = 9 must be a multiple of cycling.window"),
    ],
)
def test_what_is_wrong_is_named(user, expected):
    with pytest.raises(PipelineError) as error:
        resolve(user)
    assert expected in str(error.value)
    assert len(str(error.value).splitlines()) <= 2


def test_texts_of_the_command_line_are_numbers_and_logicals():
    """As snakemake gives what is nested in --config: in options that no schema types, too."""
    namelist = {"atmos_nml": {"k_f": "2.5e-1", "rayleigh_friction": "True", "forcing": "moist", "days": ["1", "-.5"]}}
    method = {"iterations": "40", "dtype": "float32"}
    given = {"model": {"namelist": namelist}, "methods": {"scda": {"analysis": {"method": method}}}}
    found = resolve(given)
    atmosphere = {"k_f": 0.25, "rayleigh_friction": True, "forcing": "moist", "days": [1, -0.5]}
    assert found.model.namelist["atmos_nml"] == atmosphere
    assert isinstance(found.model.namelist["atmos_nml"]["days"][0], int)
    options = found.methods["scda"].analysis.method.model_dump()
    assert (options["iterations"], options["dtype"], options["learning_rate"]) == (40, "float32", 0.1)


def test_an_experiment_shares_another_ones_model():
    own, shared = resolve({"experiment": "climate_scda_real"}), resolve({"experiment": "climate_scda"})
    assert own.nature == shared.nature
    assert own.network == shared.network
    assert own.real_observations is not None


def test_an_experiment_extends_another_and_takes_out_what_it_has(tmp_path):
    folder = tmp_path / "config" / "experiments"
    folder.mkdir(parents=True)
    (folder / "first.yaml").write_text(
        "seed: 3\nmethods: {ctl: {}, wcda: {filter: true}}\n"
        "observations:\n"
        "  ps: {error: 100.0, interval_hours: 6, network: {kind: random}}\n"
        "  sst: {error: 0.3, interval_hours: 24, network: {kind: random}}\n"
        "sizes: {test: {nature: {days: 7}}}\n"
    )
    (folder / "second.yaml").write_text("extends: first\nmethods: {ctl: null}\nobservations: {ps: null}\n")
    own = resolve({"experiment": "second", "size": "test"}, tmp_path)
    assert (own.seed, own.nature.days, own.shares) == (3, 7, "")
    assert list(own.methods) == ["wcda"]
    assert list(own.observations) == ["sst"]
    # as --config 'methods={wcda: null, ctl: {}}' hands it over
    own = resolve({"experiment": "second", "size": "test", "methods": {"wcda": "null", "ctl": {}}}, tmp_path)
    assert list(own.methods) == ["ctl"]


def test_a_row_is_taken_out_of_a_benchmark():
    assert "etkf" not in resolve({"experiment": "lorenz96", "benchmark": {"rows": {"etkf": None}}}).benchmark.rows


def test_a_broken_yaml_names_its_place(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1, 2\nb: 3\n")
    with pytest.raises(PipelineError, match=r"broken\.yaml: not YAML"):
        config.read_yaml(path)
