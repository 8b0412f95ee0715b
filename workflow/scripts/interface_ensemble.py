"""Anomalies of the joined air-sea state, from the training period of the nature run."""

from pipeline.cli import guarded
from pipeline.datasets import grid_file, nature_run
from pipeline.datasets.training import Vectors, split
from pipeline.ensembles.interface import Interface
from pipeline.files import atomic
from pipeline.provenance import provenance
from pipeline.spaces import air_sea_space

with guarded(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    space = air_sea_space(**grid_file.read(files.grid))
    datasets = {name: nature_run.open(files[name]) for name in space.names}
    record = Vectors(space, datasets, split(datasets["ocean"]["time"].values, **params.splits)["train"])
    anomalies = Interface(**params.ensemble).anomalies(record).assign_attrs(provenance(params.ensemble))
    with atomic(snakemake.output[0]) as partial:
        anomalies.to_netcdf(partial, engine="netcdf4")
