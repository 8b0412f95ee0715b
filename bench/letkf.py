"""An LETKF analysis of the coupled model's interface at demo size, on the ranks of an MPI communicator.

    mpirun -n 2 python bench/letkf.py          a line per precision: CPU seconds of the slowest rank

36,432 elements (four variables on 48x96 and on 90x50 cells), 10,000 observations spread evenly over the globe, 40
members, Gaspari and Cohn's function of 1000 km half width. Members are noise: the work does not depend on their values.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import torch
from report import row

from pipeline.assimilation.letkf import LETKF
from pipeline.doctor.machine import AS_ROOT
from pipeline.localization.gaspari_cohn import GaspariCohn
from pipeline.observations import Observations
from pipeline.observations.operators import Interpolation
from pipeline.spaces import ATMOSPHERE_VARIABLES, OCEAN_VARIABLES, Component, Grid, Space

MEMBERS, COUNT = 40, 10_000


def space() -> Space:
    """The interface at demo size, all cells of the ocean wet."""

    def grid(ny: int, nx: int, edge: float) -> Grid:
        bounds = np.linspace(-edge, edge, ny + 1)
        return Grid(0.5 * (bounds[1:] + bounds[:-1]), np.arange(nx) * 360.0 / nx, bounds)

    atmosphere = Component("atmosphere", grid(48, 96, 90.0), ATMOSPHERE_VARIABLES)
    return Space((atmosphere, Component("ocean", grid(50, 90, 78.0), OCEAN_VARIABLES)))


def observations() -> Observations:
    """Half of them surface pressure, half SST."""
    rng = np.random.default_rng(0)
    lat, lon = np.rad2deg(np.arcsin(rng.uniform(-0.97, 0.97, COUNT))), rng.uniform(0, 360, COUNT)
    variable = np.where(np.arange(COUNT) % 2, "sst", "ps")
    value = np.where(np.arange(COUNT) % 2, 15.0, 1e5)
    nothing = np.zeros(COUNT)
    return Observations(nothing, variable, lat, lon, value, np.where(np.arange(COUNT) % 2, 0.3, 100.0), nothing)


def measure(communicator: object) -> list[dict[str, float | str]]:
    """CPU seconds of finding the neighbours and of the analysis, of the slowest rank."""
    rows = []
    where, seen = space(), observations()
    for dtype in (torch.float64, torch.float32):
        generator = torch.Generator().manual_seed(1)
        members = torch.randn(MEMBERS, where.size, generator=generator, dtype=dtype)
        members[:, where.index("ps")] = 1e5 + 300.0 * members[:, where.index("ps")]
        method = LETKF(Interpolation, where, localization=GaspariCohn(1000.0)).parallel(communicator)
        begun = time.process_time()
        network = method.network(seen, members)
        found = time.process_time()
        method.assimilate(members, torch.as_tensor(seen.value).to(members), network)
        ended = time.process_time()
        times = communicator.gather((found - begun, ended - found))
        if times is not None:
            neighbours, analysis = (max(column) for column in zip(*times, strict=True))
            rows.append({"dtype": str(dtype).removeprefix("torch."), "neighbours": neighbours, "analysis": analysis})
    return rows


def rows(ranks: tuple[int, ...] = (1, 2)) -> list[dict]:
    """Rows of the benchmark's report."""
    environment = os.environ | AS_ROOT | {"OMP_NUM_THREADS": "1"}
    found, alone = [], {}
    for count in ranks:
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(count), sys.executable, __file__]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        for line in json.loads(done.stdout.splitlines()[-1]):
            seconds = line["analysis"]
            share = alone.setdefault(line["dtype"], seconds) / (count * seconds)
            name = f"LETKF 36,432 x 40, 10,000 observations, {line['dtype']}, {count} ranks"
            note = f"slowest rank; {100 * share:.0f} % of ideal; {line['neighbours']:.2f} s more to find the neighbours"
            found.append(row(name, round(seconds, 3), "CPU s", "lower", None, note))
    return found


if __name__ == "__main__":
    from mpi4py import MPI

    torch.set_num_threads(1)
    measured = measure(MPI.COMM_WORLD)
    if MPI.COMM_WORLD.Get_rank() == 0:
        print(json.dumps(measured))
