"""Draw the RMSE of each method against time."""

import numpy as np
import pandas as pd

from pipeline.cli import guarded
from pipeline.figures import rmse, style

with guarded(snakemake.log[0]):
    params = snakemake.params
    table = pd.read_csv(snakemake.input.table, parse_dates=["time"])
    burn_in_end = np.datetime64(params.start) + np.timedelta64(params.burn_in_days, "D")
    style.save(rmse.draw(table, params.variables, burn_in_end, params.reference), snakemake.output[0])
