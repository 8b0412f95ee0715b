"""Reconstruction error of the autoencoder over the test period, with one state as an example."""

from pathlib import Path

from torch.utils.data import DataLoader

from pipeline.cli import guarded
from pipeline.datasets import grid_file, nature_run
from pipeline.datasets.training import Vectors, split
from pipeline.normalization import Normalization
from pipeline.spaces import air_sea_space
from pipeline.transforms.autoencoder import Autoencoder
from pipeline.verification.reconstruction import reconstruction_errors, write_example

with guarded(snakemake.log[0]):
    files = snakemake.input
    space = air_sea_space(**grid_file.read(files.grid))
    datasets = {name: nature_run.open(files[name]) for name in space.names}
    test = Vectors(space, datasets, split(datasets["ocean"]["time"].values, **snakemake.params.splits)["test"])
    normalization = Normalization.load(files.statistics[0], space)
    transform = Autoencoder(Path(files.weights).parent, normalization, space)
    ranges = {name: high - low for name, (low, high) in normalization.ranges.items()}
    table = reconstruction_errors(DataLoader(test, batch_size=16), transform, space, ranges)
    table.to_csv(snakemake.output.table, index=False)
    example = test[len(test) // 2]
    write_example(snakemake.output.example, example, transform(example).detach(), space, table)
