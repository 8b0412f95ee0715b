"""Ensemble filters on Lorenz-96 beside the CPU times published with DAPPER, half of which is the aim: AREA=lorenz96."""

from __future__ import annotations

import json

import torch
from report import publish, row

from pipeline import benchmark
from pipeline.config import resolve

CYCLES = 200


def rows() -> list[dict]:
    """CPU seconds per 1000 cycles and seed of the rows with a published figure, one seed and ten in a batch."""
    torch.set_num_threads(1)
    settings = json.loads(resolve({"experiment": "lorenz96"}).benchmark.model_dump_json())
    table = {name: line for name, line in settings.pop("rows").items() if line["cpu_seconds"]}
    settings |= {"cycles": CYCLES, "burn_in": 0, "climatology": 2}
    found = []
    for seeds in ([1], list(range(1, 11))):
        settings["seeds"] = seeds
        twins = benchmark.twin(settings)
        for name, line in table.items():
            scores, timing = benchmark.cycle(name, line, settings, twins)
            # the first cycles still come down from the initial spread
            rmse, peer = float(scores["rmse"][:, CYCLES // 2 :].mean()), line["cpu_seconds"]
            label, note = f"Lorenz-96 {name}, {len(seeds)} seeds at once", f"DAPPER {peer} s; RMSE {rmse:.3f}"
            seconds = round(timing["cpu_seconds_per_1000_cycles"], 3)
            found.append(row(label, seconds, "CPU s per 1000 cycles and seed", "lower", 0.5 * peer, note))
    return found


if __name__ == "__main__":
    publish("lorenz96", rows())
