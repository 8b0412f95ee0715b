"""Archive fields as observations on the model's ocean cells."""

import numpy as np

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.observations.archive import observe_archive
from pipeline.provenance import provenance

with guarded(snakemake.log[0]):
    params, real = snakemake.params, dict(snakemake.params.real)
    real = {name: real[name] for name in ("source", "interval_hours", "error", "withheld")}
    observations = observe_archive(
        files=snakemake.input.files,
        ocean=grid_file.read(snakemake.input.grid)["ocean"],
        begin=np.datetime64(params.start, "s"),
        days=params.days,
        seed=params.seed,
        **real,
    )
    observations.to_netcdf(snakemake.output[0], **provenance(params.real, seed=params.seed))
