"""summary.json: the run's own numbers beside the paper's."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.cli import guarded
from pipeline.provenance import provenance
from pipeline.verification import summary

with guarded(snakemake.log[0]):
    files, config = snakemake.input, snakemake.params.config
    errors = pd.read_csv(files.errors, parse_dates=["time"])
    cycling = config["cycling"]
    begin = np.datetime64(cycling["start"]) + np.timedelta64(cycling["burn_in_days"], "D")
    rows = summary.cycle_rows(errors, begin)
    if files.profiles:
        rows += summary.profile_rows(pd.read_csv(files.profiles, parse_dates=["time"]), begin)
    rows += summary.reconstruction_rows(pd.read_csv(files.reconstruction))
    rows += summary.network_rows(json.loads(Path(files.model).read_text()))
    rows += summary.balance_rows(pd.read_csv(files.tendencies))
    if files.waves:
        rows += summary.wave_rows(pd.read_csv(files.waves, parse_dates=["time"]), begin)
    rows += summary.cost_rows(snakemake.params.timing, cycling["days"], len(cycling["seeds"]))
    if files.climatology:
        runs, day = snakemake.params.chains, str(files.climatology)
        rows += summary.climatology_rows(runs, day, files.grid)
    summary.write(Path(snakemake.output[0]), rows, provenance(config, seed=config["seed"]))
