!> The rod's main program in three parts, and its temperature: what Python sees of the model.
module rod_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use rodio, only: finish, output, setup
    implicit none
    private
    public :: rod_init, rod_step, rod_finalize, rod_get_size, rod_get_temperature, rod_set_temperature

contains

    subroutine rod_init(comm, namelist, ierr)
        integer(c_int), intent(in) :: comm         !< from mpi4py's comm.py2f()
        character(len=*), intent(in) :: namelist
        integer(c_int), intent(out) :: ierr        !< 0; every plug ends with it
        call setup(namelist, comm)
        ierr = 0
    end subroutine rod_init

    subroutine rod_step(steps, ierr)
        integer(c_int), intent(in) :: steps
        integer(c_int), intent(out) :: ierr
        external :: diffus
        call diffus(steps)
        call output()
        ierr = 0
    end subroutine rod_step

    subroutine rod_finalize(ierr)
        integer(c_int), intent(out) :: ierr
        call finish()
        ierr = 0
    end subroutine rod_finalize

    !> Points on this rank and the first of them, counted from 1.
    subroutine rod_get_size(local, first, ierr)
        integer(c_int), intent(out) :: local, first, ierr
        include 'rod.inc'
        local = nloc
        first = ifirst
        ierr = 0
    end subroutine rod_get_size

    subroutine rod_get_temperature(values, local, ierr)
        integer(c_int), intent(in) :: local
        real(c_double), intent(out) :: values(local)  !< this rank's points [K]
        integer(c_int), intent(out) :: ierr
        include 'rod.inc'
        values = t(1:local)
        ierr = 0
    end subroutine rod_get_temperature

    subroutine rod_set_temperature(values, local, ierr)
        integer(c_int), intent(in) :: local
        real(c_double), intent(in) :: values(local)
        integer(c_int), intent(out) :: ierr
        include 'rod.inc'
        t(1:local) = values
        ierr = 0
    end subroutine rod_set_temperature
end module rod_plugs
