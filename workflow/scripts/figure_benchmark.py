"""Draw error, spread, CPU time and rank histogram of every row of a benchmark."""

import json
from pathlib import Path

import xarray as xr

from pipeline.cli import guarded
from pipeline.figures import benchmarks, style

with guarded(snakemake.log[0]):
    files, rows = snakemake.input, snakemake.params.rows
    scores = {name: xr.load_dataset(path) for name, path in zip(rows, files.scores, strict=True)}
    timing = {name: json.loads(Path(path).read_text()) for name, path in zip(rows, files.timing, strict=True)}
    style.save(benchmarks.draw(scores, timing, rows, snakemake.params.title), snakemake.output[0])
