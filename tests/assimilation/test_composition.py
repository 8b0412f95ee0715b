"""A method from plain configuration, as it stands in YAML."""

import pytest
import torch
import xarray as xr
import yaml
from stand_ins import background, observe, per_element, small_space

from pipeline import registry
from pipeline.assimilation import build
from pipeline.covariances import Differences
from pipeline.errors import PipelineError
from pipeline.observations.operators import Interpolation
from pipeline.transforms.linear import fit

SPACE = small_space()
CONTEXT = {"space": SPACE, "operator": Interpolation, "normalization": None}

CONFIGURATION = """
kind: three_d_var
transform: {kind: linear, file: FOLDER/eof.nc, rank: 20}
covariance:
  kind: hybrid
  alpha: 0.3
  static: {kind: nmc, file: FOLDER/background.nc, rank: 4, inflation: 1.5}
  ensemble: {kind: ensemble, inflation: 1.1}
update: replace
coefficient: 0.6
learning_rate: 0.1
iterations: 40
"""


@pytest.fixture
def configuration(tmp_path):
    states = background(SPACE, (40,), seed=3)
    fit(states, 20, SPACE.mask / per_element(SPACE, {"ps": 9e4, "ta": 4.0, "sst": 1.0, "ssh": 0.01})).to_netcdf(
        tmp_path / "eof.nc"
    )
    differences = Differences(6)
    differences.update(torch.randn(50, 20, generator=torch.Generator().manual_seed(0)))
    differences.dataset().to_netcdf(tmp_path / "background.nc")
    return yaml.safe_load(CONFIGURATION.replace("FOLDER", str(tmp_path)))


def test_configuration_alone_builds_a_method_that_runs(configuration):
    method = build(configuration, **CONTEXT)
    assert (method.coefficient, method.update, method.minimize.learning_rate) == (0.6, "replace", 0.1)
    members = background(SPACE, (5,), seed=4)
    found = method.analysis(members[0], observe(SPACE, members[1]), ensemble=members)
    j = found.history["background"] + found.history["observation"]
    assert j.min() < 0.9 * j[0]
    assert found.latent_increment.shape == (20,)


def test_defaults_fill_what_is_not_said(configuration):
    defaults = {name: configuration.pop(name) for name in ("transform", "covariance")}
    assert build(configuration, defaults, **CONTEXT).transform.decoder.shape[0] == 20
    other = build({**configuration, "transform": {"kind": "identity"}}, defaults, **CONTEXT)
    assert type(other.transform).__module__.endswith("identity")


def test_components_can_be_objects():
    identity = registry.build("transforms", "identity")
    unit = registry.build("covariances", "identity", standard_deviation=2.0)
    method = build({"kind": "three_d_var", "transform": identity, "covariance": unit}, **CONTEXT)
    assert method.transform is identity


def test_space_reaches_whoever_asks():
    deviations = {"ps": 200.0, "ta": 1.0, "sst": 0.5, "ssh": 0.1}
    covariance = {"kind": "diagonal", "standard_deviation": deviations}
    method = build(
        {"kind": "three_d_var", "transform": {"kind": "identity"}, "covariance": covariance, "components": ["ocean"]},
        **CONTEXT,
    )
    assert float(method.covariance.variance[SPACE.index("sst")].max()) == 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "three_d_vra"}, "did you mean 'three_d_var'"),
        (
            {"transform": {"file": "eof.nc"}},
            "transforms: .* has no kind; choose one of autoencoder, balance",
        ),
        ({"covariance": {"kind": "nmc", "fiel": "x"}}, "did you mean 'file'"),
        ({"itrations": 3}, "did you mean 'iterations'"),
        ({"covariance": {"kind": "nmc", "file": "nowhere.nc"}}, "nowhere.nc: no such file"),
    ],
)
def test_mistakes_are_named(configuration, change, message):
    with pytest.raises(PipelineError, match=message):
        build({**configuration, **change}, **CONTEXT)


def test_a_missing_component_is_named():
    with pytest.raises(PipelineError, match="missing option transform, covariance"):
        build({"kind": "three_d_var"}, **CONTEXT)


def test_file_of_members(tmp_path):
    members = background(SPACE, (6,), seed=4)
    xr.Dataset({"z": (("member", "latent"), members.numpy())}).to_netcdf(tmp_path / "members.nc")
    covariance = {"kind": "ensemble", "file": str(tmp_path / "members.nc")}
    method = build({"kind": "three_d_var", "transform": {"kind": "identity"}, "covariance": covariance}, **CONTEXT)
    found = method.analysis(members[0], observe(SPACE, members[1]))
    rank = torch.linalg.matrix_rank(torch.cat([members - members.mean(0), found.increment[None]]))
    assert int(rank) == 5  # the increment adds no direction to the five of the ensemble


PARTS = """
kind: three_d_var
transform: {kind: by_component, parts: {ocean: {kind: identity}}}
covariance:
  kind: by_component
  parts:
    atmosphere: {kind: diagonal, standard_deviation: {ps: 300.0, ta: 2.0}}
    ocean: {kind: diagonal, standard_deviation: {sst: 1.0, ssh: 0.1}}
minimizer: lbfgs
"""


def test_each_component_may_have_a_covariance_of_its_own():
    """The same analysis as of one covariance for both; each part is told of its component alone."""
    method = build(yaml.safe_load(PARTS), **CONTEXT)
    whole = yaml.safe_load(PARTS)
    deviation = {v: d for part in whole["covariance"]["parts"].values() for v, d in part["standard_deviation"].items()}
    whole |= {"transform": {"kind": "identity"}, "covariance": {"kind": "diagonal", "standard_deviation": deviation}}
    x, truth = background(SPACE, (2,), seed=4).double()
    found, wanted = (m.analysis(x, observe(SPACE, truth)).increment for m in (method, build(whole, **CONTEXT)))
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
    assert all(bool(found[SPACE.slice_of(name)].any()) for name in SPACE.names)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"ocean": {"kind": "identity"}}, "parts for ocean, the state has atmosphere, ocean"),
        ({"ocean": {"kind": "identity"}, "ice": {"kind": "identity"}}, "parts for ocean, ice, the state has"),
        ({"ocean": {"kind": "diagonal", "standard_deviation": {"ps": 1.0}}}, "sst"),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, message):
    configuration = yaml.safe_load(PARTS)
    configuration["covariance"]["parts"] = parts
    with pytest.raises(PipelineError, match=message):
        build(configuration, **CONTEXT)


def test_parts_of_another_size_are_refused(tmp_path):
    configuration = yaml.safe_load(PARTS)
    ocean = SPACE["ocean"].size
    configuration["covariance"]["parts"]["ocean"] = {"kind": "diagonal", "standard_deviation": [1.0] * (ocean - 1)}
    with pytest.raises(PipelineError, match=f"that of ocean is for {ocean - 1} elements, the component has {ocean}"):
        build(configuration, **CONTEXT)
    states = background(SPACE, (9,), seed=3)
    fit(states[:, SPACE.slice_of("ocean")], 5).to_netcdf(tmp_path / "eof.nc")
    configuration = yaml.safe_load(PARTS)
    configuration["transform"]["parts"]["ocean"] = {"kind": "linear", "file": str(tmp_path / "eof.nc")}
    with pytest.raises(PipelineError, match=r"become \[\d+, 5\]; choose transforms that keep the size"):
        build(configuration, **CONTEXT).analysis(states[0].double(), observe(SPACE, states[1]))


def test_a_transform_of_an_unknown_component_is_refused():
    configuration = yaml.safe_load(PARTS)
    configuration["transform"]["parts"] = {"ice": {"kind": "identity"}}
    with pytest.raises(PipelineError, match="no component 'ice'; choose from atmosphere, ocean"):
        build(configuration, **CONTEXT)
