"""Draw a field of the test period, its reconstruction and the error."""

import xarray as xr

from pipeline.cli import guarded
from pipeline.datasets import grid_file
from pipeline.figures import reconstruction, style

with guarded(snakemake.log[0]):
    grids, component = grid_file.read(snakemake.input.grid), snakemake.wildcards.component
    example = xr.load_dataset(snakemake.input.example, group=component)
    rmse = {name: float(example[name].attrs["rmse"]) for name in example}
    field, estimate = (example.sel(stage=stage) for stage in ("field", "reconstruction"))
    style.save(reconstruction.draw(field, estimate, grids[component], grids["ocean"], rmse), snakemake.output[0])
