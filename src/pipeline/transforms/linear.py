"""Empirical orthogonal functions as a transform: the linear, whitening relative of the autoencoder.

    W^1/2 (x_k - xbar) / sqrt(N - 1) = P S Q^T      z = S^-1 Q^T W^1/2 (x - xbar)      x = xbar + W^-1/2 Q S z

The samples' z have unit covariance: B = I in latent space is the samples' (truncated) covariance in model space.
"""

from __future__ import annotations

from pathlib import Path

import torch
import xarray as xr

from pipeline.errors import PipelineError
from pipeline.netcdf import read
from pipeline.transforms.base import Transform


class Linear(Transform):
    """x = mean + decoder z, z = encoder (x - mean).

    Args:
        file: NetCDF file, or dataset, as `fit` makes it.
        rank: number of leading modes; all by default.
    """

    mean: torch.Tensor
    encoder: torch.Tensor
    decoder: torch.Tensor

    def __init__(self, file: str | Path | xr.Dataset, rank: int | None = None) -> None:
        super().__init__()
        dataset = read(file, "mean", "encoder", "decoder")
        modes = dataset.sizes["mode"]
        if rank is not None and not 1 <= rank <= modes:
            raise PipelineError(f"transforms/linear: rank {rank} is outside 1..{modes}, the modes in the file")
        for name in ("mean", "encoder", "decoder"):
            values = dataset[name].values if name == "mean" else dataset[name].values[:rank]
            self.register_buffer(name, torch.as_tensor(values.copy()))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) @ self.encoder.T

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.mean + z @ self.decoder


def fit(states: torch.Tensor, rank: int | None = None, weights: torch.Tensor | None = None) -> xr.Dataset:
    """Leading modes of a sample of states.

    Args:
        states: (N, n), N >= 2.
        rank: modes kept; by default all whose singular value exceeds 1e-10 of the first.
        weights: (n,) >= 0, such as area over variance; elements of weight 0 (land) keep their mean.
    """
    if len(states) < 2:
        raise PipelineError(f"transforms/linear: {len(states)} states are too few; modes need two at least")
    states = states.double()
    root = torch.ones_like(states[0]) if weights is None else weights.double().sqrt()
    mean = states.mean(0)
    _, s, q = torch.linalg.svd((states - mean) * root / (len(states) - 1) ** 0.5, full_matrices=False)
    kept = int((s > 1e-10 * s[0]).sum())
    kept = kept if rank is None else min(rank, kept)
    s, q = s[:kept, None], q[:kept]
    decoder = torch.where(root > 0, s * q / root, 0.0)
    return xr.Dataset(
        {
            "mean": ("state", mean.numpy()),
            "encoder": (("mode", "state"), (q * root / s).numpy()),
            "decoder": (("mode", "state"), decoder.numpy()),
        },
        attrs={"samples": len(states)},
    )
