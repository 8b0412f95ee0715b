"""Train the coupled autoencoder."""

from pathlib import Path
from shutil import rmtree

import torch

from pipeline.cli import guarded
from pipeline.datasets import grid_file, nature_run
from pipeline.datasets.training import split
from pipeline.normalization import Normalization
from pipeline.spaces import air_sea_space
from pipeline.training.autoencoder import train_autoencoder

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    files, params = snakemake.input, snakemake.params
    space = air_sea_space(**grid_file.read(files.grid))
    datasets = {name: nature_run.open(files[name]) for name in space.names}
    periods = split(datasets["ocean"]["time"].values, **params.splits)
    normalization = Normalization.load(files.statistics[0], space)
    folder, checkpoints = Path(snakemake.output.weights).parent, Path(params.checkpoints)
    stage = (params.network, params.training, params.seed, folder, checkpoints)
    train_autoencoder(space, datasets, periods, normalization, *stage)
    rmtree(checkpoints, ignore_errors=True)
