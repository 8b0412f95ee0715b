"""Nature runs of a testbed."""

from pathlib import Path

import torch

from pipeline.cli import guarded
from pipeline.testbed import world

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    world.make_nature(snakemake.params.plan, snakemake.params.seed, Path(snakemake.output[0]))
