"""Ctrl-C and SIGTERM while Fortran computes, waits, or has called Python."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
from mpi4py import MPI
from pipeline import bridge
model = bridge.load(sys.argv[1])
model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
ready = lambda: print("ready", flush=True)
"""


def run_and_signal(toy_path, body, number):
    """Run a program, send it a signal once it computes or sleeps; its code, output and messages.

    Nothing here depends on the speed of the machine: what would last if the signal had no effect never ends by itself.
    """
    command = [sys.executable, "-c", HEAD + body, str(toy_path)]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, env=dict(os.environ), **streams) as process:
        assert process.stdout.readline() == "ready\n"
        wait_until_busy(process.pid)
        process.send_signal(number)
        try:
            stdout, stderr = process.communicate(timeout=300)  # which ends the program's input
        finally:
            process.kill()
    return process.returncode, stdout, stderr


def wait_until_busy(process):
    """Until a process has computed for 0.3 s more, or has slept for 0.2 s."""
    begin, sleeps = None, 0
    while sleeps < 10:
        state, *_ = words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks = int(words[11])
        begin = ticks if begin is None else begin
        if ticks - begin > 0.3 * os.sysconf("SC_CLK_TCK"):
            return
        sleeps = sleeps + 1 if state == "S" else 0
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_signal_leaves_a_long_computation(toy_path, number, code):
    body = """
ready()
try:
    model.tool_compute(100000)
finally:
    print("cleaned up", model.broken_by)
"""
    returned, stdout, stderr = run_and_signal(toy_path, body, number)
    assert returned == code, stderr
    assert stdout.startswith("cleaned up tool_compute failed")
    if number == signal.SIGINT:
        assert "KeyboardInterrupt: toy.tool_compute, in dynamics_mod::dynamics_compute < toy_plugs::tool_comp" in stderr


def test_program_goes_on_after_an_interrupt(toy_path):
    body = """
ready()
try:
    model.tool_compute(100000)
except KeyboardInterrupt:
    model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
    print(model.tool_get_total())
"""
    returned, stdout, stderr = run_and_signal(toy_path, body, signal.SIGINT)
    assert (returned, stdout) == (0, "2430.0\n"), stderr


def test_signal_inside_a_library_ends_the_process_with_the_python_stack(toy_path):
    """A library may hold a lock: nothing is jumped over, the process ends when the library does not return."""
    body = "def the_caller(): ready(); model.tool_wait()\nthe_caller()"
    returned, _, stderr = run_and_signal(toy_path, body, signal.SIGTERM)
    assert returned == 143
    assert "terminated inside a library that does not return; Python was here:" in stderr
    assert "in the_caller" in stderr


def test_termination_inside_a_callback_waits_for_fortran(toy_path):
    """Python has no handler of SIGTERM, which would end the process at once."""
    body = """
def analysis(x):
    ready()
    sys.stdin.readline()  # returns after the signal was sent
    print("analysed")
model.register("analysis", analysis)
try:
    model.tool_step(0.0, 1)
finally:
    print("cleaned up")
"""
    returned, stdout, stderr = run_and_signal(toy_path, body, signal.SIGTERM)
    assert (returned, stdout) == (143, "analysed\ncleaned up\n"), stderr


@pytest.mark.parametrize("mode", ["status", "unwind"])
def test_interrupt_inside_a_callback_is_pythons(toy_path, mode):
    body = f"""
def analysis(x):
    ready()
    time.sleep(100000)
model.callback_errors = {mode!r}
model.register("analysis", analysis)
model.tool_step(0.0, 1)
"""
    returned, _, stderr = run_and_signal(toy_path, body, signal.SIGINT)
    assert returned == -signal.SIGINT
    assert "in analysis" in stderr


def test_interrupt_outside_fortran_is_as_without_the_bridge(toy_path):
    returned, _, stderr = run_and_signal(toy_path, "ready()\ntime.sleep(100000)", signal.SIGINT)
    assert returned == -signal.SIGINT
    assert "KeyboardInterrupt" in stderr


TWINS = """
twin = bridge.load({twin!r})
twin.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
"""


@pytest.mark.parametrize("which", ["model", "twin"])
def test_interrupt_of_one_of_two_models(toy_path, twin_path, which):
    body = f"""
ready()
try:
    {which}.tool_compute(100000)
except KeyboardInterrupt:
    print(model.broken_by is None, twin.broken_by is None)
"""
    returned, stdout, stderr = run_and_signal(toy_path, TWINS.format(twin=str(twin_path)) + body, signal.SIGINT)
    assert (returned, stdout) == (0, f"{which == 'twin'} {which == 'model'}\n"), stderr


def test_termination_of_the_first_of_two_models_inside_a_library(toy_path, twin_path):
    """It is looked after again and again, which needs the timer of that model."""
    body = "def the_caller(): ready(); model.tool_wait()\nthe_caller()"
    returned, _, stderr = run_and_signal(toy_path, TWINS.format(twin=str(twin_path)) + body, signal.SIGTERM)
    assert returned == 143
    assert "in the_caller" in stderr


def test_both_ranks_end_on_a_signal(run_ranks, tmp_path):
    """mpirun passes SIGTERM on; both ranks raise SystemExit and reach their `finally`."""
    body = f"""
import os, sys
from mpi4py import MPI
from pipeline import bridge
comm = MPI.COMM_WORLD
model = bridge.load(sys.argv[1], comm)
model.tool_init(comm.py2f(), 4, 3)
if comm.rank == 0:
    spent = f"$(cut -d' ' -f14 /proc/{{os.getpid()}}/stat)"  # in ticks
    wait = f"begin={{spent}}; while [ $(({{spent}} - begin)) -lt 50 ]; do sleep 0.1; done"
    os.system(f"({{wait}}; kill -TERM {{os.getpid()}}) &")
try:
    model.tool_compute(100000)
finally:
    open({str(tmp_path)!r} + f"/clean{{comm.rank}}", "w").close()
    while not os.path.exists({str(tmp_path)!r} + f"/clean{{1 - comm.rank}}"):
        time.sleep(0.01)  # the first to leave aborts the other
"""
    done = run_ranks(2, body, timeout=300)
    assert done.returncode != 0
    assert (tmp_path / "clean0").exists()
    assert (tmp_path / "clean1").exists(), done.stderr


def test_other_threads_leave_the_signal_to_the_one_in_fortran(toy_path):
    """The kernel may hand a signal to any thread; a Python thread that sleeps must not swallow it."""
    body = """
import threading
threading.Thread(target=time.sleep, args=(100000,), daemon=True).start()
ready()
try:
    model.tool_compute(100000)
except KeyboardInterrupt:
    print("caught")
"""
    returned, stdout, stderr = run_and_signal(toy_path, body, signal.SIGINT)
    assert (returned, stdout) == (0, "caught\n"), stderr
