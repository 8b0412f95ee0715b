"""Truths, observations and climatology of a benchmark."""

import torch

from pipeline import benchmark
from pipeline.cli import guarded
from pipeline.files import atomic
from pipeline.provenance import provenance

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    settings = snakemake.params.settings
    twins = benchmark.twin(settings).assign_attrs(provenance(settings))
    with atomic(snakemake.output[0]) as partial:
        twins.to_netcdf(partial)
