"""Fortran-callable Python: in place, without a copy, with errors that keep their traceback."""

import subprocess
import time
import traceback
from pathlib import Path

import numpy as np
import pytest


def test_callback_works_in_place_on_fortran_memory(toy):
    seen = []

    def analysis(x):
        seen.append((x.shape, x.dtype, x.flags.f_contiguous, x.flags.owndata, x[2, 1]))
        x[0, 0] = -5.0

    toy.register("analysis", analysis)
    toy.tool_step(0.0, 1)
    assert seen == [((4, 3), np.float64, True, False, 203.0)]
    assert toy.tool_get_field(4, 3)[0, 0] == -5.0


def test_the_view_is_the_array_not_a_copy(toy):
    x = np.arange(8.0)
    addresses = set()
    toy.register("analysis", lambda view: addresses.add(view.ctypes.data))
    toy.tool_call(x, 3)
    assert addresses == {x.ctypes.data}


def test_several_arrays_of_different_kind_and_rank(toy):
    def several(*arrays):
        if len(arrays) == 1:
            assert arrays[0].shape == (1, 3, 4)
            assert arrays[0].strides == (8, 16, 48)
            arrays[0][:] = -1.0
            return
        wind, rain, date = arrays
        assert (wind.shape, rain.dtype, date.dtype) == ((2, 3, 4), np.float32, np.int32)
        assert date.tolist() == [2000, 1, 31]
        assert not date.flags.writeable
        wind += 10.0
        rain += 20.0

    toy.register("several", several)
    toy.tool_call_several()


def test_every_rank_and_kind_lies_where_fortran_has_it(toy):
    def ranks(*arrays):
        assert [a.ndim for a in arrays] == [0, 1, 2, 3, 4, 0, 4, 0, 4]
        kinds = [np.float64] * 5 + [np.float32] * 2 + [np.int32] * 2
        assert [a.dtype for a in arrays] == kinds
        assert [a.flat[0] for a in arrays] == [10, 11, 12, 13, 14, 20, 24, 30, 34]
        assert not any(a.flags.owndata for a in arrays)
        for array in arrays:
            array[...] *= 2

    def section(x):
        """x3(2:1:-1, 1:3:2, 2): two of three columns, backwards, of an array of shape (2, 3, 2)."""
        assert (x.shape, x.strides) == ((2, 2), (-8, 32))
        x[:] = [[1, 2], [3, 4]]

    def scalar(x):
        assert (x.ndim, x[()]) == (0, 60)
        x[...] = 61

    for function in (ranks, section, scalar):
        toy.register(function.__name__, function)
    toy.tool_call_ranks()


def test_names_scalars_and_texts(toy):
    seen = []

    def labels(process, *, x, n, dt, wet, seconds):
        seen.append((process, x.shape, n, dt, wet, seconds))

    toy.register("labels", labels)
    assert toy.tool_call_labels(0) == 0
    assert seen == [("rain", (4, 3), 3, 0.5, True, 2**40)]
    assert [type(value) for value in seen[0]] == [str, tuple, int, float, bool, int]


def test_name_before_an_argument_without_one_is_refused(toy):
    toy.register("labels", lambda *arguments, **named: None)
    with pytest.raises(TypeError, match="argument 2 of the callback has no name, but one before it has"):
        toy.tool_call_labels(1)


def test_text_that_does_not_fit_is_refused_not_cut(toy):
    called = []
    toy.register("labels", lambda *arguments: called.append(arguments))
    assert toy.tool_call_labels(2) == 3
    assert not called


def test_callback_is_replaceable_while_running(toy):
    x = np.zeros(2)

    def second(view):
        view[1] += 1

    def first(view):
        view[0] += 1
        toy.register("analysis", second)

    toy.register("analysis", first)
    toy.tool_call(x, 3)
    assert x.tolist() == [1.0, 2.0]


def test_first_exception_comes_out_with_its_traceback(toy):
    def innermost(x):
        raise KeyError("no such station")

    def analysis(x):
        innermost(x)

    toy.register("analysis", analysis)
    with pytest.raises(KeyError, match="no such station") as caught:
        toy.tool_step(0.0, 1)
    names = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert names[-2:] == ["analysis", "innermost"]


def test_further_callbacks_are_refused_until_the_exception_is_out(toy):
    calls = []

    def analysis(x):
        calls.append(len(calls))
        if len(calls) == 2:
            raise ValueError(f"call {len(calls)}")

    toy.register("analysis", analysis)
    with pytest.raises(ValueError, match="call 2"):
        toy.tool_call(np.zeros(4), 10)
    assert calls == [0, 1]


def test_plug_that_ignores_the_return_code_still_raises(toy):
    def analysis(x):
        raise ZeroDivisionError

    toy.register("analysis", analysis)
    with pytest.raises(ZeroDivisionError):
        toy.tool_call(np.zeros(4), 1)  # its ierr is 0


def test_unregistered_callback_is_the_models_error(toy):
    from pipeline.bridge import FortranError

    with pytest.raises(FortranError, match="the analysis failed"):
        toy.tool_step(0.0, 1)


@pytest.mark.parametrize("derived", [lambda x: x, lambda x: x[1:], lambda x: x.T, memoryview])
def test_kept_view_is_detected(toy, derived):
    kept = []
    toy.register("analysis", lambda x: kept.append(derived(x)))
    with pytest.raises(RuntimeError, match=r"kept 1 array\(s\) beyond its call.*x\.copy\(\)"):
        toy.tool_step(0.0, 1)


def test_kept_view_never_points_at_freed_memory(toy):
    kept = []
    toy.register("analysis", kept.append)
    with pytest.raises(RuntimeError):
        toy.tool_step(0.0, 1)
    toy.tool_final()
    assert kept[0][3, 2] == 304.0
    assert isinstance(kept[0].base, np.ndarray)


def test_kept_copy_and_cycle_are_no_kept_view(toy):
    kept = []

    def analysis(x):
        kept.append(x.copy())
        cycle = [x]
        cycle.append(cycle)

    toy.register("analysis", analysis)
    toy.tool_step(0.0, 1)
    assert kept[0][0, 0] == 101.0


def test_callback_from_another_thread_is_refused(toy):
    """The thread that called Fortran holds Python's lock; another one would wait for it for ever."""
    calls = []
    toy.register("analysis", lambda x: calls.append(x.size))
    assert toy.tool_call_threads() == (1, 1)
    assert calls == [4]


def test_what_is_not_a_function_is_refused(toy):
    from pipeline.errors import PipelineError

    with pytest.raises(PipelineError, match="expected a function, found int"):
        toy.register("analysis", 3)


def test_cost_does_not_depend_on_the_size(toy):
    """A copy of 343,296 numbers takes about 100 us; a call without one takes less than a microsecond."""

    def analysis(x):
        x[0] = 1.0

    toy.register("analysis", analysis)
    cost = {}
    for n in (8, 343_296):
        x, times = np.zeros(n), []
        for _ in range(5):
            begin = time.process_time()
            toy.tool_call(x, 4000)
            times.append(time.process_time() - begin)
        cost[n] = min(times) / 4000
    assert cost[343_296] < 5 * cost[8]
    assert cost[343_296] < 20e-6


def test_plain_fortran_program_needs_no_python(tmp_path):
    """callback_mod alone: 2 is `callback_unknown`; a handler in Fortran is called; a withdrawn one is unknown again."""
    here = Path(__file__).parent
    bridge = here.parents[1] / "fortran/bridge"
    names = ("strides.c", "callback_argument_mod.F90", "callback_mod.F90")
    sources = [*(bridge / name for name in names), here / "fortran/plain_main.F90"]
    compile_all = ["gfortran", "-Wall", "-Werror=implicit-interface", "-J", str(tmp_path), *map(str, sources)]
    subprocess.run([*compile_all, "-o", str(tmp_path / "plain")], check=True, capture_output=True)
    done = subprocess.run([str(tmp_path / "plain")], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["unknown 2", "handled 1 0 1", "section 0 2", "withdrawn 1 2"]
