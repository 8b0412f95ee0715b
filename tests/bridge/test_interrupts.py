"""Ctrl-C and SIGTERM while Fortran computes, waits, or has called Python."""

import os
import signal
import subprocess
import sys
import time

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


def run_and_signal(toy_path, body, number, delay=1.0):
    """Run a program, send it a signal a moment after it is ready; its output, code and seconds until its end."""
    command = [sys.executable, "-c", HEAD + body, str(toy_path)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": dict(os.environ)}
    with subprocess.Popen(command, **streams) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        begin = time.monotonic()
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr, time.monotonic() - begin


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_signal_leaves_a_long_computation(toy_path, number, code):
    body = """
ready()
try:
    model.tool_compute(50)
finally:
    print("cleaned up", model.broken_by)
"""
    returned, stdout, stderr, seconds = run_and_signal(toy_path, body, number)
    assert returned == code, stderr
    assert stdout.startswith("cleaned up tool_compute failed")
    assert seconds < 40  # of 50; a busy machine takes its time to end a process
    if number == signal.SIGINT:
        assert "KeyboardInterrupt: toy.tool_compute, in dynamics_mod::dynamics_compute < toy_plugs::tool_comp" in stderr


def test_program_goes_on_after_an_interrupt(toy_path):
    body = """
ready()
try:
    model.tool_compute(50)
except KeyboardInterrupt:
    model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
    print(model.tool_get_total())
"""
    returned, stdout, stderr, seconds = run_and_signal(toy_path, body, signal.SIGINT)
    assert (returned, stdout) == (0, "2430.0\n"), stderr
    assert seconds < 40


def test_signal_inside_a_library_ends_the_process_with_the_python_stack(toy_path):
    """A library may hold a lock: nothing is jumped over, the process ends when the library does not return."""
    body = "def the_caller(): ready(); model.tool_wait()\nthe_caller()"
    returned, _, stderr, seconds = run_and_signal(toy_path, body, signal.SIGTERM)
    assert returned == 143
    assert "terminated inside a library that does not return; Python was here:" in stderr
    assert "in the_caller" in stderr
    assert seconds < 40


def test_termination_inside_a_callback_waits_for_fortran(toy_path):
    """Python has no handler of SIGTERM, which would end the process at once."""
    body = """
def analysis(x):
    ready()
    time.sleep(3)
    print("analysed")
model.register("analysis", analysis)
try:
    model.tool_step(0.0, 1)
finally:
    print("cleaned up")
"""
    returned, stdout, stderr, seconds = run_and_signal(toy_path, body, signal.SIGTERM)
    assert (returned, stdout) == (143, "analysed\ncleaned up\n"), stderr
    assert seconds < 40


@pytest.mark.parametrize("mode", ["status", "unwind"])
def test_interrupt_inside_a_callback_is_pythons(toy_path, mode):
    body = f"""
def analysis(x):
    ready()
    time.sleep(50)
model.callback_errors = {mode!r}
model.register("analysis", analysis)
model.tool_step(0.0, 1)
"""
    returned, _, stderr, seconds = run_and_signal(toy_path, body, signal.SIGINT)
    assert returned == -signal.SIGINT
    assert "in analysis" in stderr
    assert seconds < 40


def test_interrupt_outside_fortran_is_as_without_the_bridge(toy_path):
    returned, _, stderr, _ = run_and_signal(toy_path, "ready()\ntime.sleep(50)", signal.SIGINT)
    assert returned == -signal.SIGINT
    assert "KeyboardInterrupt" in stderr


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
    os.system(f"(sleep 0.5; kill -TERM {{os.getpid()}}) &")
try:
    model.tool_compute(50)
finally:
    open({str(tmp_path)!r} + f"/clean{{comm.rank}}", "w").close()
    while not os.path.exists({str(tmp_path)!r} + f"/clean{{1 - comm.rank}}"):
        time.sleep(0.01)  # the first to leave aborts the other
"""
    begin = time.monotonic()
    done = run_ranks(2, body)
    assert done.returncode != 0
    assert (tmp_path / "clean0").exists()
    assert (tmp_path / "clean1").exists(), done.stderr
    assert time.monotonic() - begin < 40


def test_other_threads_leave_the_signal_to_the_one_in_fortran(toy_path):
    """The kernel may hand a signal to any thread; a Python thread that sleeps must not swallow it."""
    body = """
import threading
threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
ready()
try:
    model.tool_compute(50)
except KeyboardInterrupt:
    print("caught")
"""
    returned, stdout, stderr, _ = run_and_signal(toy_path, body, signal.SIGINT)
    assert (returned, stdout) == (0, "caught\n"), stderr
