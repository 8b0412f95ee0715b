"""The bridge's own costs, against other ways of doing the same: make bench AREA=bridge.

CPU seconds of one thread, the least of several, except where ranks wait for each other (wall time then). Peers run the
same loop in the same process, in turn with ours, so that what disturbs one disturbs the other: f2py's own callbacks,
ctypes, cffi, plain PyTorch on the same data. It takes about three minutes of one processor.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mpi4py import MPI
from report import ROOT, publish, row
from torch import nn

from pipeline import bridge
from pipeline.bridge.model import collect
from pipeline.bridge.networks import NetworkCallback

SIZES = (8, 343_296)
COLUMNS = {1: (200, 25), 1000: (1, 200), 42_912: (1, 25)}  # columns: calls per timing, timings
FAILURES = (
    "ierr",
    "stop",
    "error_stop",
    "bounds",
    "allocate",
    "exit",
    "abort",
    "mpi_abort",
    "mpi_error",
    "floating",
)  # the order of tool_fail
ERRORS = 20_000
ALLOWED, SHARE = 30e-6, 0.05  # what a network may cost more than plain PyTorch: seconds and part
MODEL = Path(__file__).with_name("bridge_model")


def main() -> None:
    """Measure and publish."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        module = bridge.build(MODEL / "bench.yaml", folder / "bench")
        model, peers = bridge.load(module, MPI.COMM_SELF), compile_peers(folder)
        rows = [*callbacks(model, peers), *plug_call(model), *errors(model), *network(model)]
        rows += [*on_two_ranks(module), *build_time(folder)]
    publish("bridge", rows)


def best(ways: dict[str, Callable[[], object]], calls: int, repeats: int = 15) -> dict[str, float]:
    """CPU seconds per call of each way, the least of several timings in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            times[name].append(time.process_time() - begun)
    return {name: min(values) / calls for name, values in times.items()}


def callbacks(model: bridge.FortranModel, peers: ctypes.CDLL, calls: int = 20_000) -> list[dict]:
    """A callback that touches one element, at both sizes, against other ways."""
    model.register("one", touch)
    arrays = {n: np.zeros(n) for n in SIZES}
    ways = {(n, name): way for n, x in arrays.items() for name, way in all_ways(model, peers, x, calls).items()}
    seconds, rows = best(ways, calls), []
    for (n, name), other in seconds.items():
        own = seconds[n, "own"]
        if name == "own":
            rows.append(row(f"callback_{n}", own * 1e6, "us", "lower", 0.35 if n == SIZES[0] else None))
        else:
            rows.append(row(f"callback_{n}_over_{name}", own / other, "1", "lower", None, f"{other * 1e6:.2f} us"))
    small, large = (seconds[n, "own"] for n in SIZES)
    return [*rows, row("callback_large_over_small", large / small, "1", "lower", 1.2, f"{small * 1e6:.2f} us")]


def touch(x: np.ndarray) -> None:
    """The callback."""
    x[0] = 1.0


def all_ways(model: bridge.FortranModel, peers: ctypes.CDLL, x: np.ndarray, calls: int) -> dict[str, Callable]:
    """The same loop by the bridge, f2py, ctypes (with a view kept and with one made anew) and cffi."""
    pointer = ctypes.POINTER(ctypes.c_double)
    kind = ctypes.CFUNCTYPE(None, pointer, ctypes.c_int)
    held = (
        kind(lambda data, n: touch(x)),
        kind(lambda data, n: touch(np.ctypeslib.as_array(data, (n,)))),
    )
    address, length = x.ctypes.data_as(pointer), len(x)

    bare_external = collect(model._module.plugs)["tool_external"]

    def repeat(handler: object) -> None:
        peers.repeat_pointer(handler, address, length, calls)

    ways = {
        "own": lambda: model.tool_callbacks(x, calls),
        "f2py": lambda: bare_external(lambda view, n: touch(view), x, calls),
        "ctypes_cached": lambda: repeat(held[0]),
        "ctypes_fresh": lambda: repeat(held[1]),
    }
    try:
        import cffi
    except ImportError:
        return ways
    ffi = cffi.FFI()

    @ffi.callback("void(double *, int)")
    def by_cffi(data: object, n: int) -> None:
        touch(np.frombuffer(ffi.buffer(data, n * 8)))

    return ways | {"cffi": lambda: repeat(ctypes.c_void_p(int(ffi.cast("intptr_t", by_cffi))))}


def compile_peers(folder: Path) -> ctypes.CDLL:
    """The loop over a C function pointer."""
    library = folder / "peers.so"
    subprocess.run(["gfortran", "-O2", "-fPIC", "-shared", MODEL / "peers.f90", "-o", library], check=True, cwd=folder)
    return ctypes.CDLL(str(library))


def plug_call(model: bridge.FortranModel, calls: int = 20_000) -> list[dict]:
    """An empty plug, guarded and with its error code looked at, against f2py's bare call."""
    bare, guarded = collect(model._module.plugs)["tool_nothing"], model.tool_nothing

    def many(plug: Callable) -> Callable:
        return lambda: [plug() for _ in range(calls)]

    us = {name: 1e6 * s for name, s in best({"bare": many(bare), "guarded": many(guarded)}, calls).items()}
    return [row("guarded_plug_call", us["guarded"], "us", "lower", 0.6, f"bare f2py: {us['bare']:.2f} us")]


def errors(model: bridge.FortranModel) -> list[dict]:
    """Memory that 20,000 caught errors of each kind leave behind, and what one costs."""
    rows, x = [], np.zeros(1)
    model.register("one", raise_error)
    model.floating_traps = True
    attempts = {name: lambda how=how: model.tool_fail(how) for how, name in enumerate(FAILURES, 1)}
    attempts |= {f"exception_{mode}": lambda: model.tool_callbacks(x, 1) for mode in ("status", "unwind")}
    attempts["exception_f2py"] = lambda: model.tool_external(raise_error, x, 1)
    for name, attempt in attempts.items():
        model.callback_errors = "unwind" if name.endswith("unwind") else "status"
        repeat_failing(model, attempt, 500)
        before, begun = resident(), time.process_time()
        repeat_failing(model, attempt, ERRORS)
        seconds = (time.process_time() - begun) / ERRORS
        rows.append(row(f"memory_{name}", resident() - before, "MB", "lower", 5.0, f"{seconds * 1e6:.0f} us each"))
    model.floating_traps, model.callback_errors = False, "status"
    return rows


def raise_error(_: np.ndarray) -> None:
    """A callback that fails."""
    raise ValueError("no")


def repeat_failing(model: bridge.FortranModel, attempt: Callable[[], object], count: int) -> None:
    """Fail, be caught, start again."""
    for _ in range(count):
        try:
            attempt()
        except (bridge.FortranError, ValueError):
            model.tool_init()
        else:
            raise SystemExit("this was to fail")


def resident() -> float:
    """Memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def perceptron() -> nn.Module:
    """8-64-64-8 in double precision."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8)).double().eval()


def network(model: bridge.FortranModel) -> list[dict]:
    """A network called from Fortran against plain PyTorch on the same memory; both write the result back."""
    net, rows = perceptron(), []
    model.register("network", NetworkCallback(net, device="cpu"))
    for n, (calls, repeats) in COLUMNS.items():
        x, y = np.asfortranarray(np.random.default_rng(0).standard_normal((8, n))), np.zeros((8, n), order="F")
        ways = {
            "own": lambda x=x, y=y, calls=calls: model.tool_network(x, y, calls),
            "plain": lambda x=x, y=y, calls=calls: [by_pytorch(net, x, y) for _ in range(calls)],
        }
        own, plain = best(ways, calls, repeats).values()
        excess = (own - plain) / (ALLOWED + SHARE * plain)
        rows.append(row(f"network_{n}_over_pytorch", own / plain, "1", "lower", None, f"{plain * 1e6:.0f} us"))
        rows.append(row(f"network_{n}_excess_of_allowed", excess, "1", "lower", 1.0, "30 us + 5 %"))
    return rows


@torch.inference_mode()
def by_pytorch(net: nn.Module, x: np.ndarray, y: np.ndarray) -> None:
    """What one would write without the bridge."""
    torch.from_numpy(y.T).copy_(net(torch.from_numpy(x.T)))


def on_two_ranks(module: Path) -> list[dict]:
    """A plug call agreed over the ranks; a shared network, against each rank having its own and against Gatherv."""
    command = bridge.mpi_command(2, str(MODEL / "gathered.py"), str(module))
    here = dict(os.environ)  # without what this process's own MPI has put there
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=here)
    seconds = json.loads(done.stdout)
    rows = [row("agreed_plug_call", seconds["plug"] * 1e6, "us", "lower", None, "two ranks")]
    for n in (8, 1000, 21456):
        for peer in ("own", "gatherv"):
            other = seconds[f"{peer} {n}"]
            ratio = seconds[f"window {n}"] / other
            rows.append(row(f"gathered_{n}_over_{peer}", ratio, "1", "lower", None, f"{other * 1e6:.0f} us"))
        rows.append(row(f"gathered_{n}_same_bits", seconds[f"window {n} same bits"], "1 = yes", "higher", 1.0))
    return rows


def build_time(folder: Path) -> list[dict]:
    """The climate module from nothing, and when nothing has changed; a plug file alone, without libraries."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    rows, climate = [], ROOT / "config/models/climate.yaml"
    todo = {"plug_file": MODEL / "bench.yaml", "climate": climate, "climate_unchanged": climate}
    for name, file in todo.items():
        begun = spent() + time.process_time()
        bridge.build(file, folder / f"build_{file.stem}")
        rows.append(row(f"build_{name}", spent() + time.process_time() - begun, "CPU s", "lower"))
    return rows


if __name__ == "__main__":
    main()
