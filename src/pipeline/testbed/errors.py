"""Error statistics of a testbed: B in latent and in model space, R in latent space.

    B: mean of d d^T, d = E(x_48h) - E(x_24h)       R: mean of e^2, e = O(Hx + eps, m) - E(x)

With a perfect model two forecasts from exact states would agree; they start from states whose error is `share` of the
difference of two states of the climate. B is known up to a factor: `inflation` of the covariances.
"""

from __future__ import annotations

from pathlib import Path

import torch
import xarray as xr

from pipeline.covariances import Differences, laplacian_modes, spectral
from pipeline.files import atomic
from pipeline.networks import load_network
from pipeline.spaces import Space
from pipeline.testbed.observing import Observing
from pipeline.testbed.world import World
from pipeline.training.o2lnet import observe, write_errors
from pipeline.transforms import balance
from pipeline.transforms.autoencoder import Autoencoder
from pipeline.transforms.balance import wind_levels
from pipeline.verification.latent import diagonality

SAMPLES = 5000
"""States that the linear regression learns from, at most."""


def forecast_pairs(world: World) -> tuple[torch.Tensor, torch.Tensor]:
    """Forecasts over 48 and over 24 hours valid at the same time, both (N, n)."""
    plan, day, nature = world.plan["errors"], world.day, world.nature
    rng = torch.Generator().manual_seed(world.seed)
    times = torch.randint(0, len(nature) - 2 * day, (plan["pairs"],), generator=rng)
    which = torch.randint(0, nature.shape[1], (plan["pairs"],), generator=rng)
    flat, start = nature.flatten(0, 1), world.starts(times, which)

    def forecast(x: torch.Tensor, lead: int) -> torch.Tensor:
        one, other = flat[torch.randint(0, len(flat), (2, plan["pairs"]), generator=rng)]
        x = world.replaced(x, world.seen(x) + plan["share"] * (one - other))
        return world.seen(world.forecast(x, lead)).float()

    long = forecast(start, 2 * day)
    return long, forecast(world.forecast(start, day), day)


def write(world: World, autoencoder: Path, o2lnet: Path, folder: Path) -> dict[str, float]:
    """Files of B and R in latent space and of B in model space; how diagonal they are, how good O and D.

    background.nc, observation.nc, climate.nc (latent), differences.nc, and those of `write_model_space`.

    Args:
        world: with its nature runs.
        autoencoder, o2lnet: directories of the trained networks.
        folder: takes the files.
    """
    encoder, observer = (load_network(path, world.space) for path in (autoencoder, o2lnet))
    transform = Autoencoder(encoder, world.normalization, world.space)
    channels, first = encoder.latent_shape[0], world.space.components[0]
    long, short = forecast_pairs(world)
    latent = transform.encode(long) - transform.encode(short)
    statistics = Differences(32, channels)
    statistics.update(latent)
    _save(statistics.dataset(), folder / "background.nc")
    _save(xr.Dataset({"x": (("member", "state"), (long - short).numpy())}), folder / "differences.nc")
    if hasattr(world.model, "harmonics"):
        write_model_space(long - short, world.space, world.model.harmonics.truncation, folder)
    _save(_climate(transform, world), folder / "climate.nc")
    observing = Observing(world)
    x = world.validation_states(world.plan["errors"]["every"])
    torch.manual_seed(world.seed)
    write_errors(folder / "observation.nc", observer, encoder, x, observing.coverage, observing.scaled)
    torch.manual_seed(world.seed)
    with torch.no_grad():
        z_o, z = observer(*observe(x, observing.coverage, observing.scaled)), encoder.encode(x)[0]
    truth = world.normalization.denormalize(x)
    return {
        "diagonality_b_latent": diagonality(latent, channels),
        "diagonality_b_model": diagonality((long - short)[:, world.space.slice_of(first.name)], first.shape[0]),
        "diagonality_r_latent": diagonality(z_o - z, channels),
        "reconstruction": world.distance(transform(truth), truth),
        "o2lnet_alone": world.distance(transform.decode(z_o), truth),
        "regression_alone": regression(world, observing),
    }


def write_model_space(differences: torch.Tensor, space: Space, truncation: int, folder: Path) -> None:
    """B of differences (N, n) for each component: of the air spectral.nc, of the sea laplacian_modes.nc.

    Where the air holds winds, balance.nc too, and spectral.nc is that of its control variables.
    """
    for component in space.components:
        own = differences[:, space.slice_of(component.name)]
        if component.grid.mask.all():
            _write_air(own, Space((component,)), truncation, folder)
        else:
            _save(laplacian_modes.fit(own, component, truncation), folder / "laplacian_modes.nc")


def _write_air(differences: torch.Tensor, space: Space, truncation: int, folder: Path) -> None:
    component, means = space.components[0], []
    if wind_levels(component.variables):
        dataset = balance.fit(differences, space, truncation)
        _save(dataset, folder / "balance.nc")
        transform = balance.Balance(dataset, space)
        differences, means = transform.encode(differences.double()), transform.places.scalars
    fields, nlat, nlon = component.shape
    _save(spectral.fit(differences, fields, truncation, nlat, nlon, means=means), folder / "spectral.nc")


def regression(world: World, observing: Observing) -> float:
    """Error of the linear regression of the state on its observations, what an O2Lnet alone is to be measured by.

    x = mean + C_xy (C_yy + R)^-1 d = mean + X^T (Y Y^T + N R)^-1 Y d,    d = y - mean_y, R = sigma^2

    X and Y hold the anomalies of N states of the nature runs, at most SAMPLES, as rows; all stations report.
    """
    seen = observing.coverage > 0
    every = world.plan["nature"]["every"]
    train = world.nature[::every, :-1].flatten(0, 1)
    train = train[:: -(-len(train) // SAMPLES)].double() / world.deviation
    truth = world.nature[::every, -1].double() / world.deviation
    mean, sigma = train.mean(0), world.plan["observations"]["error_share"]
    x, y = train - mean, (train - mean)[:, seen]
    noise = torch.randn(truth[:, seen].shape, generator=torch.Generator().manual_seed(world.seed), dtype=torch.float64)
    d = truth[:, seen] + sigma * noise - mean[seen]
    weights = torch.linalg.solve(y @ y.mT + len(y) * sigma**2 * torch.eye(len(y)).double(), y @ d.mT)
    return world.distance((mean + weights.mT @ x) * world.deviation, truth * world.deviation)


def _climate(transform: Autoencoder, world: World) -> xr.Dataset:
    """Mean and variance of E(x) over the states that networks are trained on."""
    z = transform.network.encode(world.training_states())[0].double()
    return xr.Dataset({"mean": ("latent", z.mean(0).numpy()), "variance": ("latent", z.var(0).numpy())})


def _save(dataset: xr.Dataset, path: Path) -> None:
    with atomic(path) as partial:
        dataset.to_netcdf(partial, engine="netcdf4")
