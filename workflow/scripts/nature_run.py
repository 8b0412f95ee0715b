"""Join the nature run's segments into the stores that training reads."""

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.datasets.store import write_zarr
from pipeline.trajectory import open_trajectory

with guarded(snakemake.log[0]):
    grids = grid_file.read(snakemake.input.grid)
    for name, path in snakemake.output.items():
        fields = open_trajectory(snakemake.input.trajectories, name).sel(stage="analysis", drop=True)
        write_zarr(fields, path, grids[name].mask)
