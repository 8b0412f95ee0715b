"""Train a testbed's observation-to-latent network."""

from pathlib import Path

import torch

from pipeline.cli import guarded
from pipeline.testbed.learning import train_observer
from pipeline.testbed.world import World

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    world = World(snakemake.params.plan, snakemake.params.seed, Path(snakemake.input.nature))
    train_observer(world, Path(snakemake.input.autoencoder).parent, Path(snakemake.output.weights).parent)
