"""Draw the loss curves of the autoencoder."""

import pandas as pd

from pipeline.cli import guarded
from pipeline.figures import losses, style

with guarded(snakemake.log[0]):
    style.save(losses.draw_training(pd.read_csv(snakemake.input.history)), snakemake.output[0])
