"""What training minimises: an objective maps a batch to named scalars, of which `loss` is descended.

An objective is a module, `objective(batch) -> dict`, that holds its `network`; every entry is a mean over the batch.
`fit` averages the entries over an epoch and writes them into the history, those named `mse_...` as root, `rmse_...`.
"""

from __future__ import annotations

import torch
from torch import nn

from pipeline.networks.base import Autoencoder


def kl_divergence(mu: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) = 1/2 sum (mu^2 + sigma^2 - 1 - log sigma^2), over the last axis [nats]."""
    return 0.5 * (mu.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1)


class AutoencoderObjective(nn.Module):
    """Reconstruction and the divergence of the latent distribution.

        MSE_v = sum_i w_i ((x'_i - x_i) / scale_v)^2,   w_i: area weights of the unmasked points, sum 1
        reconstruction = mean_v MSE_v
        loss = mean_v [MSE_v exp(-s_v) + s_v] + beta KL

    s = 0 unless `learned_variance`, where s_v, the log-variance of variable v's error, is learned with the weights.
    `scale` is the network's: the error counts in the spread of the variable's anomalies. KL is in nats per state, so
    that beta = 2 sigma_x^2 / n would be the evidence bound of a decoder with error sigma_x; P1 has 1e-6.

    Args:
        network: a variational or deterministic autoencoder whose forward gives (x', mu, log-variance).
        beta: factor of the divergence; without effect on a deterministic network.
        learned_variance: learn s.
    """

    def __init__(self, network: Autoencoder, beta: float = 1e-6, learned_variance: bool = False) -> None:
        super().__init__()
        self.network = network
        space = network.space
        self.names = [name for component in space.components for name in component.variables]
        self.slices = [space.index(name) for name in self.names]
        self.beta = beta if getattr(network, "variational", True) else 0.0
        self.register_buffer("weights", space.weights.float(), persistent=False)
        self.log_variance = nn.Parameter(torch.zeros(len(self.names)), requires_grad=learned_variance)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        reconstruction, mu, log_variance = self.network(x)
        squares = self.weights * (reconstruction - x).square()
        scaled = squares / self.network.scale.square()
        mse = torch.stack([scaled[..., i].sum(dim=-1).mean() for i in self.slices])
        divergence = kl_divergence(mu, log_variance).mean() if self.beta else mu.new_zeros(())
        s = self.log_variance
        terms = {
            "loss": (mse * torch.exp(-s) + s).mean() + self.beta * divergence,
            "reconstruction": mse.mean(),
            "kl": divergence,
        }
        for name, i in zip(self.names, self.slices, strict=True):
            terms[f"mse_{name}"] = squares[..., i].sum(dim=-1).mean()
        return terms
