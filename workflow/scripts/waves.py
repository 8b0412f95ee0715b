"""Waves along the equator in the error of surface pressure, as a table and a figure."""

import numpy as np

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.figures import style
from pipeline.figures import waves as figures
from pipeline.spaces import air_sea_space
from pipeline.verification import waves

with guarded(snakemake.log[0]):
    params = snakemake.params
    runs = dict(params.chains)
    table = waves.equatorial_waves(runs, runs.pop("truth"), air_sea_space(**grid_file.read(snakemake.input.grid)))
    table.to_csv(snakemake.output.table, index=False)
    burn_in_end = np.datetime64(params.start) + np.timedelta64(params.burn_in_days, "D")
    style.save(figures.draw(table, burn_in_end), snakemake.output.figure)
