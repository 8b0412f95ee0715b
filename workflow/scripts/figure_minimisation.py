"""Draw background and observation loss of every latent analysis."""

from pipeline.cli import guarded
from pipeline.figures import losses, style
from pipeline.trajectory import open_costs

with guarded(snakemake.log[0]):
    costs = open_costs(snakemake.input.trajectories)
    figure = losses.draw_minimisation(costs["cost_background"].values, costs["cost_observation"].values)
    style.save(figure, snakemake.output[0])
