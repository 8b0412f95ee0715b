"""Forecast, observe, analyse, record, restart: one loop for the nature run, the truth, free runs and assimilation.

The loop knows no method. At each window's end the Fortran filter, where there is one, updates each component by itself
(weak coupling); then, where there is one and it is due, a latent analysis on the joined air-sea space adds its
increment at the interface (strong coupling). Between checkpoints nothing is written; a run that was killed goes on from
the last one and ends bit for bit where an undisturbed one ends.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mpi4py import MPI

from pipeline import bridge, times
from pipeline.files import atomic
from pipeline.interface_analysis import InterfaceAnalysis
from pipeline.locks import exclusive
from pipeline.models.climate import Climate
from pipeline.models.namelist import write_namelist
from pipeline.observations import Observations
from pipeline.progress import progress
from pipeline.provenance import digest, provenance
from pipeline.trajectory import Trajectory

DAY = np.timedelta64(86400, "s")
PERTURBATION = {"ps": 10.0, "ta": 0.1, "ua": 0.1, "va": 0.1, "sst": 0.01, "ssu": 0.001, "ssv": 0.001, "ssh": 0.001}
"""Standard deviations of the white noise that sets two runs on different paths; chaos does the rest."""


@dataclass(frozen=True)
class Run:
    """What a run is: the content of the specification that its rule gives.

    Attributes:
        model: the `model` section of the configuration.
        days: length.
        window_hours: sampling, and the cycle of the filter.
        record: stages to record; none for a spin-up.
        input: module, grid, and as needed start, observations, ensemble, weights, statistics, background.
        output: restart, and as needed trajectory, states, timing.
        begin: date of a cold start; without it the run starts from `input["start"]`.
        state_interval_days: interval of three-dimensional snapshots into `output["states"]`.
        perturb: seed of a perturbation of the start.
        method: a `methods` entry of the configuration.
        background: the `background` section.
        checkpoint_days: interval of checkpoints.
        nominal: variable -> error of its observations at quality 1, for an observation-to-latent network.
    """

    model: dict[str, Any]
    days: int
    window_hours: int
    record: list[str]
    input: dict[str, str]
    output: dict[str, str]
    begin: str | None = None
    state_interval_days: int | None = None
    perturb: int | None = None
    method: dict[str, Any] = field(default_factory=dict)
    background: dict[str, Any] = field(default_factory=dict)
    checkpoint_days: int = 5
    nominal: dict[str, float] = field(default_factory=dict)

    @property
    def window(self) -> np.timedelta64:
        return np.timedelta64(self.window_hours * 3600, "s")

    @property
    def filters(self) -> bool:
        return bool(self.method.get("filter"))

    @property
    def analysis(self) -> dict[str, Any] | None:
        return self.method.get("analysis")

    @property
    def folder(self) -> Path:
        """Checkpoints, one folder per specification; no output of the rule, for Snakemake would delete it."""
        restart = Path(self.output["restart"])
        return restart.parent / f".checkpoint_{digest(self.__dict__)}"


def run(specification: dict[str, Any], comm: MPI.Comm = MPI.COMM_WORLD) -> None:
    """Run what a specification, the fields of `Run`, describes; all ranks call this.

    Raises:
        PipelineError: what the user can mend, on every rank.
    """
    plan = Run(**specification)
    # The other ranks sleep while rank 0 analyses, so their processors are its threads.
    torch.set_num_threads(comm.size)
    on_root = comm.rank == 0
    with exclusive(plan.folder) if on_root else nullcontext():
        comm.barrier()
        Cycle(plan, comm).to_the_end()
        if on_root:
            shutil.rmtree(plan.folder)


class Cycle:
    """A run under way: model, method, what has been recorded, and where it stands."""

    def __init__(self, plan: Run, comm: MPI.Comm) -> None:
        self.plan, self.comm, self.on_root = plan, comm, comm.rank == 0
        self.seconds = {"forecast": 0.0, "filter": 0.0, "analysis": 0.0}
        self.model = self._start_model()
        self.begin = self.model.time
        self.trajectory = Trajectory(self.model.space, plan.record)
        self._resume()
        self.end = self.begin + plan.days * DAY
        self.observations = self._observations()
        analyses = self.on_root and plan.analysis
        self.analysis = InterfaceAnalysis(plan.analysis, plan, self.model.space) if analyses else None

    def to_the_end(self) -> None:
        """Integrate window by window, then write the outputs, the restart last."""
        windows = int((self.end - self.model.time) / self.plan.window)
        count = progress(range(windows), self._label(), "windows") if self.on_root else range(windows)
        for _ in count:
            self._window()
            if self._due(self.plan.checkpoint_days * DAY) and self.model.time < self.end:
                self._checkpoint()
        self._write()
        self.model.finalize()

    def _window(self) -> None:
        """Forecast to the window's end, then filter and analyse."""
        with self._timed("forecast"):
            first, last = self._forecast(self.model.time + self.plan.window)
        background = self.model.state()
        now = self.observations.select(*self._slot(), withheld=False)
        changed, tally = False, {}
        if self.plan.filters and len(now):
            with self._timed("filter"):
                tally = self.model.filter(now)
            changed = True
        if self.plan.analysis and len(now) and self._due(np.timedelta64(self.plan.analysis["every_hours"], "h")):
            with self._timed("analysis"):
                self._analyse(now)
            changed = True
        analysis = self.model.state(analysed=True) if changed else background
        if self.on_root and self.plan.record:
            tendency = {"ps_tendency_first": first, "ps_tendency_last": last}
            self.trajectory.append(self.model.time, {"background": background, "analysis": analysis}, tendency | tally)
        self._snapshot()

    def _forecast(self, until: np.datetime64) -> tuple[float, float]:
        """Step to a time; RMS surface pressure tendency of the first and of the last step [Pa/s]."""
        self.model.step()
        first = self.model.diagnostics()["surface_pressure_tendency"]
        self.model.run_until(until)
        return first, self.model.diagnostics()["surface_pressure_tendency"]

    def _slot(self) -> tuple[int, int]:
        """Observations nearer to this window's end than to another's are taken as made at it."""
        now, half = int(times.to_seconds(self.model.time)), self.plan.window_hours * 1800
        return now - half, now + half

    def _analyse(self, now: Observations) -> None:
        """Strong coupling: rank 0 analyses the joined state, all ranks take its increment."""
        background = self.model.state(analysed=True)
        increment = None
        if self.on_root:
            analysis = self.analysis(background, now)
            increment = analysis.increment
            costs = [analysis.history[term].numpy() for term in ("background", "observation")]
            if len(costs[0]):  # a filter minimises nothing
                self.trajectory.append_cost(*costs)
        self._sleep_until_root_is_here()
        self.model.add_increment(increment)

    def _sleep_until_root_is_here(self) -> None:
        """A barrier that leaves the processor alone: MPI's own waits by spinning."""
        request = self.comm.Ibarrier()
        while not request.Test():
            time.sleep(0.002)

    def _due(self, interval: np.timedelta64) -> bool:
        """Whether the clock stands on a multiple of an interval since the run began."""
        return (self.model.time - self.begin) % interval == np.timedelta64(0, "s")

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - begun

    def _label(self) -> str:
        return "/".join(Path(self.plan.output["restart"]).parent.parts[-3:])

    # Starting

    def _start_model(self) -> Climate:
        namelist = self.plan.folder / "model.nml"
        if self.on_root:
            write_namelist(namelist, self.plan.model, self.plan.input, self.plan.begin)
        self.comm.barrier()
        model = Climate(bridge.load(Path(self.plan.input["module"])), self.comm, namelist)
        if "start" in self.plan.input:
            model.read_restart(Path(self.plan.input["start"]))
        if self.plan.perturb is not None:
            model.add_increment(self._perturbation(model) if self.on_root else None)
        return model

    def _perturbation(self, model: Climate) -> torch.Tensor:
        generator = np.random.default_rng(self.plan.perturb)
        noise = torch.from_numpy(generator.standard_normal(model.space.size))
        for name, deviation in PERTURBATION.items():
            noise[model.space.index(name)] *= deviation
        return noise * model.space.mask

    def _observations(self) -> Observations:
        path = self.plan.input.get("observations")
        return Observations.from_netcdf(path) if path else Observations.empty()

    # Checkpoints

    def _resume(self) -> None:
        marker = self.plan.folder / "latest.json"
        latest = self.comm.bcast(json.loads(marker.read_text()) if self.on_root and marker.exists() else None)
        if latest is None:
            return
        self.model.read_restart(self.plan.folder / latest["restart"])
        if self.on_root:
            self.trajectory.load(self.plan.folder / latest["record"])
            self.seconds = latest["seconds"]
            print(f"{self._label()}: going on from {self.model.time}", file=sys.stderr, flush=True)

    def _checkpoint(self) -> None:
        """Restart and record first, the marker that names them last: a kill in between costs nothing."""
        stamp = int(times.to_seconds(self.model.time))
        restart, record = f"{stamp}.restart.nc", f"{stamp}.record.npz"
        self.model.write_restart(self.plan.folder / restart)
        if not self.on_root:
            return
        self.trajectory.save(self.plan.folder / record)
        with atomic(self.plan.folder / "latest.json") as partial:
            partial.write_text(json.dumps({"restart": restart, "record": record, "seconds": self.seconds}))
        for old in (*self.plan.folder.glob("*.restart.nc"), *self.plan.folder.glob("*.record.npz")):
            if old.name not in (restart, record):
                old.unlink()

    # Writing

    def _snapshot(self) -> None:
        interval = self.plan.state_interval_days
        if interval and self._due(interval * DAY):
            self.model.write_state(self.plan.folder / "states" / f"{int(times.to_seconds(self.model.time))}.nc")

    def _write(self) -> None:
        output = self.plan.output
        if self.on_root:
            attributes = provenance({k: v for k, v in self.plan.__dict__.items() if k not in ("input", "output")})
            if "states" in output:
                (self.plan.folder / "states").mkdir(exist_ok=True)  # a segment may be too short for a snapshot
                shutil.move(self.plan.folder / "states", output["states"])
            if "trajectory" in output:
                self.trajectory.write(Path(output["trajectory"]), attributes)
            if "timing" in output:
                with atomic(output["timing"]) as partial:
                    partial.write_text(json.dumps(self.seconds))
        self.model.write_restart(Path(output["restart"]))
