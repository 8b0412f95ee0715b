!> Legendre sums of one zonal wavenumber for all latitude pairs, the columns vectorised.
!!
!! Terms are added in a fixed order and grouped only by the sizes of the truncation and the grid, never by rank. Two
!! sums over the same terms run side by side, so that a term is loaded once for both; an odd one out runs with itself.
module atmos_legendre_mod
    use kinds_mod, only: dp
    implicit none
    private

    public :: legendre_synthesis, legendre_analysis

contains

    !> f(:, parity, im, j) = sum over l of that parity of p(l, j) x(:, l).
    pure subroutine legendre_synthesis(nc, nl, npairs, nm, im, p, x, f)
        integer, intent(in) :: nc, nl, npairs, nm, im
        real(dp), intent(in) :: p(0:, :)             !< (0:trunc+1, npairs)
        real(dp), intent(in) :: x(nc, 0:nl - 1)
        real(dp), intent(inout) :: f(nc, 0:1, nm, npairs)
        real(dp) :: spare(nc)
        integer :: j, parity

        do parity = 0, 1
            do j = 1, npairs - 1, 2
                call two_latitudes(nc, nl, parity, p(:, j), p(:, j + 1), x, f(:, parity, im, j), &
                    f(:, parity, im, j + 1))
            end do
            if (j == npairs) call two_latitudes(nc, nl, parity, p(:, j), p(:, j), x, f(:, parity, im, j), spare)
        end do
    end subroutine legendre_synthesis

    !> f and g, the sums with p and with q, four terms at a time.
    pure subroutine two_latitudes(nc, nl, parity, p, q, x, f, g)
        integer, intent(in) :: nc, nl, parity
        real(dp), intent(in), contiguous :: p(0:), q(0:)
        real(dp), intent(in) :: x(nc, 0:nl - 1)
        real(dp), intent(out) :: f(nc), g(nc)
        integer :: l, c

        f = 0.0_dp
        g = 0.0_dp
        do l = parity, nl - 7, 8
            !GCC$ ivdep
            do c = 1, nc
                f(c) = f(c) + p(l)*x(c, l) + p(l + 2)*x(c, l + 2) + p(l + 4)*x(c, l + 4) + p(l + 6)*x(c, l + 6)
                g(c) = g(c) + q(l)*x(c, l) + q(l + 2)*x(c, l + 2) + q(l + 4)*x(c, l + 4) + q(l + 6)*x(c, l + 6)
            end do
        end do
        do l = l, nl - 1, 2
            !GCC$ ivdep
            do c = 1, nc
                f(c) = f(c) + p(l)*x(c, l)
                g(c) = g(c) + q(l)*x(c, l)
            end do
        end do
    end subroutine two_latitudes

    !> x(:, l) = sum_j p(l, j) f(:, parity of l, im, j).
    pure subroutine legendre_analysis(nc, nl, npairs, nm, im, p, f, x)
        integer, intent(in) :: nc, nl, npairs, nm, im
        real(dp), intent(in) :: p(0:, :)
        real(dp), intent(in) :: f(nc, 0:1, nm, npairs)
        real(dp), intent(out) :: x(nc, 0:nl - 1)
        real(dp) :: spare(nc)
        integer :: l, parity

        do parity = 0, 1
            do l = parity, nl - 3, 4
                call two_degrees(nc, npairs, nm, im, parity, p(l, :), p(l + 2, :), f, x(:, l), x(:, l + 2))
            end do
            if (l < nl) call two_degrees(nc, npairs, nm, im, parity, p(l, :), p(l, :), f, x(:, l), spare)
        end do
    end subroutine legendre_analysis

    !> x and y, the sums with p and with q, four latitudes at a time.
    pure subroutine two_degrees(nc, npairs, nm, im, parity, p, q, f, x, y)
        integer, intent(in) :: nc, npairs, nm, im, parity
        real(dp), intent(in) :: p(:), q(:)           !< (npairs)
        real(dp), intent(in) :: f(nc, 0:1, nm, npairs)
        real(dp), intent(out) :: x(nc), y(nc)
        integer :: j, c

        x = 0.0_dp
        y = 0.0_dp
        do j = 1, npairs - 3, 4
            !GCC$ ivdep
            do c = 1, nc
                x(c) = x(c) + p(j)*f(c, parity, im, j) + p(j + 1)*f(c, parity, im, j + 1) &
                    + p(j + 2)*f(c, parity, im, j + 2) + p(j + 3)*f(c, parity, im, j + 3)
                y(c) = y(c) + q(j)*f(c, parity, im, j) + q(j + 1)*f(c, parity, im, j + 1) &
                    + q(j + 2)*f(c, parity, im, j + 2) + q(j + 3)*f(c, parity, im, j + 3)
            end do
        end do
        do j = j, npairs
            !GCC$ ivdep
            do c = 1, nc
                x(c) = x(c) + p(j)*f(c, parity, im, j)
                y(c) = y(c) + q(j)*f(c, parity, im, j)
            end do
        end do
    end subroutine two_degrees
end module atmos_legendre_mod
