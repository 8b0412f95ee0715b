"""Anomalies of the nature run's snapshots, for the Fortran filter."""

from pipeline import registry
from pipeline.cli import guarded
from pipeline.ensembles.base import write_ensemble
from pipeline.provenance import provenance

with guarded(snakemake.log[0]):
    options = snakemake.params.ensemble
    anomalies = registry.build("ensembles", **options).anomalies(snakemake.input.states)
    write_ensemble(snakemake.output[0], anomalies, provenance(options))
