"""Covariance of the differences between latent states a lag apart, over the training period."""

from pathlib import Path

from torch.utils.data import DataLoader

from pipeline.cli import guarded
from pipeline.covariances.background_statistics import lagged_states, write_background
from pipeline.datasets import grid_file, nature_run
from pipeline.datasets.training import Vectors, split
from pipeline.normalization import Normalization
from pipeline.provenance import provenance
from pipeline.spaces import air_sea_space
from pipeline.transforms.autoencoder import Autoencoder

with guarded(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    space = air_sea_space(**grid_file.read(files.grid))
    datasets = {name: nature_run.open(files[name]) for name in space.names}
    train = Vectors(space, datasets, split(datasets["ocean"]["time"].values, **params.splits)["train"])
    transform = Autoencoder(Path(files.weights).parent, Normalization.load(files.statistics[0], space), space)
    lag = params.background["lag_hours"] // params.interval_hours
    differences = lagged_states(transform, DataLoader(train, batch_size=32), lag)
    rank, attributes = params.background["rank"], provenance(params.background)
    write_background(snakemake.output[0], differences, rank, transform.channels, attributes)
