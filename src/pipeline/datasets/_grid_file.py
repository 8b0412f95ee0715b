"""The former name of `grid_file`, for `workflow/scripts/grid.py`; goes when that script imports `grid_file`."""

from pipeline.datasets.grid_file import write

__all__ = ["write"]
