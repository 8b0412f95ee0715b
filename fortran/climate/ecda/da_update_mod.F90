!> The filter's increments as one table per component, and how they reach the model: at once, or in parts.
!!
!! Rows of the atmosphere: ps, then t, u, v on all levels; of the ocean: t, s, u, v on all levels. Cells are those of
!! the rank, in the order of its fields.
module da_update_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type
    use atmos_mod, only: atmos_type, atmos_add_increment
    use ocean_mod, only: ocean_type, ocean_add_increment
    use da_pending_mod, only: pending_type
    implicit none
    private

    public :: atmos_rows, ocean_rows, add_to_atmos, add_to_ocean, add_pending_to_atmos, add_pending_to_ocean

contains

    pure integer function atmos_rows(atmos)
        type(atmos_type), intent(in) :: atmos
        atmos_rows = 3*atmos%nlev + 1
    end function atmos_rows

    pure integer function ocean_rows(ocean)
        type(ocean_type), intent(in) :: ocean
        ocean_rows = 4*ocean%nlev
    end function ocean_rows

    !> Add a table of increments. Collective.
    subroutine add_to_atmos(atmos, rows, status)
        type(atmos_type), intent(inout) :: atmos
        real(dp), intent(in) :: rows(:, :)         !< (cell, row)
        type(status_type), intent(inout) :: status
        integer :: n, sizes(3)

        n = atmos%nlev
        sizes = [atmos%nlon, size(atmos%rows), n]
        call atmos_add_increment(atmos, reshape(rows(:, n + 2:2*n + 1), sizes), &
            reshape(rows(:, 2*n + 2:3*n + 1), sizes), reshape(rows(:, 2:n + 1), sizes), &
            reshape(rows(:, 1), sizes(1:2)), status)
    end subroutine add_to_atmos

    !> Add a table of increments. Collective.
    subroutine add_to_ocean(ocean, rows, status)
        type(ocean_type), intent(inout) :: ocean
        real(dp), intent(in) :: rows(:, :)         !< (cell, row)
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: no_ssh(:, :)
        integer :: n, sizes(3)

        n = ocean%nlev
        sizes = [ocean%i_last - ocean%i_first + 1, ocean%j_last - ocean%j_first + 1, n]
        allocate (no_ssh(sizes(1), sizes(2)), source=0.0_dp)
        call ocean_add_increment(ocean, reshape(rows(:, 1:n), sizes), reshape(rows(:, n + 1:2*n), sizes), &
            reshape(rows(:, 2*n + 1:3*n), sizes), reshape(rows(:, 3*n + 1:4*n), sizes), no_ssh, status)
    end subroutine add_to_ocean

    !> Before an atmosphere step: add its part of what is pending, if there is any. Collective.
    subroutine add_pending_to_atmos(pending, atmos, status)
        type(pending_type), intent(inout) :: pending
        type(atmos_type), intent(inout) :: atmos
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: part(:, :)

        if (pending%steps == 0) return
        call pending%take(part)
        call add_to_atmos(atmos, part, status)
    end subroutine add_pending_to_atmos

    !> Before an ocean step. Collective.
    subroutine add_pending_to_ocean(pending, ocean, status)
        type(pending_type), intent(inout) :: pending
        type(ocean_type), intent(inout) :: ocean
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: part(:, :)

        if (pending%steps == 0) return
        call pending%take(part)
        call add_to_ocean(ocean, part, status)
    end subroutine add_pending_to_ocean
end module da_update_mod
