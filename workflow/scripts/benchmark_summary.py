"""summary.json of a benchmark: every row beside what is published for it."""

import json
from pathlib import Path

import xarray as xr

from pipeline.cli import guarded
from pipeline.provenance import provenance
from pipeline.verification import benchmarks, summary

with guarded(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    rows = benchmarks.climatology_rows(xr.load_dataset(files.twin), params.settings["burn_in"])
    for (name, row), scores, timing in zip(params.rows.items(), files.scores, files.timing, strict=True):
        rows += benchmarks.method_rows(name, row, xr.load_dataset(scores), json.loads(Path(timing).read_text()))
    summary.write(Path(snakemake.output[0]), rows, provenance([params.settings, params.rows], seed=params.seed))
