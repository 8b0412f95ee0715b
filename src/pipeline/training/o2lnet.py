"""The stage after the autoencoder's: an observation-to-latent network learns E(x) from observations of x (HLOBA).

    loss = mean(W [O(Hx + eps(m), m) - E(x)]^2 / var(E)),    E frozen

Each batch draws who reports and how well: cell i with probability p_i, quality m in [lowest, 1], error nominal / m. W
is the mask averaged over variables, taken to the latent grid, smoothed by a Gaussian and raised by a floor, mean 1:
where nothing is observed there is little to learn, but the network shall not forget the climate there.
"""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.networks.base import Autoencoder
from pipeline.networks.o2lnet import O2lnet


class ObservationObjective(nn.Module):
    """Loss of an `O2lnet` against a trained autoencoder.

    Args:
        network: O, whose reference becomes the autoencoder's.
        autoencoder: E.
        coverage: p, probability that an element is observed, (n,).
        error: nominal standard deviation of the observation error in normalized units, (n,).
        latent_variance: var(E(x)) per element over the training data, (m,).
        lowest_quality: smallest m drawn; 1 for observations that are all as good as nominal.
        smoothing: width of the Gaussian in latent cells; 0 weighs all cells alike.
        floor: added to the smoothed mask (largest 1) before it is brought to mean 1.
    """

    def __init__(
        self,
        network: O2lnet,
        autoencoder: Autoencoder,
        coverage: torch.Tensor,
        error: torch.Tensor,
        latent_variance: torch.Tensor,
        lowest_quality: float = 0.3,
        smoothing: float = 1.0,
        floor: float = 0.3,
    ) -> None:
        super().__init__()
        if network.latent_shape != tuple(autoencoder.latent_shape):
            found, wanted = network.latent_shape, tuple(autoencoder.latent_shape)
            raise PipelineError(f"o2lnet: latent_shape {found} is not the autoencoder's {wanted}; set it so")
        if not 0 < lowest_quality <= 1:
            raise PipelineError(f"o2lnet: lowest_quality {lowest_quality} is outside (0, 1]")
        network.set_reference(autoencoder.reference, autoencoder.scale)
        self.network, self.autoencoder = network, autoencoder.eval().requires_grad_(False)
        self.lowest_quality, self.smoothing, self.floor = lowest_quality, smoothing, floor
        for name, value in {"coverage": coverage, "error": error, "latent_variance": latent_variance}.items():
            self.register_buffer(name, value.float(), persistent=False)

    def train(self, mode: bool = True) -> ObservationObjective:
        """The autoencoder stays as it is."""
        super().train(mode)
        self.autoencoder.eval()
        return self

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y, m = observe(x, self.coverage, self.error, self.lowest_quality)
        with torch.no_grad():
            z = self.autoencoder.encode(x)[0]
        squares = (self.network(y, m) - z).square() / self.latent_variance
        weighted = (self.weight(m) * squares).mean()
        return {"loss": weighted, "reconstruction": squares.mean()}

    def weight(self, m: torch.Tensor) -> torch.Tensor:
        """W (batch, m latents) of masks (batch, n)."""
        fields = self.network.space.split((m > 0).to(m))
        channels, *grid = self.network.latent_shape
        seen = [nn.functional.adaptive_avg_pool2d(f.mean(1, keepdim=True), grid) for f in fields.values()]
        w = smoothed(sum(seen), self.smoothing) if self.smoothing else torch.ones_like(seen[0])
        w = w / w.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6) + self.floor
        w = w / w.mean(dim=(1, 2, 3), keepdim=True)
        return w.expand(-1, channels, -1, -1).flatten(1)


def observe(
    x: torch.Tensor, coverage: torch.Tensor, error: torch.Tensor, lowest_quality: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw y and m of states (batch, n): H picks elements, eps ~ N(0, (error / m)^2)."""
    seen = torch.rand_like(x) < coverage
    quality = lowest_quality + (1 - lowest_quality) * torch.rand_like(x)
    m = torch.where(seen, quality, 0.0)
    return torch.where(seen, x + error / quality * torch.randn_like(x), 0.0), m


def smoothed(fields: torch.Tensor, width: float) -> torch.Tensor:
    """Fields (batch, 1, y, x) by a Gaussian of `width` cells, longitude periodic, latitude reflected."""
    reach = min(int(3 * width + 0.5), min(fields.shape[-2:]) - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).to(fields) / width) ** 2)
    kernel = kernel / kernel.sum()
    padded = nn.functional.pad(fields, (reach, reach, 0, 0), mode="circular")
    along = nn.functional.conv2d(padded, kernel[None, None, None])
    padded = nn.functional.pad(along, (0, 0, reach, reach), mode="reflect")
    return nn.functional.conv2d(padded, kernel[None, None, :, None])
