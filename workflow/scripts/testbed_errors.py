"""Error statistics of a testbed, and how diagonal they are."""

import json
from pathlib import Path

import torch

from pipeline.cli import guarded
from pipeline.files import atomic
from pipeline.testbed import errors
from pipeline.testbed.world import World

with guarded(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    files, folder = snakemake.input, Path(snakemake.output[0])
    world = World(snakemake.params.plan, snakemake.params.seed, Path(files.nature))
    found = errors.write(world, Path(files.autoencoder).parent, Path(files.o2lnet).parent, folder)
    with atomic(folder / "latent.json") as partial:
        partial.write_text(json.dumps(found, indent=1) + "\n")
