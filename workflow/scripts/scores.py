"""Errors of every method in time, mean increments, and the balance after analyses."""

import pandas as pd

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.observations import Observations
from pipeline.spaces import air_sea_space
from pipeline.verification import cycles

with guarded(snakemake.log[0]):
    space = air_sea_space(**grid_file.read(snakemake.input.grid))
    runs = dict(snakemake.params.chains)
    truths = runs.pop("truth", None)
    if truths:
        errors = cycles.errors_against_truth(runs, truths, space)
    else:
        seeds = next(iter(runs.values()))
        files = zip(seeds, snakemake.input.observations, strict=True)
        withheld = {seed: Observations.from_netcdf(path).select(withheld=True) for seed, path in files}
        errors = cycles.errors_against_observations(runs, withheld, space)
    errors.to_csv(snakemake.output.errors, index=False)
    cycles.write_increments(snakemake.output.increments, runs, space)
    balance = pd.concat(cycles.tendencies(runs), names=["method"]).reset_index(level=0)
    balance.to_csv(snakemake.output.tendencies, index=False)
