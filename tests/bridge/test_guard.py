"""Errors of Fortran become exceptions; the process and the interpreter live on."""

import gc
import signal
import subprocess
import sys
import weakref

import pytest

from pipeline.bridge import FortranError, FortranRuntimeError, FortranStop


def test_error_code_becomes_an_exception_with_the_models_message(toy):
    with pytest.raises(FortranError, match=r"^toy\.tool_init: nx and ny must be positive$") as caught:
        toy.tool_init(0, 0, 3)
    assert (caught.value.plug, caught.value.code) == ("tool_init", 2)


def test_outputs_come_without_the_error_code(toy):
    assert toy.tool_get_total() == 12 * 2.5 + 4 * 600
    assert toy.call("tool_step", 0.1, 0) is None
    words, last = toy.tool_argument()
    assert (words, last.strip()) == (2, b"8")


def test_diffusion_conserves_the_total_over_many_calls(toy):
    before = toy.tool_get_total()
    for _ in range(100):
        toy.tool_step(0.2, 0)
    assert toy.tool_get_total() == pytest.approx(before, rel=1e-13)
    assert toy.tool_get_field(4, 3)[:, 0] == pytest.approx(102.5, rel=1e-12)  # the mean of 101 ... 104


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        (1, FortranStop, "STOP the field left the domain"),
        (2, FortranStop, "ERROR STOP negative mass"),
        (3, FortranRuntimeError, "Index '7' of dimension 1 of array 'field' above upper bound of 4"),
        (4, FortranRuntimeError, "Error allocating"),
        (5, FortranStop, r"call exit\(3\)"),
        (6, FortranStop, "call abort"),
        (9, FortranStop, "STOP 42"),
        (10, FortranStop, r"MPI_Abort\(4\)"),
        (13, FortranRuntimeError, "MPI: MPI_ERR_RANK: invalid rank"),
    ],
)
def test_end_of_program_becomes_an_exception(toy, how, kind, text):
    with pytest.raises(kind, match=text) as caught:
        toy.tool_fail(how)
    assert "toy_plugs::tool_fail" in caught.value.__notes__[0]
    lines = [line for line in caught.value.backtrace if "(dynamics_mod.F90:" in line or "(base_mod.F90:" in line]
    assert len(lines) == 1


def test_stop_can_be_survived_many_times(toy):
    from mpi4py import MPI

    for _ in range(2000):
        with pytest.raises(FortranStop):
            toy.tool_fail(1)
        toy.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
    assert toy.tool_get_total() == 2430.0


def test_state_is_broken_for_every_object_of_the_model(toy, toy_path):
    from pipeline import bridge

    with pytest.raises(FortranStop):
        toy.tool_fail(1)
    with pytest.raises(FortranError, match="refused"):
        bridge.load(toy_path).tool_get_total()


def test_broken_model_refuses_until_it_is_healed(toy):
    from mpi4py import MPI

    with pytest.raises(FortranStop):
        toy.tool_fail(1)
    with pytest.raises(FortranError, match=r"refused.*since tool_fail failed.*call tool_init or tool_read_restart"):
        toy.tool_step(0.1, 0)
    with pytest.raises(FortranError, match="refused"):
        toy.tool_get_total()
    toy.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
    toy.tool_step(0.1, 0)


def test_stop_inside_a_nested_call_reaches_the_innermost_python(toy):
    """Python -> Fortran -> callback -> Fortran STOP: the callback can handle it."""
    seen = []

    def analysis(x):
        try:
            toy.tool_fail(2)
        except FortranStop as error:
            seen.append(str(error))
            toy.broken_by = None

    toy.register("analysis", analysis)
    toy.tool_step(0.0, 1)
    assert seen == ["toy.tool_fail: ERROR STOP negative mass"]


def test_wrong_arguments_are_named_and_break_nothing(toy):
    with pytest.raises(TypeError):
        toy.tool_step()
    toy.tool_step(0.1, 0)


def test_plug_is_a_function_with_a_name_and_a_description(toy):
    assert toy.tool_step.__name__ == "tool_step"
    assert toy.tool_step.__doc__.startswith("ierr = tool_step(nu,assimilate)")
    with pytest.raises(TypeError, match=r"tool_step\(\) takes no keyword arguments"):
        toy.tool_step(nu=0.1, assimilate=0)


def test_objects_of_a_model_do_not_outlive_their_use(toy_path):
    """A plug knows its model and the model its plugs: the interpreter has to be able to see that circle."""
    from pipeline import bridge

    model = weakref.ref(bridge.load(toy_path))
    gc.collect()
    assert model() is None


def test_unknown_plug_lists_the_choices(toy):
    with pytest.raises(AttributeError, match=r"no plug 'tool_jump'; it has .*tool_step"):
        toy.tool_jump()


def test_error_inside_the_runtime_library_ends_with_the_python_stack(toy_path):
    """An I/O error ends in exit() within libgfortran; the last words say where Python was, the code is not 0."""
    program = (
        "import sys; from mpi4py import MPI; from pipeline import bridge\n"
        "def the_caller(): m.tool_fail(8)\n"
        f"m = bridge.load({str(toy_path)!r}); m.tool_init(MPI.COMM_SELF.py2f(), 4, 3); the_caller()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "Cannot open file '/nonexistent/file'" in done.stderr
    assert "in the_caller" in done.stderr


def test_errors_of_mpi_are_still_pythons_where_python_makes_the_call(toy):
    from mpi4py import MPI

    with pytest.raises(MPI.Exception, match="MPI_ERR_RANK"):
        MPI.COMM_SELF.send(1, dest=99)


def test_crash_shows_the_python_stack(toy_path):
    """Memory that is not the model's: the process is lost, but says where."""
    program = (
        "from mpi4py import MPI; from pipeline import bridge\n"
        "def the_caller(): m.tool_fail(14)\n"
        f"m = bridge.load({str(toy_path)!r}); m.tool_init(MPI.COMM_SELF.py2f(), 4, 3); the_caller()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert "in the_caller" in done.stderr


def test_stop_on_another_thread_ends_with_the_reason(toy_path):
    """There is no Python on that thread to raise an exception in; STOP alone would end the process with code 0."""
    program = (
        "from mpi4py import MPI; from pipeline import bridge\n"
        "def the_caller(): m.tool_stop_on_thread()\n"
        f"m = bridge.load({str(toy_path)!r}); m.tool_init(MPI.COMM_SELF.py2f(), 4, 3); the_caller()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "STOP on the second thread (on a thread that Python did not call" in done.stderr
    assert "in the_caller" in done.stderr


FLOATING = """
import sys
import numpy as np
from mpi4py import MPI
from pipeline import bridge
model = bridge.load(sys.argv[1])
if len(sys.argv) > 2:
    model._support.can_trap = lambda: False
model.floating_traps = True
def analysis(x):
    with np.errstate(divide="ignore"):
        assert np.isinf(np.float64(1.0) / np.zeros(1))
def make_huge(x):
    x[::2], x[1::2] = 1.7e308, -1.7e308
def fail(plug, *arguments):
    try:
        getattr(model, plug)(*arguments)
    except FloatingPointError as error:
        print(error, model.broken_by is not None)
    except bridge.FortranError as error:
        print("went on to its end with code", error.code)
    model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
model.tool_init(MPI.COMM_SELF.py2f(), 4, 3)
model.register("analysis", analysis)
for how in (7, 11, 12, 7):
    model.tool_step(0.1, 1)
    fail("tool_fail", how)
model.register("analysis", make_huge)
model.tool_step(0.1, 1)
fail("tool_step", 0.1, 1)
fail("tool_fail", 1)
model.floating_traps = False
fail("tool_fail", 7)
"""


@pytest.mark.parametrize("late", [False, True], ids=["trapped", "noted"])
def test_floating_point_errors(toy, toy_path, late):
    """Each is an exception where it is asked for, in Fortran and not in callbacks; where the processor cannot trap, a
    late one that says so, also when Python has been called in between. An error of another kind goes first."""
    if not late and not toy._support.can_trap():
        pytest.skip("this processor does not stop at floating-point errors")
    command = [sys.executable, "-c", FLOATING, str(toy_path), *(["late"] if late else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    where = " somewhere in the call (this processor cannot stop where it happens)" if late else ""
    assert done.stdout.splitlines() == [
        f"toy.tool_fail: floating-point division by zero{where} True",
        f"toy.tool_fail: floating-point overflow{where} True",
        f"toy.tool_fail: floating-point invalid operation{where} True",
        f"toy.tool_fail: floating-point division by zero{where} True",
        f"toy.tool_step: floating-point overflow{where} True",
        "went on to its end with code None",
        "went on to its end with code 5",
    ], done.stderr
