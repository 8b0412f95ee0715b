"""Draw background and observation loss of every variational analysis, method by method."""

from pathlib import Path

from pipeline.cli import guarded
from pipeline.figures import losses, style
from pipeline.trajectory import open_costs

with guarded(snakemake.log[0]):
    segments = {}
    for path in snakemake.input.trajectories:  # <method>/seed<n>/segment_<n>/trajectory.nc
        segments.setdefault(Path(path).parents[2].name, []).append(path)
    costs = {method: open_costs(paths) for method, paths in segments.items()}
    figure = losses.draw_minimisation(
        {m: (c["cost_background"].values, c["cost_observation"].values) for m, c in costs.items() if c is not None}
    )
    style.save(figure, snakemake.output[0])
