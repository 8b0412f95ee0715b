"""Draw each method's error against the weakly coupled one's."""

import json
from pathlib import Path

from pipeline.cli import guarded
from pipeline.figures import gains, style

with guarded(snakemake.log[0]):
    style.save(gains.draw(json.loads(Path(snakemake.input.summary).read_text())["rows"]), snakemake.output[0])
