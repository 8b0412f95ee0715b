"""Errors of surface pressure along the equator by zonal wavenumber: gravity waves that assimilation excites show there.

    c_k = 2/n |sum_j e_j exp(-i k lon_j)|,    e_j = mean of Ps - Ps_t over the latitudes of the belt, weighted by area

Where the Coriolis parameter vanishes balanced motion hardly shows in surface pressure, so that what stands in its error
is mostly the external Kelvin wave (Matsuno 1966, J. Meteor. Soc. Japan 44, 25-43): eastward at the speed of sound in
isothermal air, which takes it round the equator in 33 h. See docs/decisions/0022-increments-and-fast-waves.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from pipeline.spaces import Grid, Space
from pipeline.trajectory import open_trajectory
from pipeline.verification.cycles import Chains
from pipeline.verification.metrics import on_grid

BELT = 15.0
"""Half-width of the belt [degrees]."""
WAVENUMBERS = (1, 2, 3, 4, 5, 6)


def equatorial_waves(runs: Chains, truths: dict[int, Sequence[str]], space: Space) -> pd.DataFrame:
    """Amplitude of each zonal wavenumber at each analysis.

    Returns:
        Columns `method, seed, time, wavenumber, amplitude`; amplitude in Pa.
    """
    rows = []
    for method, seeds in runs.items():
        for seed, paths in seeds.items():
            run, truth = (
                open_trajectory(files, "atmosphere")["ps"].sel(stage="analysis", drop=True).load()
                for files in (paths, truths[seed])
            )
            frame = amplitudes(run.sel(time=truth["time"]) - truth, space["atmosphere"].grid)
            rows.append(frame.assign(method=method, seed=seed))
    return pd.concat(rows, ignore_index=True)


def amplitudes(error: xr.DataArray, grid: Grid) -> pd.DataFrame:
    """Amplitudes of an error (time, lat, lon) in its own unit, at the wavenumbers that the grid holds.

    Returns:
        Columns `time, wavenumber, amplitude`.
    """
    error = on_grid(error, grid)
    belt = error.where(np.abs(error["lat"]) <= BELT, drop=True)
    mean = belt.weighted(np.cos(np.deg2rad(belt["lat"]))).mean("lat").transpose("time", "lon").values
    wavenumbers = [k for k in WAVENUMBERS if 2 * k < mean.shape[1]]
    amplitude = 2.0 * np.abs(np.fft.rfft(mean, norm="forward")[:, wavenumbers])
    table = xr.DataArray(amplitude, {"time": error["time"], "wavenumber": wavenumbers}, ("time", "wavenumber"))
    return table.to_dataframe("amplitude").reset_index()
