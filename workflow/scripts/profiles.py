"""Errors aloft and at depth, as a table and a figure."""

import numpy as np

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.figures import profiles as figures
from pipeline.figures import style
from pipeline.spaces import air_sea_space
from pipeline.verification import profiles

with guarded(snakemake.log[0]):
    params = snakemake.params
    runs = dict(params.states)
    table = profiles.errors_by_level(runs, runs.pop("truth"), air_sea_space(**grid_file.read(snakemake.input.grid)))
    table.to_csv(snakemake.output.table, index=False)
    burn_in_end = np.datetime64(params.start) + np.timedelta64(params.burn_in_days, "D")
    style.save(figures.draw(table, burn_in_end), snakemake.output.figure)
