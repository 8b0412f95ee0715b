"""Land-sea mask, depth and topography on the model's grids."""

from pathlib import Path

from pipeline.cli import guarded
from pipeline.datasets import grid_file

with guarded(snakemake.log[0]):
    atmosphere, ocean = snakemake.params.atmosphere, snakemake.params.ocean
    grid_file.write(Path(snakemake.output[0]), (atmosphere["nlon"], atmosphere["nlat"]), (ocean["nlon"], ocean["nlat"]))
