"""Two ranks. A plug call; a network gathered through shared memory, by Gatherv and Scatterv, and one per rank.

Prints seconds per call, the least of several in turn, by way and number of columns per rank.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bridge import perceptron
from pipeline import bridge
from pipeline.bridge.networks import Columns, NetworkCallback
from pipeline.bridge.networks_gathered import GatheredCallback

REPEATS = {8: 200, 1000: 100, 21456: 15}  # columns per rank: timings


def main() -> None:
    """Measure every way at every size."""
    torch.set_num_threads(1)
    comm, network = MPI.COMM_WORLD, perceptron()
    columns = Columns(network)
    ways = {
        "own": NetworkCallback(network, device="cpu"),
        "window": GatheredCallback(network, comm, device="cpu"),
        "gatherv": lambda x, y: gather_and_scatter(comm, columns, x, y),
    }
    seconds = {"plug": plug_call(comm)}
    for n, repeats in REPEATS.items():
        x = np.asfortranarray(np.random.default_rng(comm.rank).standard_normal((8, n)))
        results = {name: np.zeros_like(x) for name in ways}
        times = {name: [] for name in ways}
        for _ in range(repeats):
            for name, way in ways.items():
                comm.Barrier()
                begun = time.perf_counter()
                way(x, results[name])
                comm.Barrier()
                times[name].append(time.perf_counter() - begun)
        for name, y in results.items():
            seconds[f"{name} {n}"] = min(times[name])
            seconds[f"{name} {n} same bits"] = float(comm.allreduce(np.array_equal(y, results["own"]), MPI.LAND))
    if comm.rank == 0:
        print(json.dumps(seconds))


def plug_call(comm: MPI.Comm, calls: int = 1000) -> float:
    """Seconds of an empty plug whose outcome the ranks agree on."""
    model, times = bridge.load(sys.argv[1], comm), []
    for _ in range(20):
        comm.Barrier()
        begun = time.perf_counter()
        for _ in range(calls):
            model.tool_nothing()
        times.append((time.perf_counter() - begun) / calls)
    return min(times)


def gather_and_scatter(comm: MPI.Comm, columns: Columns, x: np.ndarray, y: np.ndarray) -> None:
    """The peer: the leader gathers by messages."""
    counts = np.array(comm.allgather(x.size))
    leads = comm.rank == 0
    everything, result = (np.empty((counts.sum() // 8, 8)) if leads else None for _ in range(2))
    comm.Gatherv(np.ascontiguousarray(x.T), [everything, counts] if leads else None)
    if leads:
        columns.run([everything], [result])
    own = np.empty(x.T.shape)
    comm.Scatterv([result, counts] if leads else None, own)
    y.T[...] = own


if __name__ == "__main__":
    main()
