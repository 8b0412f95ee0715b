"""Two ways for an exception to leave Fortran: with a return code, or at once."""

import os
import traceback
from pathlib import Path

import numpy as np
import pytest


def test_unwind_leaves_fortran_at_once(toy):
    """With `status` Fortran sees rc in each of its ten calls; with `unwind` it never gets back from the first."""

    def analysis(x):
        x[0] += 1
        raise ValueError("no such station")

    toy.register("analysis", analysis)
    for mode in ("unwind", "status"):
        x = np.zeros(4)
        toy.callback_errors = mode
        with pytest.raises(ValueError, match="no such station") as caught:
            toy.tool_call(x, 10)
        names = [frame.name for frame in traceback.extract_tb(caught.tb)]
        assert names[-1] == "analysis"
        assert x[0] == 1
        assert "tool_call failed (no such station)" in toy.broken_by
        toy.broken_by = None
    assert toy.callback_errors == "status"


def test_unwind_is_left_by_the_innermost_call(toy):
    """An exception two callbacks deep: the inner plug call raises it in the outer callback, which can handle it."""
    toy.callback_errors = "unwind"
    seen = []

    def inner(x):
        raise KeyError("inner")

    def outer(x):
        toy.register("analysis", inner)
        try:
            toy.tool_call(np.zeros(1), 1)
        except KeyError as error:
            seen.append(error.args[0])
            toy.broken_by = None

    toy.register("analysis", outer)
    try:
        toy.tool_step(0.0, 1)
    finally:
        toy.callback_errors = "status"
    assert seen == ["inner"]


def test_unknown_mode_is_refused(toy):
    from pipeline.errors import PipelineError

    with pytest.raises(PipelineError, match="choose from status, unwind, found 'jump'"):
        toy.callback_errors = "jump"


def test_exceptions_do_not_leak(toy):
    """2,000 exceptions of each kind; f2py alone would lose the model's work array at each one."""

    def analysis(x):
        raise ValueError("no such station")

    def grow(mode, count):
        toy.callback_errors = mode
        before = resident()
        for _ in range(count):
            with pytest.raises(ValueError, match="station"):
                toy.tool_call(np.zeros(4), 2)
            toy.broken_by = None
        return resident() - before

    toy.register("analysis", analysis)
    try:
        for mode in ("status", "unwind"):
            grow(mode, 200)
            assert grow(mode, 2000) < 500_000
    finally:
        toy.callback_errors = "status"


def resident():
    """Memory of this process [byte]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
