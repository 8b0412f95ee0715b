import json

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.networks import load_network, read_model, save_network
from pipeline.networks.coupled_vae import CoupledVAE

OPTIONS = {
    "latent_channels": 3,
    "latent_grid": (4, 8),
    "atmosphere_depths": (1,),
    "atmosphere_widths": (8,),
    "ocean_depths": (1,),
    "ocean_widths": (8,),
    "fusion_width": 16,
}


@pytest.fixture
def space(coupled_space):
    return coupled_space((16, 32), (20, 36))


@pytest.fixture
def saved(space, tmp_path):
    torch.manual_seed(0)
    network = CoupledVAE(space, **OPTIONS)
    network.set_reference(torch.rand(space.size), torch.rand(space.size) + 0.5)
    save_network(tmp_path / "vae", network, {"sst": [-2.0, 31.5]}, {"commit": "abc"})
    return network.eval(), tmp_path / "vae"


def test_what_is_loaded_is_what_was_saved_bit_for_bit(saved, space):
    network, directory = saved
    loaded = load_network(directory, space, kind="coupled_vae", options=OPTIONS)
    assert not loaded.training
    assert loaded.state_dict().keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    x = torch.rand(2, space.size)
    assert torch.equal(network(x)[0], loaded(x)[0])


def test_model_json_says_what_it_is(saved):
    model = read_model(saved[1])
    assert model["kind"] == "coupled_vae"
    assert model["options"]["latent_grid"] == [4, 8]
    assert model["options"]["heads"] == 8
    assert model["space"]["ocean"]["variables"] == ["sst", "ssu", "ssv", "ssh"]
    assert model["normalization"] == {"sst": [-2.0, 31.5]}
    assert model["provenance"] == {"commit": "abc"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"options": {"latent_channels": 5}}, "options.latent_channels = 3, the configuration says 5"),
        ({"options": {"latent_grid": (8, 8)}}, r"options.latent_grid = \[4, 8\], the configuration says \[8, 8\]"),
        ({"kind": "autoencoder"}, 'kind = "coupled_vae", the configuration says "autoencoder"'),
    ],
)
def test_weights_of_another_configuration_are_refused(saved, space, asked, message):
    with pytest.raises(PipelineError, match=message):
        load_network(saved[1], space, **asked)


def test_another_space_is_refused(saved, coupled_space):
    with pytest.raises(PipelineError, match=r"space.ocean.shape = \[20, 36\], the configuration says \[24, 36\]"):
        load_network(saved[1], coupled_space((16, 32), (24, 36)))
    with pytest.raises(PipelineError, match=r"space.ocean.mask = "):
        load_network(saved[1], coupled_space((16, 32), (20, 36), land=False))


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_missing_file_is_named(saved, space, name):
    (saved[1] / name).unlink()
    with pytest.raises(PipelineError, match=f"{name}: not found"):
        load_network(saved[1], space)


def test_a_truncated_file_is_named(saved, space):
    path = saved[1] / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PipelineError, match=r"weights.safetensors: \d+ bytes that are not those"):
        load_network(saved[1], space)
    (saved[1] / "model.json").write_text('{"kind": ')
    with pytest.raises(PipelineError, match=r"model.json: cannot be read"):
        load_network(saved[1], space)


def test_a_foreign_json_and_an_unknown_kind_are_refused(saved, space):
    path = saved[1] / "model.json"
    model = json.loads(path.read_text())
    path.write_text(json.dumps(model | {"kind": "coupled_vea"}))
    with pytest.raises(PipelineError, match="did you mean 'coupled_vae'"):
        load_network(saved[1], space)
    path.write_text(json.dumps({"kind": "coupled_vae"}))
    with pytest.raises(PipelineError, match="no key 'options'"):
        load_network(saved[1], space)
