"""The analysis in a run: what is left out comes from the experiment, anomalies stand about the background."""

from dataclasses import dataclass, field

import pytest
import torch
import xarray as xr
from stand_ins import background, observe, small_space

from pipeline import interface_analysis
from pipeline.assimilation.ensemble_optimal_interpolation import EnsembleOptimalInterpolation
from pipeline.assimilation.etkf import ETKF
from pipeline.errors import PipelineError
from pipeline.interface_analysis import InterfaceAnalysis, _with_climate, is_latent
from pipeline.normalization import Normalization
from pipeline.observations.operators import Interpolation

SPACE = small_space()
RANGES = {"ps": (9e4, 1.1e5), "ta": (220.0, 320.0), "sst": (-2.0, 32.0), "ssh": (-1.5, 1.5)}
MODEL_SPACE = {"kind": "ensemble_optimal_interpolation", "filter": {"kind": "etkf"}}


@dataclass
class Run:
    """What is used of a run's specification."""

    input: dict
    background: dict = field(default_factory=lambda: {"kind": "identity", "rank": 0, "inflation": 1.0})
    nominal: dict = field(default_factory=dict)


@pytest.fixture
def anomalies():
    x = background(SPACE, (12,), seed=3)
    return x - x.mean(0)


@pytest.fixture
def run(tmp_path, anomalies):
    statistics, interface = tmp_path / "statistics.json", tmp_path / "interface.nc"
    Normalization(SPACE, RANGES, ("2000-01-01", "2001-01-01"), {}).save(statistics)
    xr.Dataset({"x": (("member", "state"), anomalies.numpy())}).to_netcdf(interface)
    weights = str(tmp_path / "vae" / "weights.safetensors")
    return Run({"weights": weights, "statistics": str(statistics), "interface": str(interface)})


def test_scaled_anomalies_stand_about_the_background(run, anomalies):
    x_b = background(SPACE)
    observations = observe(SPACE, background(SPACE, seed=9))
    configuration = {"method": MODEL_SPACE, "ensemble": {"members": 12, "harmonics": 0, "scale": 0.25}}
    found = InterfaceAnalysis(configuration, run, SPACE)(x_b, observations)
    own = EnsembleOptimalInterpolation(ETKF(Interpolation, SPACE), states=anomalies, scale=0.25)
    torch.testing.assert_close(found.increment, own.analysis(x_b, observations).increment, rtol=1e-9, atol=1e-9)
    assert float(found.increment.abs().max()) > 0


def test_the_method_is_given_background_plus_anomalies(run, anomalies, monkeypatch):
    """By hand, as filters that centre their members cannot tell another place or sign."""
    x_b, given = background(SPACE), {}
    analysis = InterfaceAnalysis({"method": MODEL_SPACE, "ensemble": {"members": 12, "scale": 0.25}}, run, SPACE)
    monkeypatch.setattr(analysis.method, "analysis", lambda x, y, ensemble: given.update(x=x, y=y, ensemble=ensemble))
    analysis(x_b, "observations")
    torch.testing.assert_close(given["ensemble"], x_b + 0.5 * anomalies, rtol=0, atol=0)
    assert (given["x"] is x_b, given["y"]) == (True, "observations")


NMC = {"kind": "nmc", "rank": 3, "inflation": 1.5}
TRANSFORM = {"kind": "autoencoder", "network": "vae"}
R = {"kind": "blended", "file": "errors/observation.nc", "centred": False}


@pytest.mark.parametrize(
    ("kind", "background_kind", "wanted"),
    [
        ("three_d_var", "nmc", {"transform": TRANSFORM, "covariance": NMC | {"file": "errors/background.nc"}}),
        ("three_d_var", "identity", {"transform": TRANSFORM, "covariance": {"kind": "identity"}}),
        (
            "hloba",
            "nmc",
            {
                "transform": TRANSFORM,
                "covariance": NMC | {"file": "errors/background.nc"},
                "observers": {"kind": "latent_observer", "network": "o2lnet", "covariance": R},
            },
        ),
        ("letkf", "nmc", {"transform": TRANSFORM}),
    ],
)
def test_what_is_left_out_comes_from_the_runs_files(run, monkeypatch, kind, background_kind, wanted):
    built = {}

    def build(configuration, defaults, **context):
        built.update(configuration=configuration, defaults=defaults, context=context)

    monkeypatch.setattr(interface_analysis.assimilation, "build", build)
    run.input |= {"weights": "vae/weights.safetensors", "background": "errors/background.nc"}
    run.input |= {"observer": "o2lnet/weights.safetensors", "observation_errors": "errors/observation.nc"}
    run.background = NMC | {"kind": background_kind, "lag_hours": 24}
    run.nominal = {"ps": 100.0}
    InterfaceAnalysis({"method": {"kind": kind}}, run, SPACE)
    assert built["configuration"] == {"kind": kind}
    assert built["defaults"] == wanted
    context = built["context"]
    assert (context["space"], context["operator"], context["nominal"]) == (SPACE, Interpolation, {"ps": 100.0})
    assert context["normalization"].ranges == RANGES


def test_a_method_in_model_space_needs_no_network(run):
    del run.input["weights"]
    assert InterfaceAnalysis({"method": MODEL_SPACE}, run, SPACE).anomalies is None


LETKF = {"kind": "letkf", "transform": {"kind": "identity"}}
NETWORK = {"kind": "autoencoder", "network": "vae"}


@pytest.mark.parametrize(
    ("method", "latent"),
    [
        (MODEL_SPACE, False),
        (LETKF, False),
        ({"kind": "mshea", "scales": {"air": MODEL_SPACE, "sea": MODEL_SPACE}}, False),
        ({"kind": "three_d_var", "transform": {"kind": "identity"}, "covariance": {"kind": "identity"}}, False),
        ({"kind": "letkf"}, True),  # takes a transform and is given the experiment's
        ({"kind": "three_d_var", "covariance": {"kind": "ensemble"}}, True),
        ({"kind": "three_d_var", "transform": {"kind": "identity"}}, True),  # under the climatological B
        (MODEL_SPACE | {"filter": LETKF | {"transform": NETWORK}}, True),
        ({"kind": "mshea", "scales": {"air": MODEL_SPACE, "sea": {"filter": {"transform": NETWORK}}}}, True),
        (LETKF | {"kind": "three_d_var", "covariance": {"kind": "hybrid", "static": {"kind": "climate"}}}, True),
        (LETKF | {"observers": [{"kind": "latent_observer", "transform": NETWORK}]}, True),
    ],
)
def test_what_makes_a_method_latent(method, latent):
    assert is_latent(method) == latent


def test_anomalies_of_another_grid_or_number_are_refused(run):
    of_another = {"method": MODEL_SPACE, "ensemble": {"members": 11, "harmonics": 0, "scale": 1.0}}
    with pytest.raises(PipelineError) as error:
        InterfaceAnalysis(of_another, run, SPACE)
    assert run.input["interface"] in str(error.value)
    assert f"is (12, {SPACE.size}), this run's ensemble and state ask for (11, {SPACE.size})" in str(error.value)
    assert "remove it and start the workflow again" in str(error.value)
    larger = torch.zeros(12, SPACE.size + 1).numpy()
    xr.Dataset({"x": (("member", "state"), larger)}).to_netcdf(run.input["interface"])
    with pytest.raises(PipelineError, match=rf"is \(12, {SPACE.size + 1}\), this run's"):
        InterfaceAnalysis(of_another | {"ensemble": {"members": 12, "scale": 1.0}}, run, SPACE)


def test_anomalies_that_are_not_finite_are_refused(run, anomalies):
    anomalies[4, 7] = torch.nan
    anomalies[9, 0] = torch.inf
    xr.Dataset({"x": (("member", "state"), anomalies.numpy())}).to_netcdf(run.input["interface"])
    with pytest.raises(PipelineError, match=r"interface.nc: 2 anomalies are not finite, the first in member 4"):
        InterfaceAnalysis({"method": MODEL_SPACE, "ensemble": {"members": 12, "scale": 1.0}}, run, SPACE)


def test_a_method_that_needs_members_asks_for_them(run):
    analysis = InterfaceAnalysis({"method": MODEL_SPACE, "ensemble": None}, run, SPACE)
    with pytest.raises(PipelineError, match="give the analysis an ensemble"):
        analysis(background(SPACE), observe(SPACE, background(SPACE, seed=9)))


BLENDED = {"kind": "blended", "file": "b.nc"}
OBSERVER = {"kind": "latent_observer", "network": "o2lnet", "covariance": BLENDED | {"weight": 0.0}}


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "hloba", "covariance": BLENDED | {"weight": 0.5}},
        {"kind": "hloba", "observers": [OBSERVER, OBSERVER | {"covariance": BLENDED | {"weight": 0.5}}]},
        {"kind": "three_d_var", "covariance": {"kind": "hybrid", "static": BLENDED | {"weight": 0.5}}},
    ],
)
def test_a_covariance_of_the_day_without_an_ensemble_is_refused(run, method):
    for without in ({}, {"ensemble": None}):
        with pytest.raises(PipelineError) as error:
            InterfaceAnalysis({"method": method} | without, run, SPACE)
        assert f"analysis with {method['kind']}: a blended covariance has weight 0.5 of the day" in str(error.value)
        assert "set `ensemble` beside `method`, or weight: 0" in str(error.value)


def test_an_ensemble_or_no_weight_is_enough(run, monkeypatch):
    monkeypatch.setattr(interface_analysis.assimilation, "build", lambda *args, **context: "built")
    waiting = {"kind": "hloba", "covariance": BLENDED | {"weight": 0.5}, "observers": OBSERVER}
    with_members = {"method": waiting, "ensemble": {"members": 12, "scale": 1.0}}
    assert InterfaceAnalysis(with_members, run, SPACE).method == "built"
    assert InterfaceAnalysis({"method": waiting | {"covariance": BLENDED}}, run, SPACE).method == "built"


def test_the_climatological_covariance_is_filled_in_wherever_it_is_named():
    climate = {"kind": "nmc", "file": "background.nc"}
    hybrid = {"kind": "hybrid", "alpha": 0.5, "static": {"kind": "climate"}}
    filled = _with_climate({"kind": "three_d_var", "covariance": hybrid, "iterations": 3}, climate)
    assert filled == {"kind": "three_d_var", "covariance": hybrid | {"static": climate}, "iterations": 3}
