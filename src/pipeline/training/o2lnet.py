"""The stage after the autoencoder's: an observation-to-latent network learns E(x) from observations of x (HLOBA).

    loss = mean(W [O(Hx + eps(m), m) - E(x)]^2 / var(E)),    E frozen

Each batch draws who reports and how well: cell i with probability p_i, quality m in [lowest, 1], error nominal / m. W
is the mask averaged over variables, taken to the latent grid, smoothed by a Gaussian and raised by a floor, mean 1:
where nothing is observed there is little to learn, but the network shall not forget the climate there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn

from pipeline import registry
from pipeline.errors import PipelineError
from pipeline.files import atomic
from pipeline.networks import save_network
from pipeline.networks.base import Autoencoder
from pipeline.networks.o2lnet import O2lnet
from pipeline.normalization import Normalization
from pipeline.observations.networks import inclusion
from pipeline.provenance import digest, provenance
from pipeline.spaces import Space
from pipeline.training.autoencoder import settings
from pipeline.training.fit import FitResult, fit


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


def train_o2lnet(
    train: Sequence[torch.Tensor],
    validation: Sequence[torch.Tensor],
    autoencoder: Autoencoder,
    normalization: Normalization,
    observer: dict[str, Any],
    observations: Mapping[str, Mapping[str, Any]],
    seed: int,
    folder: Path,
    errors: Path,
    checkpoints: Path,
) -> FitResult:
    """The stage: normalized states in, weights, history and R out.

    Args:
        train, validation: normalized states (n,).
        autoencoder: E, trained on the same states.
        observer: the `observer` section.
        observations: the `observations` section: variable -> error, network, gaps, withheld.
        folder: takes `weights.safetensors`, `model.json` and `history.csv`.
        errors: takes the climatological R.
        checkpoints: where an interrupted training goes on.
    """
    space = autoencoder.space
    torch.manual_seed(seed)
    options = {"latent_shape": list(autoencoder.latent_shape), **observer["network"]}
    network = registry.build("networks", options.pop("kind"), space=space, **options)
    coverage, error = observing_system(space, observations)
    with torch.no_grad():
        sample = torch.stack([train[k] for k in range(0, len(train), max(1, len(train) // 500))])
        variance = torch.cat([autoencoder.encode(x)[0] for x in sample.split(32)]).var(0)
    scaled = (error / normalization.half_range).float()
    lowest = observer["lowest_quality"]
    objective = ObservationObjective(network, autoencoder, coverage, scaled, variance, lowest)
    specification = {"observer": observer, "observations": dict(observations), "seed": seed}
    training = settings(observer["training"], seed)
    context = {"specification": digest(specification)}
    result = fit(objective, train, validation, training, checkpoints, folder / "history.csv", context=context)
    save_network(folder, network, normalization.description(), provenance(specification, seed=seed))
    states = torch.stack([validation[k] for k in range(len(validation))])
    torch.manual_seed(seed)
    write_errors(errors, network, autoencoder, states, coverage, scaled)
    return result


def observing_system(space: Space, observations: Mapping[str, Mapping[str, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Probability that an element reports and the error of its reports, physical units, both (n,).

    Over all networks of random stations a cell holds one with a probability that grows with its area; the O2Lnet learns
    every such network at once.
    """
    coverage, error = torch.zeros(space.size), torch.ones(space.size, dtype=torch.float64)
    for name, system in observations.items():
        network, where = system["network"], space.index(name)
        if network["kind"] != "random":
            raise PipelineError(f"observations.{name}: an o2lnet is trained for networks of kind random alone")
        grid = next(c.grid for c in space.components if name in c.variables)
        held = torch.from_numpy(inclusion(grid, network["density"]).ravel())
        coverage[where] = (held * (1 - system["gaps"]) * (1 - system["withheld"])).float()
        error[where] = system["error"]
    return coverage, error


@torch.no_grad()
def write_errors(
    path: Path,
    network: O2lnet,
    autoencoder: Autoencoder,
    states: torch.Tensor,
    coverage: torch.Tensor,
    error: torch.Tensor,
) -> None:
    """R_c, the mean of e^2 with e = O(Hx + eps, m) - E(x), at nominal errors, over normalized states (N, n)."""
    total = torch.zeros(network.latent_size, dtype=torch.float64)
    for x in states.split(32):
        y, m = observe(x, coverage, error)
        total += (network(y, m) - autoencoder.encode(x)[0]).double().square().sum(0)
    with atomic(path) as partial:
        data = {"variance": ("latent", (total / len(states)).numpy(), {"long_name": "mean square error of z_o"})}
        xr.Dataset(data, attrs={"samples": len(states)}).to_netcdf(partial, engine="netcdf4")
