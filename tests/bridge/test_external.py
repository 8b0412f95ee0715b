"""The f2py way: a Python function as an argument of the plug."""

import pytest


def test_function_as_an_argument_of_the_plug(toy):
    """f2py's `external`: in place, and unknown outside the plug call."""

    def analysis(x):
        x *= 2

    assert toy.tool_call_external(analysis, 5) == 0
    assert toy.tool_get_external() == 2


@pytest.mark.parametrize("mode", ["status", "unwind"])
def test_exception_of_an_argument_does_not_jump_over_fortran_unasked(toy, mode):
    calls = []

    def analysis(x):
        calls.append(x[0])
        if len(calls) == 2:
            raise ValueError("second call")

    toy.callback_errors = mode
    try:
        for _ in range(1500):  # more than the interpreter's recursion limit, should a jump skip its bookkeeping
            calls.clear()
            with pytest.raises(ValueError, match="second call"):
                toy.tool_call_external(analysis, 5)
            toy.broken_by = None
        assert calls == [1.0, 2.0]
        assert toy.tool_get_external() == 2
    finally:
        toy.callback_errors = "status"


def test_view_kept_by_an_argument_is_detected(toy):
    kept = []
    with pytest.raises(RuntimeError, match=r"kept 1 array\(s\) beyond its call"):
        toy.tool_call_external(lambda x: kept.append(x), 1)


def test_function_of_an_outer_call_is_back_after_a_nested_one(toy):
    def analysis(x):
        assert toy.tool_get_external() == 2
        x *= 2

    assert toy.tool_call_external(analysis, 3) == 0
