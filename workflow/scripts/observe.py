"""Observe the truth with the configured networks of stations."""

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.observations.twin import observe
from pipeline.provenance import provenance
from pipeline.spaces import air_sea_space
from pipeline.trajectory import open_trajectory

with guarded(snakemake.log[0]):
    space = air_sea_space(**grid_file.read(snakemake.input.grid))
    truth = {n: open_trajectory(snakemake.input.truth, n).sel(stage="analysis", drop=True) for n in space.names}
    observations = observe(truth, space, snakemake.params.networks, snakemake.params.seed)
    origin = provenance(snakemake.params.networks, seed=snakemake.params.seed)
    observations.to_netcdf(snakemake.output[0], **origin)
