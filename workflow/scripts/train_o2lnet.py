"""Train the observation-to-latent network, and write the climatological R of its latent vectors."""

from pathlib import Path
from shutil import rmtree

import torch

from pipeline.cli import guarded
from pipeline.datasets import grid_file, nature_run
from pipeline.datasets.training import Vectors, split
from pipeline.networks import load_network
from pipeline.normalization import Normalization
from pipeline.spaces import air_sea_space
from pipeline.training.o2lnet import train_o2lnet

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    files, params = snakemake.input, snakemake.params
    space = air_sea_space(**grid_file.read(files.grid))
    datasets = {name: nature_run.open(files[name]) for name in space.names}
    periods = split(datasets["ocean"]["time"].values, **params.splits)
    normalization = Normalization.load(files.statistics[0], space)
    data = [Vectors(space, datasets, periods[name], normalization) for name in ("train", "validation")]
    autoencoder = load_network(Path(files.autoencoder).parent, space)
    folder, checkpoints = Path(snakemake.output.weights).parent, Path(params.checkpoints)
    stage = (params.observer, params.observations, params.seed, folder, Path(snakemake.output.errors), checkpoints)
    train_o2lnet(*data, autoencoder, normalization, *stage)
    rmtree(checkpoints, ignore_errors=True)
