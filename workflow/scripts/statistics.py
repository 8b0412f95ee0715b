"""Range of each variable over the training period."""

from pipeline.cli import guarded
from pipeline.datasets import grid_file, nature_run
from pipeline.datasets.training import split
from pipeline.normalization import Normalization
from pipeline.provenance import provenance
from pipeline.spaces import air_sea_space

with guarded(snakemake.log[0]):
    space = air_sea_space(**grid_file.read(snakemake.input.grid))
    datasets = {name: nature_run.open(snakemake.input[name]) for name in space.names}
    period = split(datasets["ocean"]["time"].values, **snakemake.params.splits)["train"]
    statistics = Normalization.from_datasets(space, datasets, *period)
    statistics.save(snakemake.output[0], **provenance(snakemake.params.splits))
