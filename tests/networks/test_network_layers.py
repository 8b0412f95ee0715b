import numpy as np
import pytest
import torch

from pipeline.networks._attention import sine_cosine
from pipeline.networks._layers import Convolution, depth_to_space, space_to_depth
from pipeline.networks._regrid import LatentGrid, Padding, interpolation


def test_depth_to_space_undoes_space_to_depth():
    x = torch.randn(2, 6, 12, 5)
    assert torch.equal(depth_to_space(space_to_depth(x, (3, 2)), (3, 2)), x)
    assert space_to_depth(x, (3, 2))[0, 1, 4, 7] == x[0, 3, 9, 2]


def test_convolution_is_periodic_in_longitude_and_closed_at_the_poles():
    layer = Convolution(1, 1, 3)
    with torch.no_grad():
        layer.convolution.weight.fill_(1.0)
        layer.convolution.bias.zero_()
        x = torch.zeros(1, 4, 6, 1)
        x[0, 0, 0, 0] = 1.0
        y = layer(x)[0, :, :, 0]
    expected = torch.zeros(4, 6)
    expected[:2, [5, 0, 1]] = 1.0
    assert torch.equal(y, expected)


def test_interpolation_is_exact_for_linear_functions_and_periodic_in_longitude():
    source, target = np.linspace(-70, 70, 8), np.array([-70.0, -3.3, 12.0, 69.0])
    matrix = interpolation(source, target).double().numpy()
    np.testing.assert_allclose(matrix @ source, target, atol=1e-4)
    np.testing.assert_allclose(interpolation(source, np.array([-90.0, 90.0])) @ torch.arange(8.0), [0.0, 7.0])
    lon = np.arange(8) * 45.0
    around = interpolation(lon, np.array([337.5, -22.5, 405.0]), period=360.0).numpy()
    np.testing.assert_allclose(around[0], [0.5, 0, 0, 0, 0, 0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(around[0], around[1])
    np.testing.assert_allclose(around[2], np.eye(8)[1], atol=1e-6)


def test_interpolation_is_left_out_where_the_points_agree():
    lon = np.arange(8) * 45.0
    assert interpolation(lon, lon + 1.0, period=360.0) is None
    assert interpolation(lon + 359.0, lon, period=360.0) is None
    assert interpolation(lon, lon + 22.5, period=360.0) is not None


@pytest.mark.parametrize("multiple", [1, 4, 7])
def test_padding_is_undone_by_the_crop(coupled_space, multiple):
    grid = coupled_space((19, 37), (23, 41))["ocean"].grid
    padding = Padding(grid, multiple)
    x = torch.randn(2, 23, 41, 3)
    y = padding(x)
    assert y.shape[1] % multiple == y.shape[2] % multiple == 0
    assert y.shape[1:3] == (len(padding.lat), len(padding.lon))
    assert torch.equal(padding.crop(y), x)
    assert torch.equal(y[:, padding.south : padding.south + 23, 41:], x[:, :, : padding.east])
    assert np.allclose(np.diff(padding.lat), np.diff(grid.lat)[0])
    assert np.allclose(np.diff(padding.lon), np.diff(grid.lon)[0])


def test_latent_grid_covers_both_components(coupled_space):
    latent = LatentGrid.of(coupled_space((16, 32), (20, 36)), (4, 8))
    lat, lon = latent.refined((2, 1))
    np.testing.assert_allclose(lat, [-78.75, -56.25, -33.75, -11.25, 11.25, 33.75, 56.25, 78.75])
    np.testing.assert_allclose(lon, -360 / 64 + (np.arange(8) + 0.5) * 45)


def test_sine_cosine_positions_are_distinct_and_periodic():
    table = sine_cosine((4, 8), 16).unflatten(0, (4, 8))
    gaps = torch.cdist(table.flatten(0, 1), table.flatten(0, 1)) + torch.eye(32) * 9
    assert gaps.min() > 0.1
    steps = (table.roll(-1, 1) - table).norm(dim=-1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
