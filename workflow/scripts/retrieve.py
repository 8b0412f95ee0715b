"""Link the archive's files from the data directory, downloading what is not there."""

from pathlib import Path

from pipeline.cli import guarded
from pipeline.datasets.retrieval import retrieve

with guarded(snakemake.log[0]):
    for link in map(Path, snakemake.output):
        link.symlink_to(retrieve(link.name, Path(snakemake.params.data_dir)).resolve())
