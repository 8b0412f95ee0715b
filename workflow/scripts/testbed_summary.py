"""summary.json of a testbed."""

import json
from pathlib import Path

from pipeline.cli import guarded
from pipeline.provenance import provenance
from pipeline.verification import summary, testbeds

with guarded(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    scores = {name: json.loads(Path(file).read_text()) for name, file in zip(params.rows, files.scores, strict=True)}
    rows = testbeds.latent_rows(json.loads((Path(files.errors) / "latent.json").read_text())) if files.errors else []
    for name, plan in params.rows.items():
        rows += testbeds.method_rows(name, plan["published"], scores[name])
    rows += testbeds.growth_rows(params.rows, scores, params.plan["observations"]["error_share"])
    summary.write(Path(snakemake.output[0]), rows, provenance([params.plan, params.rows], seed=params.seed))
