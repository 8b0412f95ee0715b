"""One method cycled over a benchmark's truths."""

import json

import torch
import xarray as xr

from pipeline import benchmark
from pipeline.cli import guarded
from pipeline.files import atomic
from pipeline.provenance import provenance

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    row, settings = snakemake.params.row, snakemake.params.settings
    twins = xr.load_dataset(snakemake.input.twin)
    scores, timing = benchmark.cycle(snakemake.wildcards.row, row, settings, twins)
    with atomic(snakemake.output.timing) as partial:
        partial.write_text(json.dumps(timing, indent=1) + "\n")
    with atomic(snakemake.output.scores) as partial:
        scores.assign_attrs(provenance([row, settings])).to_netcdf(partial)
