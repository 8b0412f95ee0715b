!> Incremental analysis update (Bloom et al. 1996, Mon. Weather Rev. 124, 1256-1271): increments that wait to be added.
!!
!! An increment X of an analysis is added in n equal parts, one before each of the next n steps, in place of at once.
!! What an analysis adds while some of an earlier increment is left joins it, and the sum is spread over n steps anew.
!! The last part is exactly what is left, so that the parts sum to X up to the rounding of n subtractions.
module da_pending_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    implicit none
    private

    type, public :: pending_type
        real(dp) :: interval = 0.0_dp              !< between two steps that may add a part [s]
        integer :: steps = 0                       !< so many steps will have a part
        real(dp), allocatable :: left(:, :)        !< (cell, row) what they will add; rows: see da_update_mod
    contains
        procedure :: put
        procedure :: take
    end type pending_type

contains

    !> Spread an increment over so many hours.
    subroutine put(self, increment, hours, status)
        class(pending_type), intent(inout) :: self
        real(dp), intent(in) :: increment(:, :)    !< (cell, row)
        real(dp), intent(in) :: hours              !< a whole number of intervals
        type(status_type), intent(inout) :: status
        character(len=160) :: message
        integer :: steps

        steps = nint(3600.0_dp*hours/self%interval)
        if (steps < 1 .or. abs(steps*self%interval - 3600.0_dp*hours) > 0.5_dp) then
            write (message, '(a, f0.3, a, f0.1, a)') '&da_nml: update_hours of ', hours, &
                ' h are no whole number of the ', self%interval, ' s between two additions'
            call status%set(status_bad_input, trim(message))
            return
        end if
        if (self%steps == 0) then
            self%left = increment
        else
            self%left = self%left + increment
        end if
        self%steps = steps
    end subroutine put

    !> The part of the present step; the caller has seen that there is one.
    subroutine take(self, part)
        class(pending_type), intent(inout) :: self
        real(dp), allocatable, intent(out) :: part(:, :)

        part = self%left/real(self%steps, dp)
        self%left = self%left - part
        self%steps = self%steps - 1
    end subroutine take
end module da_pending_mod
