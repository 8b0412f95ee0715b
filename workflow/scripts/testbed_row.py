"""One row of a testbed's table: a method in cycles."""

import json
from pathlib import Path

import torch

from pipeline.cli import guarded
from pipeline.files import atomic
from pipeline.provenance import provenance
from pipeline.testbed.cycles import Cycles
from pipeline.testbed.world import World

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    files, params = snakemake.input, snakemake.params
    world = World(params.plan, params.seed, Path(files.nature))
    series, scores = Cycles(world, params.row, Path(files.nature).parent).score()
    with atomic(snakemake.output.series) as partial:
        series.assign_attrs(provenance([params.plan, params.row], seed=params.seed)).to_netcdf(partial)
    with atomic(snakemake.output.scores) as partial:
        partial.write_text(json.dumps(scores, indent=1) + "\n")
