"""Draw a testbed's errors and costs."""

import json
from pathlib import Path

import xarray as xr

from pipeline.cli import guarded
from pipeline.figures import style, testbeds

with guarded(snakemake.log[0]):
    files, rows = snakemake.input, snakemake.params.rows
    scores = {name: json.loads(Path(file).read_text()) for name, file in zip(rows, files.scores, strict=True)}
    series = {name: xr.load_dataset(file) for name, file in zip(rows, files.series, strict=True)}
    drawn = {name for name, row in rows.items() if row["factor"] == 1.0}
    style.save(testbeds.draw(scores, series, drawn, snakemake.params.title), snakemake.output[0])
