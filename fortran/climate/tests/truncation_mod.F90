!> Runs at several truncations side by side: the fields of a coarse run on the grid of the finest.
module truncation_mod
    use kinds_mod, only: dp
    use atmos_mod, only: atmos_type
    implicit none
    private
    public :: on_grid

contains

    !> Spectral coefficients of a truncation on the atmosphere's grid; those that it has not are zero.
    function on_grid(atmos, trunc, coefficients) result(field)
        type(atmos_type), intent(inout) :: atmos        !< at this truncation or a finer one; lends its workspace
        integer, intent(in) :: trunc                    !< of the coefficients
        real(dp), intent(in) :: coefficients(:, :)      !< (2, ns)
        real(dp) :: field(atmos%nlon, atmos%nlat), c(1, 2, size(atmos%x, 3)), grid(atmos%nlon, 1, 2)
        integer :: m, s, degrees, pair

        c = 0.0_dp
        s = 1
        associate (tr => atmos%dynamics%transform)
            do m = 0, trunc
                degrees = trunc + 1 - m
                c(1, :, tr%layout%first(m + 1):tr%layout%first(m + 1) + degrees - 1) = &
                    coefficients(:, s:s + degrees - 1)
                s = s + degrees + 1     ! n = trunc + 1 holds nothing
            end do
            call tr%synthesize(1, c)
            do pair = 1, tr%layout%npairs
                call tr%pair_to_grid(1, pair, grid)
                field(:, pair) = grid(:, 1, 1)
                field(:, atmos%nlat + 1 - pair) = grid(:, 1, 2)
            end do
        end associate
    end function on_grid
end module truncation_mod
