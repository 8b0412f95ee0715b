!> Observation operator of a surface field: bilinear between the four cells around a place, over open cells only.
module da_interpolation_mod
    use kinds_mod, only: dp
    implicit none
    private

    public :: interpolation_find, interpolation_apply

    !> The four cells around one place, numbered along longitude first.
    type, public :: interpolation_type
        integer :: cell(4) = 1
        real(dp) :: weight(4) = 0.0_dp            !< sums to 1; all 0 when no open cell is around
        integer :: nearest = 0                    !< the open cell of the largest weight; 0: none
    end type interpolation_type

contains

    !> Cells and weights around a place. Longitude is periodic and evenly spaced; a place beyond the first or last
    !! latitude takes that row's values if it lies within one row's distance, and nothing otherwise unless `polar`.
    pure type(interpolation_type) function interpolation_find(lon, lat, grid_lon, grid_lat, open, polar) result(found)
        real(dp), intent(in) :: lon, lat           !< the place [degrees]
        real(dp), intent(in) :: grid_lon(:)        !< centres, ascending within 360 degrees [degrees]
        real(dp), intent(in) :: grid_lat(:)        !< centres, south to north [degrees]
        logical, intent(in) :: open(:, :)          !< (lon, lat)
        logical, intent(in) :: polar               !< the grid covers the poles
        integer :: i(2), j(2)
        real(dp) :: x, y, beyond

        x = modulo(lon - grid_lon(1), 360.0_dp)*size(grid_lon)/360.0_dp
        i(1) = min(int(x), size(grid_lon) - 1) + 1
        i(2) = modulo(i(1), size(grid_lon)) + 1
        x = x - real(i(1) - 1, dp)
        j = rows_around(lat, grid_lat)
        y = 0.0_dp
        if (j(2) > j(1)) y = (lat - grid_lat(j(1)))/(grid_lat(j(2)) - grid_lat(j(1)))
        beyond = max(grid_lat(1) - lat, lat - grid_lat(size(grid_lat)))
        if (beyond > grid_lat(2) - grid_lat(1) .and. .not. polar) return

        found%cell = [i(1) + (j(1) - 1)*size(grid_lon), i(2) + (j(1) - 1)*size(grid_lon), &
            i(1) + (j(2) - 1)*size(grid_lon), i(2) + (j(2) - 1)*size(grid_lon)]
        found%weight = [(1.0_dp - x)*(1.0_dp - y), x*(1.0_dp - y), (1.0_dp - x)*y, x*y]
        where (.not. [open(i(1), j(1)), open(i(2), j(1)), open(i(1), j(2)), open(i(2), j(2))]) found%weight = 0.0_dp
        if (sum(found%weight) <= 0.0_dp) return
        found%weight = found%weight/sum(found%weight)
        found%nearest = found%cell(maxloc(found%weight, dim=1))
    end function interpolation_find

    !> The field at the place.
    pure real(dp) function interpolation_apply(self, field)
        type(interpolation_type), intent(in) :: self
        real(dp), intent(in) :: field(:)           !< (cell), finite at open cells
        integer :: corner

        interpolation_apply = 0.0_dp
        do corner = 1, 4
            if (self%weight(corner) <= 0.0_dp) cycle
            interpolation_apply = interpolation_apply + self%weight(corner)*field(self%cell(corner))
        end do
    end function interpolation_apply

    !> The rows south and north of a latitude; the same row twice beyond the first or last.
    pure function rows_around(lat, grid_lat) result(j)
        real(dp), intent(in) :: lat, grid_lat(:)   !< [degrees]
        integer :: j(2)

        if (lat <= grid_lat(1)) then
            j = 1
        else if (lat >= grid_lat(size(grid_lat))) then
            j = size(grid_lat)
        else
            j(1) = count(grid_lat <= lat)
            j(2) = j(1) + 1
        end if
    end function rows_around
end module da_interpolation_mod
