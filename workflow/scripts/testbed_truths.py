"""Truths of a testbed's cycles."""

from pathlib import Path

import torch

from pipeline.cli import guarded
from pipeline.testbed import world

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    files, params = snakemake.input, snakemake.params
    world.make_truths(world.World(params.plan, params.seed, Path(files.nature)), Path(snakemake.output[0]))
