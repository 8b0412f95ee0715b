!> Kinds shared by every component of the climate model.
module kinds_mod
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use, intrinsic :: iso_fortran_env, only: int64
    implicit none
    private

    !> Working precision of the model, the same as C's double so that the plugs need no conversion.
    integer, parameter, public :: dp = c_double
    !> Kind of the integers that cross into Python.
    integer, parameter, public :: ip = c_int
    !> Kind of the model's clock (integer seconds, exact over any run).
    integer, parameter, public :: i8 = int64
end module kinds_mod
