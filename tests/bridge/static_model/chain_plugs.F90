!> What Python sees of the chain.
module chain_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use history_mod, only: chain, last, move_everything, remembered, start
    implicit none
    private
    public :: tool_init, tool_step, tool_get_state, tool_disturb, tool_final

contains

    subroutine tool_init(depth, seed, ierr)
        integer(c_int), intent(in) :: depth, seed
        integer(c_int), intent(out) :: ierr
        integer :: k, size
        call random_seed(size=size)
        call random_seed(put=[(seed + 37 * k, k=1, size)])
        call chain0
        call start(depth)
        ierr = 0
    end subroutine tool_init

    !> Steps with noise; stops in the middle of the last one when `stop_at` says so.
    subroutine tool_step(steps, sigma, stop_at, ierr)
        integer(c_int), intent(in) :: steps, stop_at
        real(c_double), intent(in) :: sigma
        integer(c_int), intent(out) :: ierr
        integer :: k
        do k = 1, steps
            if (k == stop_at) stop 'instability'
            call chain1(sigma)
        end do
        ierr = 0
    end subroutine tool_step

    !> State, time and a sum over all that is remembered.
    subroutine tool_get_state(x, time, memory, ierr)
        real(c_double), intent(out) :: x(40), time, memory
        integer(c_int), intent(out) :: ierr
        double precision :: state, t
        common /state/ state(40), t
        x = state
        time = t
        memory = remembered()
        ierr = 0
    end subroutine tool_get_state

    !> What a snapshot cannot hold: 1 and 2 open and close a unit, 3 and 4 make and drop a list, 5 changes a shape.
    !! What it can: 6 moves every array, as a model does that swaps its time levels.
    subroutine tool_disturb(how, ierr)
        integer(c_int), intent(in) :: how
        integer(c_int), intent(out) :: ierr
        integer, save :: unit = 0
        select case (how)
        case (1)
            open (newunit=unit, file='chain_output.txt')
            write (unit, *) 'begin'
        case (2)
            close (unit, status='delete')
        case (3)
            allocate (chain)
        case (4)
            deallocate (chain)
        case (5)
            deallocate (last)
            allocate (last(40, 7), source=0d0)
        case (6)
            call move_everything()
        end select
        ierr = 0
    end subroutine tool_disturb

    subroutine tool_final(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = 0
    end subroutine tool_final
end module chain_plugs
