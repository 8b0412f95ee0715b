!> Horizontal viscosity of the currents on the sphere or the plane,
!!
!!     F = A [lap u + (1/a^2 - tan^2(phi)/a^2) u - 2 tan(phi)/(a^2 cos(phi)) dv/dlambda],  and +dv -> -du for v.
!! Friction is neither extrapolated in time nor held over a whole step for the depth mean: surface gravity waves turn by
!! more than half a period per step, and a friction of the wrong phase would feed them.
module ocean_friction_mod
    use kinds_mod, only: dp
    use constants_mod, only: earth_radius
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    implicit none
    private
    public :: friction

contains

    !> dt F on the owned velocity points, `low` more in the west and south, `high` more in the east and north. Dry
    !! neighbours have no slip.
    subroutine friction(g, config, dt, low, high, mask, u, v, du, dv)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: low, high
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mask, u, v     !< m/s, one cell more is needed
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: du, dv      !< [m/s]
        integer :: i, j
        real(dp) :: x, n, s, own, cross

        do j = max(1 - low, 2 - g%j_global), min(g%ny + high, g%nlat - 2 - g%j_global)
            x = dt*g%visc_u(j)/g%dx_u(j)**2
            n = dt*g%visc_t(j + 1)*g%dx_t(j + 1)/(g%dx_u(j)*g%dy**2)
            s = dt*g%visc_t(j)*g%dx_t(j)/(g%dx_u(j)*g%dy**2)
            own = 0.0_dp
            if (config%geometry == 'sphere') own = dt*g%visc_u(j)*(1.0_dp/earth_radius**2 - g%tan_u(j)**2)
            cross = dt*g%visc_u(j)*g%tan_u(j)/g%dx_u(j)
            do i = 1 - low, g%nx + high
                du(i, j) = mask(i, j)*((x*((u(i + 1, j) - u(i, j)) + (u(i - 1, j) - u(i, j))) &
                    + (n*(u(i, j + 1) - u(i, j)) + s*(u(i, j - 1) - u(i, j)))) &
                    + own*u(i, j) - cross*(v(i + 1, j) - v(i - 1, j)))
                dv(i, j) = mask(i, j)*((x*((v(i + 1, j) - v(i, j)) + (v(i - 1, j) - v(i, j))) &
                    + (n*(v(i, j + 1) - v(i, j)) + s*(v(i, j - 1) - v(i, j)))) &
                    + own*v(i, j) + cross*(u(i + 1, j) - u(i - 1, j)))
            end do
        end do
    end subroutine friction
end module ocean_friction_mod
