!> Derivatives on the sphere, exact in spectral space.
!!
!! With H_n = (1 - mu^2) dP_n/dmu = (n+1) eps_n P_(n-1) - n eps_(n+1) P_(n+1) and the inverse Laplacian
!! psi = -a^2/(n(n+1)) zeta. Arrays are (level, re/im, spectral column); a column s has its neighbours n-1, n+1 at s-1,
!! s+1.
module atmos_operators_mod
    use kinds_mod, only: dp
    use constants_mod, only: earth_radius
    use atmos_layout_mod, only: layout_type
    implicit none
    private

    public :: winds_from_vorticity, gradient, curl_and_divergence

    real(dp), parameter :: a = earth_radius

contains

    !> U = u cos(lat), V = v cos(lat) of vorticity and divergence, up to n = trunc + 1.
    !!   U_n = a [ -i m/(n(n+1)) D_n    + eps_(n+1)/(n+1) zeta_(n+1) - eps_n/n zeta_(n-1) ]
    !!   V_n = a [ -i m/(n(n+1)) zeta_n - eps_(n+1)/(n+1) D_(n+1)    + eps_n/n D_(n-1) ]
    pure subroutine winds_from_vorticity(layout, vorticity, divergence, u, v)
        type(layout_type), intent(in) :: layout
        real(dp), intent(in) :: vorticity(:, :, :), divergence(:, :, :)  !< [1/s]
        real(dp), intent(inout) :: u(:, :, :), v(:, :, :)                !< [m/s]
        real(dp) :: turn, up, down
        integer :: s, n, m

        do s = 1, layout%ns
            n = layout%n(s)
            m = layout%m(s)
            turn = a*real(m, dp)/real(max(n*(n + 1), 1), dp)
            u(:, 1, s) = turn*divergence(:, 2, s)
            u(:, 2, s) = -turn*divergence(:, 1, s)
            v(:, 1, s) = turn*vorticity(:, 2, s)
            v(:, 2, s) = -turn*vorticity(:, 1, s)
            if (n <= layout%trunc) then
                up = a*layout%eps_next(s)/real(n + 1, dp)
                u(:, :, s) = u(:, :, s) + up*vorticity(:, :, s + 1)
                v(:, :, s) = v(:, :, s) - up*divergence(:, :, s + 1)
            end if
            if (n > max(m, 1)) then
                down = a*layout%eps(s)/real(n, dp)
                u(:, :, s) = u(:, :, s) - down*vorticity(:, :, s - 1)
                v(:, :, s) = v(:, :, s) + down*divergence(:, :, s - 1)
            end if
        end do
    end subroutine winds_from_vorticity

    !> a cos(lat) times the gradient of a scalar: x = i m f, y = (1 - mu^2) df/dmu.
    pure subroutine gradient(layout, f, x, y)
        type(layout_type), intent(in) :: layout
        real(dp), intent(in) :: f(:, :)         !< (2, ns)
        real(dp), intent(inout) :: x(:, :), y(:, :)
        integer :: s, n, m

        do s = 1, layout%ns
            n = layout%n(s)
            m = layout%m(s)
            x(1, s) = -real(m, dp)*f(2, s)
            x(2, s) = real(m, dp)*f(1, s)
            y(:, s) = 0.0_dp
            if (n <= layout%trunc) y(:, s) = real(n + 2, dp)*layout%eps_next(s)*f(:, s + 1)
            if (n > m) y(:, s) = y(:, s) - real(n - 1, dp)*layout%eps(s)*f(:, s - 1)
        end do
    end subroutine gradient

    !> Curl and divergence of a vector field given by the coefficients of x = F_x/cos(lat), y = F_y/cos(lat), n <=
    !! trunc + 1:
    !!   curl_n = (1/a) [ i m y_n + (n+1) eps_n x_(n-1) - n eps_(n+1) x_(n+1) ]
    !!   div_n  = (1/a) [ i m x_n - (n+1) eps_n y_(n-1) + n eps_(n+1) y_(n+1) ]
    !! The row n = trunc + 1 of the result is zero.
    pure subroutine curl_and_divergence(layout, x, y, curl, div)
        type(layout_type), intent(in) :: layout
        real(dp), intent(in) :: x(:, :, :), y(:, :, :)
        real(dp), intent(inout), optional :: curl(:, :, :)
        real(dp), intent(inout) :: div(:, :, :)

        if (present(curl)) call rotated_divergence(layout, y, x, -1.0_dp, curl)
        call rotated_divergence(layout, x, y, 1.0_dp, div)
    end subroutine curl_and_divergence

    !> (1/a) [ i m x_n - sign ((n+1) eps_n y_(n-1) - n eps_(n+1) y_(n+1)) ]
    pure subroutine rotated_divergence(layout, x, y, sign, f)
        type(layout_type), intent(in) :: layout
        real(dp), intent(in) :: x(:, :, :), y(:, :, :), sign
        real(dp), intent(inout) :: f(:, :, :)
        real(dp) :: turn, down, up
        integer :: s, n, m

        do s = 1, layout%ns
            n = layout%n(s)
            m = layout%m(s)
            if (n > layout%trunc) then
                f(:, :, s) = 0.0_dp
                cycle
            end if
            turn = real(m, dp)/a
            up = sign*real(n, dp)*layout%eps_next(s)/a
            f(:, 1, s) = -turn*x(:, 2, s) + up*y(:, 1, s + 1)
            f(:, 2, s) = turn*x(:, 1, s) + up*y(:, 2, s + 1)
            if (n > m) then
                down = sign*real(n + 1, dp)*layout%eps(s)/a
                f(:, :, s) = f(:, :, s) - down*y(:, :, s - 1)
            end if
        end do
    end subroutine rotated_divergence
end module atmos_operators_mod
