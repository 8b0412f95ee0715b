!> What Python sees of the two-scale model.
module lorenz96_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use lorenz96_mod, only: closure, emulated, initialize, neglected, nfast, nslow, resolved, step, x, y
    implicit none
    private
    public :: tool_init, tool_run, tool_use, tool_get_state, tool_set_state, tool_final

contains

    subroutine tool_init(ierr)
        integer(c_int), intent(out) :: ierr
        call initialize()
        ierr = 0
    end subroutine tool_init

    !> Steps, and the slow variables after each.
    subroutine tool_run(steps, dt, path, ierr)
        integer(c_int), intent(in) :: steps
        real(c_double), intent(in) :: dt
        real(c_double), intent(out) :: path(8, steps)
        integer(c_int), intent(out) :: ierr
        logical :: ok
        integer :: n
        path = 0
        ierr = 0
        do n = 1, steps
            call step(dt, ok)
            if (.not. ok) ierr = 1
            if (.not. ok) return
            path(:, n) = x
        end do
    end subroutine tool_run

    !> What gives the subgrid tendency: 0 the fast variables, 1 the callback 'subgrid', 2 nothing.
    subroutine tool_use(which, ierr)
        integer(c_int), intent(in) :: which
        integer(c_int), intent(out) :: ierr
        ierr = merge(0, 2, any(which == [resolved, emulated, neglected]))
        if (ierr == 0) closure = which
    end subroutine tool_use

    subroutine tool_get_state(slow, fast, ierr)
        real(c_double), intent(out) :: slow(8), fast(256)
        integer(c_int), intent(out) :: ierr
        slow = x(1:nslow)
        fast = y(1:nfast * nslow)
        ierr = 0
    end subroutine tool_get_state

    subroutine tool_set_state(slow, fast, ierr)
        real(c_double), intent(in) :: slow(8), fast(256)
        integer(c_int), intent(out) :: ierr
        x = slow
        y = fast
        ierr = 0
    end subroutine tool_set_state

    subroutine tool_final(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = 0
    end subroutine tool_final
end module lorenz96_plugs
