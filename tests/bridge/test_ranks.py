"""One rank's error is every rank's error.

It is so within a second where the processors are free. Where this process has to share its own, it is given as much
more as it has to wait for it.
"""

import time

import pytest

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


def allowed():
    """A second, or longer on a machine that is busy with other things [s]."""
    begin, spent = time.perf_counter(), time.process_time()
    while time.process_time() - spent < 0.1:
        pass
    share = 0.1 / (time.perf_counter() - begin)
    return 1.0 if share > 0.8 else 10 / share


def test_sum_over_ranks(run_ranks):
    done = run_ranks(2, HEAD.format(patience=30) + "text = model.tool_get_total()" + TAIL)
    assert done.stdout.splitlines() == ["4860.0", "4860.0"], done.stderr


def test_error_of_one_rank_is_raised_on_all_within_a_second(run_ranks):
    body = """
begin = time.perf_counter()
try:
    model.tool_fail_on(1)
except bridge.FortranError as error:
    text = f"{error.code} {error} {time.perf_counter() - begin < ALLOWED}"
"""
    done = run_ranks(2, HEAD.format(patience=30) + body.replace("ALLOWED", str(allowed())) + TAIL)
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


def test_rank_that_computes_is_interrupted(run_ranks):
    """Rank 1 fails while rank 0 is in a long computation; rank 0 leaves it within a second, and both start anew."""
    body = """
seconds = []
for _ in range(3):  # other programs of this machine may delay one
    begin = time.time()
    try:
        model.tool_fail(2) if comm.rank == 1 else model.tool_compute(100000)
    except bridge.FortranError as error:
        seconds.append(time.time() - begin)
        text = f"{error} {min(seconds) < ALLOWED} {'fail' in model.broken_by or 'compute' in model.broken_by}"
    model.tool_init(comm.py2f(), 4, 3)
text += f" {model.tool_get_total()}"
"""
    done = run_ranks(2, HEAD.format(patience=30) + body.replace("ALLOWED", str(allowed())) + TAIL)
    assert done.stdout.splitlines() == [
        "rank 1: toy.tool_fail: ERROR STOP negative mass True True 4860.0",
        "toy.tool_fail: ERROR STOP negative mass True True 4860.0",
    ], done.stderr


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        ("model.tool_fail(2)", "ERROR STOP negative mass"),
        ("model.register('analysis', wrong); model.tool_step(0.0, 1)", "in wrong"),
        ("model.tool_fail(8)", "Cannot open file '/nonexistent/file'"),
    ],
)
def test_rank_that_waits_inside_mpi_is_aborted_with_the_error_shown(run_ranks, tmp_path, failure, shown):
    """Rank 1 fails before a message that rank 0 waits for: nothing can return, so all ends, with the reason.

    From the error to the end of both ranks within a second; the end of rank 0 is seen by its lock on a file.
    """
    body = f"""
import fcntl
lock = open({str(tmp_path / "lock")!r}, "w")
def wrong(x):
    raise ValueError("bad observation")
def waits():
    model.tool_get_total()
if comm.rank == 0:
    fcntl.flock(lock, fcntl.LOCK_EX)
    comm.barrier()
    waits()
else:
    comm.barrier()
    print(time.time(), flush=True)
    {failure}
"""
    for _ in range(3):  # other programs of this machine may have delayed one
        done, end = run_ranks(2, HEAD.format(patience=30) + body, until_free=tmp_path / "lock")
        assert done.returncode != 0
        assert shown in done.stderr
        limit = allowed()
        if end - float(done.stdout) < limit:
            break
    assert end - float(done.stdout) < limit
    if "fail(8)" not in failure:
        assert "waits inside a library for rank 1, which has failed" in done.stderr
        assert "in waits" in done.stderr
        assert "the others wait inside a library for this rank: aborting" in done.stderr


def test_rank_that_never_makes_the_call_ends_it_after_the_patience(run_ranks):
    body = """
if comm.rank == 1:
    model.tool_fail(2)
else:
    time.sleep(100000)
"""
    done = run_ranks(2, HEAD.format(patience=0.5) + body)
    assert done.returncode != 0
    assert "ERROR STOP negative mass" in done.stderr
    assert "the others did not make this call within 0.5 s: aborting" in done.stderr


def test_unhandled_exception_ends_all_ranks(run_ranks):
    done = run_ranks(2, HEAD.format(patience=30) + "if comm.rank == 0: raise SystemError('alone')\ncomm.barrier()")
    assert done.returncode != 0
    assert "SystemError: alone" in done.stderr
