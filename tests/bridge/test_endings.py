"""Rarer ways to end a program, and what a configuration's environment reaches; one model made for it."""

import os
import platform
from pathlib import Path

import pytest
import yaml

from pipeline import bridge
from pipeline.bridge import FortranError, FortranFloatingPointError, FortranRuntimeError, FortranStop

PLUGS = """
module ends_plugs
    use, intrinsic :: iso_c_binding, only: c_int
    use mpi_f08, only: MPI_Abort, MPI_COMM_SELF
    implicit none
    private
    public :: tool_end, tool_init, tool_environment
    interface
        subroutine end_in_c(how) bind(c)
            import :: c_int
            integer(c_int), value :: how
        end subroutine end_in_c
        subroutine end_long()
        end subroutine end_long
        recursive subroutine halve(n)
            import :: c_int
            integer(c_int), intent(in) :: n
        end subroutine halve
    end interface
contains
    subroutine tool_init(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = 0
    end subroutine tool_init
    subroutine tool_end(how, ierr)
        integer(c_int), intent(in) :: how
        integer(c_int), intent(out) :: ierr
        real, allocatable :: absent(:)
        integer, volatile :: zero
        ierr = 0
        select case (how)
        case (1, 2)
            call end_in_c(how)
        case (3)
            call MPI_Abort(MPI_COMM_SELF, 4)
        case (4)
            call end_long()
        case (5)
            error stop 77
        case (6)
            stop
        case (7)
            deallocate (absent)
        case (8)
            call halve(40)
        case (9)
            call inner()
        case (10)
            zero = 0
            ierr = how / zero
        end select
    contains
        subroutine inner()
            stop 'within'
        end subroutine inner
    end subroutine tool_end
    subroutine tool_environment(value, ierr)
        character(len=20), intent(out) :: value
        integer(c_int), intent(out) :: ierr
        call get_environment_variable('BRIDGE_OF_THE_TEST', value)
        ierr = 0
    end subroutine tool_environment
end module ends_plugs
"""
LONG = """
subroutine end_long()
    integer :: code
    if (kind(code) /= 8) return
    code = 6
    call exit(code)
end subroutine end_long
"""
HALVE = """
recursive subroutine halve(n)
    integer, intent(in) :: n
    if (n == 0) stop 'nothing left'
    call halve(n / 2)
end subroutine halve
"""
IN_C = "#include <stdlib.h>\nvoid end_in_c(int how) { how == 1 ? exit(7) : abort(); }\n"


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """A model with a part in C, one whose integers have 8 bytes, and one that calls itself."""
    folder = tmp_path_factory.mktemp("ends")
    for name, text in {"plugs.f90": PLUGS, "long.f90": LONG, "halve.f90": HALVE, "in_c.c": IN_C}.items():
        (folder / name).write_text(text)
    objects = [f"{{build}}/{name}.o" for name in ("long", "halve", "in_c")]
    config = {
        "name": "ends",
        "prepare": [
            ["sh", "-c", "printf %s \"$BRIDGE_OF_THE_TEST\" >'{build}/seen'"],
            ["mpif90", "-g", "-fPIC", "-fdefault-integer-8", "-c", f"{folder}/long.f90", "-o", objects[0]],
            ["mpif90", "-g", "-fPIC", "-c", f"{folder}/halve.f90", "-o", objects[1]],
            ["mpicc", "-g", "-fPIC", "-c", f"{folder}/in_c.c", "-o", objects[2]],
            ["ar", "rcs", "{build}/libends.a", *objects],
        ],
        "sources": [str(folder)],
        "plug": str(folder / "plugs.f90"),
        "libraries": [{"directory": "{build}", "names": ["ends"]}],
        "flags": {"fortran": ["-O0", "-g"]},
        "namelist": str(folder / "ends.nml"),
        "environment": {"BRIDGE_OF_THE_TEST": "across"},
        "plugs": {"message": None},
    }
    (folder / "ends.yaml").write_text(yaml.safe_dump(config))
    model = bridge.load(bridge.build(folder / "ends.yaml", folder / "build"))
    yield model
    del os.environ["BRIDGE_OF_THE_TEST"]


@pytest.mark.parametrize(
    ("how", "kind", "text", "where"),
    [
        (1, FortranStop, r"exit\(7\)", "end_in_c"),
        (2, FortranStop, r"abort\(\)", "end_in_c"),
        (3, FortranStop, r"MPI_Abort\(4\)", "ends_plugs::tool_end"),
        (4, FortranStop, r"call exit\(6\)", "end_long"),
        (5, FortranStop, "ERROR STOP 77", "ends_plugs::tool_end"),
        (6, FortranStop, "STOP", "ends_plugs::tool_end"),
        (7, FortranRuntimeError, "Attempt to DEALLOCATE unallocated 'absent'", "ends_plugs::tool_end"),
        (8, FortranStop, "STOP nothing left", "halve < halve < halve"),
    ],
    ids=["exit in C", "abort in C", "mpi_f08", "8-byte integers", "code", "bare", "deallocate", "recursion"],
)
def test_ends_of_every_kind_are_exceptions_with_their_place(ends, how, kind, text, where):
    with pytest.raises(kind, match=text) as caught:
        ends.tool_end(how)
    with pytest.raises(FortranError, match="refused"):
        ends.tool_end(0)
    ends.tool_init()
    assert where in caught.value.__notes__[0]
    assert ends.tool_end(0) is None


def test_backtrace_names_internal_procedures(ends):
    with pytest.raises(FortranStop, match="STOP within") as caught:
        ends.tool_end(9)
    ends.tool_init()
    assert [line.split(" (")[0] for line in caught.value.backtrace[2:4]] == ["inner", "ends_plugs::tool_end"]


def test_integer_division_by_zero_is_what_the_processor_makes_of_it(ends):
    """x86-64 traps it, whatever was asked for; aarch64 gives 0 and tells nobody."""
    if platform.machine() == "aarch64":
        assert ends.tool_end(10) is None
        return
    with pytest.raises(FortranFloatingPointError, match="integer division by zero") as caught:
        ends.tool_end(10)
    ends.tool_init()
    assert "ends_plugs::tool_end" in caught.value.__notes__[0]


def test_environment_reaches_the_build_and_the_running_model(ends):
    assert (Path(ends.config.plug).parent / "build" / "seen").read_text() == "across"
    assert ends.tool_environment().split() == [b"across"]


def test_namelist_of_the_configuration_is_there_for_the_program(ends):
    assert ends.config.namelist.endswith("/ends.nml")
