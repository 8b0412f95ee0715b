!> The run is one call; Python comes in at the place that the model left for its user, `usrout`.
module nest_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use nest, only: deepest, integrate, levels, start, x
    implicit none
    private
    public :: nest_run, nest_get_state

contains

    subroutine nest_run(until, dt, ierr)
        real(c_double), intent(in) :: until, dt  !< [s]; dt of the first level
        integer(c_int), intent(out) :: ierr
        call start()
        call integrate(1, 0.0_c_double, until, dt)
        ierr = 0
    end subroutine nest_run

    !> Position and velocity of each level, and the deepest level that was reached.
    subroutine nest_get_state(state, reached, ierr)
        real(c_double), intent(out) :: state(2, 3)
        integer(c_int), intent(out) :: reached, ierr
        state = x(:, 1:levels)
        reached = deepest
        ierr = 0
    end subroutine nest_get_state
end module nest_plugs

!> Takes the place of the one in libuser.a; ignores the return code, as the model has nobody to hand it to.
subroutine usrout(level, time, x, n)
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use callback_mod, only: callback_array, callback_call, callback_value
    implicit none
    integer(c_int), intent(in) :: level, n
    real(c_double), intent(in) :: time              !< [s]
    real(c_double), intent(inout), target :: x(n)   !< position, velocity
    integer :: rc
    call callback_call('usrout', [callback_array(x), callback_value(level, 'level'), callback_value(time, 'time')], rc)
end subroutine usrout
