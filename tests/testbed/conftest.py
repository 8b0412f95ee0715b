"""A testbed of a few hundred numbers, with networks that have hardly been trained."""

import json

import pytest

from pipeline.config import resolve
from pipeline.testbed import errors, learning
from pipeline.testbed.world import World, make_nature, make_truths

TINY = {
    "model": {"kind": "quasi_geostrophic", "truncation": 5},
    "nature": {"trajectories": 3, "spinup_days": 10, "days": 8, "every": 2},
    "autoencoder": {"network": {"latent_channels": 2, "latent_grid": [2, 4], "widths": [8]}, "training": {"epochs": 1}},
    "o2lnet": {"network": {"width": 8, "depth": 1, "heads": 2}, "training": {"epochs": 1}},
    "observations": {"count": 20},
    "errors": {"pairs": 40},
    "cycling": {"days": 2, "burn_in_days": 1, "start_share": 1.0, "seeds": [1, 2], "ensemble": 8},
}


@pytest.fixture(scope="session")
def plan() -> dict:
    """The experiment's configuration, made tiny; `rows` as they are."""
    changes = {"experiment": "quasi_geostrophic", "size": "test", "testbed": TINY}
    return json.loads(resolve(changes).testbed.model_dump_json())


@pytest.fixture(scope="session")
def folder(plan, tmp_path_factory):
    """What the stages before the cycles write."""
    root = tmp_path_factory.mktemp("testbed")
    make_nature(plan, 1, root / "nature.safetensors")
    world = World(plan, 1, root / "nature.safetensors")
    make_truths(world, root / "truths.safetensors")
    learning.train_autoencoder(world, root / "autoencoder")
    learning.train_observer(world, root / "autoencoder", root / "o2lnet")
    found = errors.write(world, root / "autoencoder", root / "o2lnet", root / "errors")
    (root / "errors" / "latent.json").write_text(json.dumps(found))
    return root


@pytest.fixture(scope="session")
def world(plan, folder) -> World:
    return World(plan, 1, folder / "nature.safetensors")
