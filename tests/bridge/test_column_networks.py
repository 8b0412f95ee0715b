"""A network as a callback: the same numbers as PyTorch, whatever the layout, the type and the block."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.bridge.networks import Columns, NetworkCallback, columns_of, load
from pipeline.errors import PipelineError

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch sees")


@pytest.fixture(params=[torch.float64, torch.float32], ids=["real64", "real32"])
def network(request):
    return perceptron(request.param)


def perceptron(dtype=torch.float64, inputs=8, outputs=8):
    torch.manual_seed(1)
    layers = [nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs)]
    return nn.Sequential(*layers).to(dtype).eval()


def field(*shape, dtype=np.float64):
    return np.asfortranarray(np.random.default_rng(2).standard_normal(shape), dtype=dtype)


@torch.inference_mode()
def expected(network, columns):
    """PyTorch on a contiguous copy, (n, features)."""
    dtype = next(network.parameters()).dtype
    return network(torch.as_tensor(np.ascontiguousarray(columns)).to(dtype)).numpy()


@pytest.mark.parametrize("kind", [np.float64, np.float32], ids=["double", "single"])
@pytest.mark.parametrize("block", [None, 16, 7])
def test_columns_of_either_kind_and_any_block(network, kind, block):
    x, y = field(8, 50, dtype=kind), field(8, 50, dtype=kind)
    NetworkCallback(network, block=block)(x, y)
    single = kind == np.float32 or network[0].weight.dtype == torch.float32
    np.testing.assert_allclose(y.T, expected(network, x.T), rtol=0, atol=5e-7 if single else 1e-14)


def test_one_array_is_worked_on_in_place(network):
    x = field(8, 5, 6)
    wanted = expected(network, x.reshape((8, 30), order="F").T)
    NetworkCallback(network, block=4)(x)
    np.testing.assert_allclose(x.reshape((8, 30), order="F").T, wanted, rtol=0, atol=5e-7)


def test_several_arrays_with_levels_last_and_a_surface_field():
    """t(nlon, nlat, nlev), q(nlon, nlat, nlev), ps(nlon, nlat) -> two tendencies."""
    network = perceptron(inputs=7, outputs=6)
    t, q, ps, dt, dq = field(4, 5, 3), field(4, 5, 3) + 1.0, field(4, 5), field(4, 5, 3), field(4, 5, 3)
    NetworkCallback(network, inputs=3, outputs=2, features="last", block=6)(t, q, ps, dt, dq)
    together = np.concatenate([t, q, ps[..., None]], axis=-1).reshape(20, 7)
    np.testing.assert_allclose(
        np.concatenate([dt, dq], axis=-1).reshape(20, 6), expected(network, together), atol=1e-14
    )


def test_inputs_that_fortran_protects_are_read_in_place_without_a_warning(recwarn):
    network, x, y = perceptron(), field(8, 3), field(8, 3)
    x.flags.writeable = False
    NetworkCallback(network)(x, y)
    assert columns_of([x], "first")[0].base is x
    assert not recwarn.list


@pytest.mark.parametrize("features", ["first", "last", "none"])
def test_views_are_not_copies(features):
    x = field(3, 4, 5)
    assert np.shares_memory(columns_of([x], features)[0], x)


def test_reproducible_columns_do_not_depend_on_the_others(network):
    """Each column alone, in odd groups and all at once: the same bits."""
    x = field(8, 130)
    callback, results = NetworkCallback(network, block=64, reproducible=True), []
    for group in (1, 2, 3, 64, 77, 130):
        y = np.zeros_like(x)
        for begin in range(0, 130, group):
            callback(x[:, begin : begin + group], y[:, begin : begin + group])
        results.append(y)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_no_columns_are_no_error(network):
    NetworkCallback(network)(np.zeros((8, 0), order="F"), np.zeros((8, 0), order="F"))


def test_from_fortran(toy):
    """The toy model's callback is given its array in place."""
    x = np.linspace(-1, 1, 8)
    network = perceptron(inputs=1, outputs=1)
    wanted = expected(network, x[:, None])[:, 0]
    toy.register("analysis", NetworkCallback(network, features="none"))
    toy.tool_call(x, 1)
    np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("options", "arrays", "message"),
    [
        ({"inputs": 2}, [field(8, 3)], "expected 2 inputs and 1 outputs, Fortran passed 1 arrays"),
        ({}, [field(8, 3), field(8, 4)], "(8, 3), (8, 4) hold different numbers of columns"),
        ({}, [field(8, 3), field(6, 3)], "(3, 8) came out for 3 columns, the output arrays hold (3, 6)"),
    ],
)
def test_what_does_not_fit_is_refused(options, arrays, message):
    with pytest.raises(PipelineError) as caught:
        NetworkCallback(perceptron(), **options)(*arrays)
    assert message in str(caught.value)


def save(network, path):
    """A network's file, in the format of the suffix."""
    with pytest.warns() if path.suffix == ".ts" else _nothing():
        if path.suffix == ".ts":
            torch.jit.save(torch.jit.script(network), path)
        else:
            batch = torch.export.Dim("batch", min=1)
            example = torch.zeros(5, 8, dtype=next(network.parameters()).dtype)
            torch.export.save(torch.export.export(network, (example,), dynamic_shapes=({0: batch},)), path)
    return path


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.mark.parametrize("suffix", [".ts", ".pt2"])
def test_a_file_gives_the_same_bits_and_is_loaded_once(tmp_path, suffix):
    network, x, y = perceptron(), field(8, 40), field(8, 40)
    path = save(network, tmp_path / f"network{suffix}")
    NetworkCallback(path)(x, y)
    assert np.array_equal(y.T, expected(network, x.T))
    assert load(path) is load(str(path))
    assert load(path, dtype=torch.float32) is not load(path)

    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    assert load(copy) is load(path), "the same content is the same network"
    with torch.no_grad():
        network[0].weight += 1.0
    assert load(save(network, path)) is not load(copy), "another content is another network"


def test_files_that_are_no_networks_are_refused(tmp_path):
    torch.save(perceptron(), tmp_path / "pickled.pt")
    (tmp_path / "text.pt").write_text("weights")
    for name, message in {
        "pickled.pt": "a pickled module or weights alone",
        "text.pt": "not an archive of PyTorch",
        "none.pt": "No such file",
    }.items():
        with pytest.raises(PipelineError, match=message):
            load(tmp_path / name)


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(PipelineError, match=f"device '{device}'"):
        load(perceptron(), device)


@NEEDS_CUDA
def test_on_a_gpu_as_on_the_processor(network):
    x, y, z = field(8, 5000), field(8, 5000), field(8, 5000)
    NetworkCallback(network, device="cpu")(x, y)
    callback = NetworkCallback(network, device="cuda", block=512)
    callback(x, z)
    assert callback._engine.device.type == "cuda"
    np.testing.assert_allclose(z, y, rtol=0, atol=1e-5 if network[0].weight.dtype == torch.float32 else 1e-12)


def test_the_bridge_alone_does_not_load_pytorch():
    code = "import sys, pipeline.bridge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_buffers_are_made_once():
    columns = Columns(perceptron(torch.float32), block=16)
    x, y = field(8, 100), field(8, 100)
    for _ in range(3):
        columns.run([x.T], [y.T])
    assert {key: buffer.shape for key, buffer in columns._stages.items()} == {("in", 8): (16, 8)}
