"""The stage after the autoencoder's, and an analysis with the files it leaves."""

import numpy as np
import pytest
import torch
import xarray as xr

from pipeline.assimilation import build
from pipeline.errors import PipelineError
from pipeline.networks import save_network
from pipeline.networks.convolutional_autoencoder import ConvolutionalAutoencoder
from pipeline.normalization import Normalization
from pipeline.observations import Observations
from pipeline.observations.networks import inclusion
from pipeline.observations.operators import Interpolation
from pipeline.spaces import Component, Grid, Space
from pipeline.training.o2lnet import observing_system, train_o2lnet

BOUNDS = np.linspace(-90.0, 90.0, 9)
GRID = Grid(0.5 * (BOUNDS[1:] + BOUNDS[:-1]), np.arange(16) * 22.5, BOUNDS)
SPACE = Space((Component("atmosphere", GRID, ("ps", "ta")),))
NORMALIZATION = Normalization(SPACE, {"ps": (9e4, 1.1e5), "ta": (220.0, 320.0)}, ("", ""), {})
TRAINING = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "gpus": 0, "beta": 0.0}
OBSERVER = {
    "network": {"kind": "o2lnet", "width": 8, "strides": 4, "depth": 1, "heads": 2, "windows": []},
    "training": TRAINING,
    "lowest_quality": 0.5,
}
RANDOM = {"error": 100.0, "network": {"kind": "random", "density": 0.2}, "gaps": 0.1, "withheld": 0.5}


def test_what_the_stage_writes_makes_an_analysis(tmp_path):
    torch.manual_seed(0)
    autoencoder = ConvolutionalAutoencoder(SPACE, 2, (2, 4), (1,), (8,)).eval()
    save_network(tmp_path / "vae", autoencoder, NORMALIZATION.description())
    states = 0.3 * torch.randn(24, SPACE.size)
    folder, errors = tmp_path / "o2lnet", tmp_path / "observation.nc"
    files = (folder, errors, tmp_path / "checkpoints")
    train_o2lnet(states, states[:8], autoencoder, NORMALIZATION, OBSERVER, {"ps": RANDOM}, 1, *files)
    assert sorted(p.name for p in folder.iterdir()) == ["history.csv", "model.json", "weights.safetensors"]
    variance = xr.load_dataset(errors)["variance"]
    assert variance.shape == (16,)
    assert bool((variance > 0).all())
    xr.Dataset({"variance": variance}).to_netcdf(tmp_path / "background.nc")
    method = build(
        {
            "kind": "hloba",
            "transform": {"kind": "autoencoder", "network": str(tmp_path / "vae")},
            "covariance": {"kind": "blended", "file": str(tmp_path / "background.nc")},
            "observers": {
                "kind": "latent_observer",
                "network": str(folder),
                "covariance": {"kind": "blended", "file": str(errors), "centred": False},
            },
        },
        space=SPACE,
        operator=Interpolation,
        nominal={"ps": 100.0},
    )
    row = ([0.0, 0.0], ["ps", "ps"], [11.25, -40.0], [45.0, 100.0], [9.9e4, 1.01e5], [100.0, 100.0], [0, 0])
    found = method.analysis(NORMALIZATION.denormalize(states[0]), Observations(*(np.array(a) for a in row)))
    assert bool(torch.isfinite(found.state).all())
    assert bool((found.deviation > 0).all())
    assert found.statistics["ps"]["count"] == 2


def test_coverage_is_the_share_of_stations_that_report():
    """That hold a station, by area: one in a polar cell is a quarter as likely as at the equator."""
    coverage, error = observing_system(SPACE, {"ps": RANDOM})
    expected = torch.from_numpy(inclusion(GRID, 0.2)) * 0.9 * 0.5
    torch.testing.assert_close(coverage[SPACE.index("ps")].reshape(GRID.shape), expected.float())
    assert float(coverage.sum()) == pytest.approx(26 * 0.9 * 0.5, rel=1e-5)  # 26 stations in 128 cells
    assert float(coverage[0] / coverage[4 * 16]) == pytest.approx(0.228, abs=0.001)
    assert not coverage[SPACE.index("ta")].any()
    assert bool((error[SPACE.index("ps")] == 100.0).all())
    with pytest.raises(PipelineError, match="networks of kind random alone"):
        observing_system(SPACE, {"ps": {**RANDOM, "network": {"kind": "regular", "spacing": 5.0}}})
