"""A small coupled space, smooth random states on it, and, as a script, a training run that a test may kill."""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from pipeline.networks.coupled_vae import CoupledVAE
from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, Component, Grid, Space
from pipeline.training import AutoencoderObjective, Settings, fit, reference_statistics

SMALL = {
    "latent_channels": 4,
    "latent_grid": (4, 8),
    "atmosphere_depths": (1,),
    "atmosphere_widths": (16,),
    "atmosphere_strides": (2,),
    "ocean_depths": (1,),
    "ocean_widths": (16,),
    "ocean_strides": (2,),
    "fusion_width": 16,
    "layer_scale": 0.1,
}


def space() -> Space:
    def grid(ny, nx, limit, mask=None):
        bounds = np.linspace(-limit, limit, ny + 1)
        return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(nx) * 360 / nx, bounds, mask)

    mask = np.ones((10, 18), dtype=bool)
    mask[3:6, :5] = False
    atmosphere = Component("atmosphere", grid(8, 16, 90.0), ATMOSPHERE_VARIABLES)
    return Space((atmosphere, Component("ocean", grid(10, 18, 78.0, mask), OCEAN_VARIABLES)))


def states(count: int, seed: int = 0) -> torch.Tensor:
    """Two planetary waves of random amplitude and phase per variable, normalized to about [0, 1], shape (count, n)."""
    rng = np.random.default_rng(seed)
    fields = {}
    for component in space().components:
        lat, lon = np.deg2rad(component.grid.lat), np.deg2rad(component.grid.lon)
        part = np.full((count, *component.shape), 0.5)
        for wave in (1, 2):
            a, b = rng.normal(0, 0.15, (2, count, len(component.variables), 1, 1))
            part += (a * np.cos(wave * lon) + b * np.sin(wave * lon)) * np.cos(lat)[:, None] ** wave
        fields[component.name] = torch.from_numpy(np.where(component.grid.mask, part, 0.0)).float()
    return space().join(fields)


def objective(train: torch.Tensor, beta: float = 1e-6, learned: bool = False, **options) -> AutoencoderObjective:
    torch.manual_seed(0)
    network = CoupledVAE(space(), **(SMALL | options))
    network.set_reference(*reference_statistics(train, space()))
    return AutoencoderObjective(network, beta=beta, learned_variance=learned)


def main(directory: Path, settings: dict, pause: float) -> None:
    torch.set_num_threads(1)
    train, validation = states(40), states(8, seed=1)
    if pause:
        train = Slowly(train, pause)
    task = objective(states(40), learned=True)
    fit(task, train, validation, Settings(**settings), directory / "checkpoint", directory / "history.csv")
    torch.save(task.network.state_dict(), directory / "final.pt")


class Slowly(torch.utils.data.Dataset):
    """States that take their time, and say when the first was asked for."""

    def __init__(self, data: torch.Tensor, pause: float) -> None:
        self.data, self.pause = data, pause

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> torch.Tensor:
        import time

        time.sleep(self.pause)
        print("state", flush=True)
        return self.data[index]


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3]))
