!> Overlaps of two sets of cells along one coordinate, the factors of the overlaps of two latitude-longitude grids.
module overlap_mod
    use kinds_mod, only: dp
    implicit none
    private
    public :: periodic_overlaps, interval_overlaps

    !> Overlaps shorter than this part of the shorter cell are round-off of edges that coincide.
    real(dp), parameter :: sliver = 1.0e-9_dp

contains

    !> length(i, j) [degrees] of what cell i of a shares with cell j of b on a circle of 360 degrees.
    pure subroutine periodic_overlaps(centre_a, width_a, centre_b, width_b, length)
        real(dp), intent(in) :: centre_a(:), width_a        !< [degrees]
        real(dp), intent(in) :: centre_b(:), width_b        !< [degrees]
        real(dp), intent(out) :: length(:, :)
        real(dp) :: distance, shared
        integer :: i, j

        do j = 1, size(centre_b)
            do i = 1, size(centre_a)
                distance = centre_a(i) - centre_b(j)
                distance = abs(distance - 360.0_dp*nint(distance/360.0_dp))
                shared = min(0.5_dp*(width_a + width_b) - distance, width_a, width_b)
                length(i, j) = merge(shared, 0.0_dp, shared > sliver*min(width_a, width_b))
            end do
        end do
    end subroutine periodic_overlaps

    !> length(i, j) of what the interval i of a shares with the interval j of b; bounds ascend.
    pure subroutine interval_overlaps(bounds_a, bounds_b, length)
        real(dp), intent(in) :: bounds_a(0:), bounds_b(0:)
        real(dp), intent(out) :: length(:, :)
        real(dp) :: shared, shorter
        integer :: i, j

        do j = 1, ubound(bounds_b, 1)
            do i = 1, ubound(bounds_a, 1)
                shared = min(bounds_a(i), bounds_b(j)) - max(bounds_a(i - 1), bounds_b(j - 1))
                shorter = min(bounds_a(i) - bounds_a(i - 1), bounds_b(j) - bounds_b(j - 1))
                length(i, j) = merge(shared, 0.0_dp, shared > sliver*shorter)
            end do
        end do
    end subroutine interval_overlaps
end module overlap_mod
