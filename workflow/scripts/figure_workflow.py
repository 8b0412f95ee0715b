"""Draw the graph of rules, and the time and memory of each."""

from pathlib import Path

from pipeline.cli import guarded
from pipeline.figures import rules, style, timing

with guarded(snakemake.log[0]):
    benchmarks = [path for folder in snakemake.params.folders for path in sorted(Path(folder).rglob("*.tsv"))]
    style.save(rules.draw(rules.parse(rules.rulegraph(snakemake.params.config))), snakemake.output.graph)
    style.save(timing.draw(timing.collect(benchmarks)), snakemake.output.timing)
