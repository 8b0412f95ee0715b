!> Legendre sums of one zonal wavenumber for all latitude pairs, the columns vectorised.
!!
!! Terms are added in a fixed order and grouped only by the sizes of the truncation and the grid, never by rank.
module atmos_legendre_mod
    use kinds_mod, only: dp
    implicit none
    private

    public :: legendre_synthesis, legendre_analysis

contains

    !> f(:, parity, im, j) = sum over l of that parity of p(l, j) x(:, l), four terms at a time.
    pure subroutine legendre_synthesis(nc, nl, npairs, nm, im, p, x, f)
        integer, intent(in) :: nc, nl, npairs, nm, im
        real(dp), intent(in) :: p(0:, :)             !< (0:trunc+1, npairs)
        real(dp), intent(in) :: x(nc, 0:nl - 1)
        real(dp), intent(inout) :: f(nc, 0:1, nm, npairs)
        integer :: j, l, parity, c

        do j = 1, npairs
            do parity = 0, 1
                f(:, parity, im, j) = 0.0_dp
                do l = parity, nl - 7, 8
                    do c = 1, nc
                        f(c, parity, im, j) = f(c, parity, im, j) + p(l, j)*x(c, l) + p(l + 2, j)*x(c, l + 2) &
                            + p(l + 4, j)*x(c, l + 4) + p(l + 6, j)*x(c, l + 6)
                    end do
                end do
                do l = l, nl - 1, 2
                    do c = 1, nc
                        f(c, parity, im, j) = f(c, parity, im, j) + p(l, j)*x(c, l)
                    end do
                end do
            end do
        end do
    end subroutine legendre_synthesis

    !> x(:, l) = sum_j p(l, j) f(:, parity of l, im, j), four latitudes at a time.
    pure subroutine legendre_analysis(nc, nl, npairs, nm, im, p, f, x)
        integer, intent(in) :: nc, nl, npairs, nm, im
        real(dp), intent(in) :: p(0:, :)
        real(dp), intent(in) :: f(nc, 0:1, nm, npairs)
        real(dp), intent(out) :: x(nc, 0:nl - 1)
        integer :: j, l, parity, c

        do l = 0, nl - 1
            parity = mod(l, 2)
            x(:, l) = 0.0_dp
            do j = 1, npairs - 3, 4
                do c = 1, nc
                    x(c, l) = x(c, l) + p(l, j)*f(c, parity, im, j) + p(l, j + 1)*f(c, parity, im, j + 1) &
                        + p(l, j + 2)*f(c, parity, im, j + 2) + p(l, j + 3)*f(c, parity, im, j + 3)
                end do
            end do
            do j = j, npairs
                do c = 1, nc
                    x(c, l) = x(c, l) + p(l, j)*f(c, parity, im, j)
                end do
            end do
        end do
    end subroutine legendre_analysis
end module atmos_legendre_mod
