"""Train a testbed's autoencoder."""

from pathlib import Path

import torch

from pipeline.cli import guarded
from pipeline.testbed.learning import train_autoencoder
from pipeline.testbed.world import World

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    world = World(snakemake.params.plan, snakemake.params.seed, Path(snakemake.input.nature))
    train_autoencoder(world, Path(snakemake.output.weights).parent)
