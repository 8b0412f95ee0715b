"""Draw the mean increments of each method."""

import xarray as xr

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.figures import increments, style

with guarded(snakemake.log[0]):
    grids = grid_file.read(snakemake.input.grid)
    stored = {name: xr.load_dataset(snakemake.input.increments, group=name) for name in grids}
    methods = snakemake.params.methods
    by_method = {m: {v: ds[v].sel({"method": m}) for ds in stored.values() for v in ds} for m in methods}
    grid_of = {v: grids[name] for name, ds in stored.items() for v in ds}
    style.save(increments.draw(by_method, grid_of, grids["ocean"]), snakemake.output[0])
