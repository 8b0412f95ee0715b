!> What the benchmark of the bridge measures: empty plugs, callbacks in a loop, and ways to fail.
module bench_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use mpi, only: MPI_Abort, MPI_COMM_SELF, MPI_INTEGER, MPI_Send
    use callback_mod, only: callback_array, callback_call, callback_find
    implicit none
    private
    public :: tool_nothing, tool_callbacks, tool_external, tool_network, tool_fail, tool_init

contains

    subroutine tool_init(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = 0
    end subroutine tool_init

    subroutine tool_nothing(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = 0
    end subroutine tool_nothing

    !> `count` callbacks named 'one' on n elements.
    subroutine tool_callbacks(x, n, count, ierr)
        integer(c_int), intent(in) :: n, count
        real(c_double), intent(inout) :: x(n)
        integer(c_int), intent(out) :: ierr
        integer :: id, k, rc
        id = callback_find('one')
        ierr = 0
        do k = 1, count
            call callback_call(id, x, rc)
            if (rc /= 0) ierr = rc
        end do
    end subroutine tool_callbacks

    !> The same by f2py's own callbacks; called by the bridge, an exception comes back as a code.
    subroutine tool_external(f, x, n, count, ierr)
        external :: f
        integer(c_int), intent(in) :: n, count
        real(c_double), intent(inout) :: x(n)
        integer(c_int), intent(out) :: ierr
        integer :: k
        ierr = 0
        do k = 1, count
            call f(x, n)
        end do
    end subroutine tool_external

    !> `count` callbacks named 'network' on n columns of eight variables.
    subroutine tool_network(x, y, n, count, ierr)
        integer(c_int), intent(in) :: n, count
        real(c_double), intent(inout), target :: x(8, n), y(8, n)
        integer(c_int), intent(out) :: ierr
        integer :: k
        ierr = 0
        do k = 1, count
            if (ierr == 0) call callback_call('network', [callback_array(x), callback_array(y)], ierr)
        end do
    end subroutine tool_network

    !> Ways to fail, in the order of the benchmark's table.
    subroutine tool_fail(how, ierr)
        integer(c_int), intent(in) :: how
        integer(c_int), intent(out) :: ierr
        real(c_double), allocatable :: a(:)
        real(c_double), volatile :: zero
        ierr = 0
        select case (how)
        case (1)
            ierr = 7
        case (2)
            stop 'stopped'
        case (3)
            error stop 'stopped'
        case (4)
            allocate (a(how))
            a(how + 4) = 1  ! beyond its bounds
        case (5)
            allocate (a(how), source=1d0)
            allocate (a(how))
        case (6)
            call exit(3)
        case (7)
            call abort()
        case (8)
            call MPI_Abort(MPI_COMM_SELF, 4, ierr)
        case (9)
            call MPI_Send([1], 1, MPI_INTEGER, 99, 0, MPI_COMM_SELF, ierr)
            ierr = 0
        case (10)
            zero = 0
            zero = 1/zero
        end select
    end subroutine tool_fail
end module bench_plugs
