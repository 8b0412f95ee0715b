"""The bridge's own costs, against other ways of doing the same: make bench AREA=bridge.

CPU seconds of one thread, the least of several, except where ranks wait for each other (wall time then). Peers run the
same loop in the same process: f2py's own callbacks, ctypes, cffi, plain PyTorch on the same data.
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
from report import ROOT, publish, row
from torch import nn

from pipeline import bridge
from pipeline.bridge.model import collect
from pipeline.bridge.networks import NetworkCallback

SIZES = (8, 343_296)
COLUMNS = {1: 100, 1000: 3, 42_912: 1}  # columns: calls per timing
FAILURES = {1: "stop", 2: "error_stop", 3: "bounds", 4: "allocate", 5: "exit", 6: "abort", 7: "ierr"}
ERRORS = 20_000
ALLOWED, SHARE = 30e-6, 0.05  # what a network may cost more than plain PyTorch: seconds and part
MODEL = Path(__file__).with_name("bridge_model")


def main() -> None:
    """Measure and publish."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = bridge.load(bridge.build(MODEL / "bench.yaml", folder / "bench"))
        peers = compile_peers(folder)
        rows = [*callbacks(model, peers), *plug_call(model), *errors(model), *network(model), *gathered()]
        rows += build_time(folder)
    publish("bridge", rows)


def best(function: Callable[[], object], calls: int = 1, repeats: int = 7) -> float:
    """CPU seconds per call, the least of several timings."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return min(times) / calls


def best_of_both(first: Callable, second: Callable, calls: int, repeats: int = 25) -> tuple[float, float]:
    """`best` of two, timed in turn, so that what disturbs one disturbs the other."""
    pairs = [(best(first, calls, 1), best(second, calls, 1)) for _ in range(repeats)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)


def callbacks(model: bridge.FortranModel, peers: ctypes.CDLL, calls: int = 20_000) -> list[dict]:
    """A callback that touches one element, at both sizes, against other ways."""
    rows, own = [], {}
    model.register("one", touch)
    for n in SIZES:
        x = np.zeros(n)
        own[n] = best(lambda x=x: model.tool_callbacks(x, calls), calls)
        target = 0.35 if n == SIZES[0] else None
        rows.append(row(f"callback_{n}", own[n] * 1e6, "us", "lower", target))
        for name, function in other_ways(model, peers, x, calls).items():
            other = best(function, calls)
            rows.append(row(f"callback_{n}_over_{name}", own[n] / other, "1", "lower", None, f"{other * 1e6:.2f} us"))
    ratio = own[SIZES[1]] / own[SIZES[0]]
    return [*rows, row("callback_large_over_small", ratio, "1", "lower", 1.2, f"{SIZES[0]} elements")]


def touch(x: np.ndarray) -> None:
    """The callback."""
    x[0] = 1.0


def other_ways(model: bridge.FortranModel, peers: ctypes.CDLL, x: np.ndarray, calls: int) -> dict[str, Callable]:
    """The same loop by f2py, ctypes (with a view kept and with one made anew) and cffi."""
    pointer = ctypes.POINTER(ctypes.c_double)
    kind = ctypes.CFUNCTYPE(None, pointer, ctypes.c_int)
    held = (
        kind(lambda data, n: touch(x)),
        kind(lambda data, n: touch(np.ctypeslib.as_array(data, (n,)))),
    )
    address, length = x.ctypes.data_as(pointer), len(x)

    def repeat(handler: object) -> None:
        peers.repeat_pointer(handler, address, length, calls)

    ways = {
        "f2py": lambda: model.tool_external(lambda view, n: touch(view), x, calls),
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
    times = [best(lambda f=f: [f() for _ in range(calls)], calls) * 1e6 for f in (bare, guarded)]
    return [row("guarded_plug_call", times[1], "us", "lower", 0.6, f"bare f2py: {times[0]:.2f} us")]


def errors(model: bridge.FortranModel) -> list[dict]:
    """Memory that 20,000 caught errors of each kind leave behind, and what one costs."""
    rows = []
    model.register("one", raise_error)
    x = np.zeros(1)
    attempts = {name: lambda how=how: model.tool_fail(how) for how, name in FAILURES.items()}
    attempts["exception"] = lambda: model.tool_callbacks(x, 1)
    for name, attempt in attempts.items():
        repeat_failing(model, attempt, 500)
        before, begun = resident(), time.process_time()
        repeat_failing(model, attempt, ERRORS)
        seconds = (time.process_time() - begun) / ERRORS
        rows.append(row(f"memory_{name}", resident() - before, "MB", "lower", 5.0, f"{seconds * 1e6:.0f} us each"))
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
    for n, calls in COLUMNS.items():
        x, y = np.asfortranarray(np.random.default_rng(0).standard_normal((8, n))), np.zeros((8, n), order="F")
        own, plain = best_of_both(
            lambda x=x, y=y, calls=calls: model.tool_network(x, y, calls),
            lambda x=x, y=y, calls=calls: [by_pytorch(net, x, y) for _ in range(calls)],
            calls,
        )
        excess = (own - plain) / (ALLOWED + SHARE * plain)
        rows.append(row(f"network_{n}_over_pytorch", own / plain, "1", "lower", None, f"{plain * 1e6:.0f} us"))
        rows.append(row(f"network_{n}_excess_of_allowed", excess, "1", "lower", 1.0, "30 us + 5 %"))
    return rows


@torch.inference_mode()
def by_pytorch(net: nn.Module, x: np.ndarray, y: np.ndarray) -> None:
    """What one would write without the bridge."""
    torch.from_numpy(y.T).copy_(net(torch.from_numpy(x.T)))


def gathered() -> list[dict]:
    """Two ranks share a network, against each having its own and against Gatherv."""
    command = bridge.mpi_command(2, str(MODEL / "gathered.py"))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, rows = json.loads(done.stdout), []
    for n in (8, 1000, 21456):
        own, window, messages = (seconds[f"{way} {n}"] for way in ("own", "window", "gatherv"))
        rows.append(row(f"gathered_{n}_over_own", window / own, "1", "lower", None, f"{own * 1e6:.0f} us"))
        rows.append(row(f"gathered_{n}_over_gatherv", window / messages, "1", "lower", 1.0, f"{messages * 1e6:.0f} us"))
        rows.append(row(f"gathered_{n}_same_bits", seconds[f"window {n} same bits"], "1 = yes", "higher", 1.0))
    return rows


def build_time(folder: Path) -> list[dict]:
    """The climate module from nothing, and when nothing has changed."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    rows = []
    for name in ("build_climate", "build_climate_unchanged"):
        begun = spent() + time.process_time()
        bridge.build(ROOT / "config/models/climate.yaml", folder / "climate")
        rows.append(row(name, spent() + time.process_time() - begun, "CPU s", "lower"))
    return rows


if __name__ == "__main__":
    main()
