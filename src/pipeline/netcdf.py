"""Reading NetCDF files written by another step, with errors that a user can mend."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from pipeline.errors import PipelineError


def read(file: str | Path | xr.Dataset, *variables: str) -> xr.Dataset:
    """The content of a NetCDF file, in memory; a dataset is passed through, so that a file is never needed in tests.

    Raises:
        PipelineError: the file is missing or damaged, or lacks one of `variables`.
    """
    if isinstance(file, xr.Dataset):
        dataset, name = file, "dataset"
    else:
        name = str(file)
        try:
            dataset = xr.load_dataset(file, engine="netcdf4")
        except FileNotFoundError:
            raise PipelineError(f"{name}: no such file; run the step that writes it, or correct the path") from None
        except (OSError, ValueError, RuntimeError) as error:
            raise PipelineError(f"{name}: not a readable NetCDF file ({error}); write it again") from None
    missing = [variable for variable in variables if variable not in dataset]
    if missing:
        found = ", ".join(map(str, dataset.variables)) or "nothing"
        raise PipelineError(f"{name}: no variable {missing[0]!r}, found {found}; it was written by another step")
    return dataset
