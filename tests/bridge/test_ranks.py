"""One rank's error is every rank's error."""

import time

HEAD = """
import sys, time
from mpi4py import MPI
from pipeline import bridge
comm = MPI.COMM_WORLD
model = bridge.load(sys.argv[1], comm, patience={patience})
model.tool_init(comm.py2f(), 4, 3)
"""


TAIL = """
texts = comm.gather(text)
if comm.rank == 0:
    print(*texts, sep="\\n")
"""


def test_sum_over_ranks(run_ranks):
    done = run_ranks(2, HEAD.format(patience=30) + "text = model.tool_get_total()" + TAIL)
    assert done.stdout.splitlines() == ["4860.0", "4860.0"], done.stderr


def test_error_of_one_rank_is_raised_on_all_within_a_second(run_ranks):
    body = """
begin = time.perf_counter()
try:
    model.tool_fail_on(1)
except bridge.FortranError as error:
    text = f"{error.code} {error} {time.perf_counter() - begin < 1.0}"
"""
    done = run_ranks(2, HEAD.format(patience=30) + body + TAIL)
    assert done.stdout.splitlines() == [
        "7 rank 1: toy.tool_fail_on: the column of this rank collapsed True",
        "7 toy.tool_fail_on: the column of this rank collapsed True",
    ], done.stderr


def test_exception_of_one_ranks_callback_is_raised_on_all(run_ranks):
    body = """
def analysis(x):
    if comm.rank == 1:
        raise ValueError("bad observation")
model.register("analysis", analysis)
try:
    model.tool_step(0.1, 1)
except Exception as error:
    text = f"{type(error).__name__}: {error}"
"""
    done = run_ranks(2, HEAD.format(patience=30) + body + TAIL)
    assert done.stdout.splitlines() == [
        "FortranError: rank 1: ValueError: bad observation",
        "ValueError: bad observation",
    ]


def test_rank_that_waits_inside_fortran_is_aborted_with_the_error_shown(run_ranks):
    """Rank 1 fails before a message that rank 0 waits for: nothing can return, so the program ends, with the reason."""
    body = """
if comm.rank == 1:
    model.tool_fail(2)
else:
    model.tool_get_total()
"""
    begin = time.perf_counter()
    done = run_ranks(2, HEAD.format(patience=0.5) + body)
    assert done.returncode != 0
    assert "ERROR STOP negative mass" in done.stderr
    assert "did not return from Fortran within 0.5 s: aborting" in done.stderr
    assert time.perf_counter() - begin < 30


def test_unhandled_exception_ends_all_ranks(run_ranks):
    done = run_ranks(2, HEAD.format(patience=30) + "if comm.rank == 0: raise SystemError('alone')\ncomm.barrier()")
    assert done.returncode != 0
    assert "SystemError: alone" in done.stderr
