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
    public :: friction, friction_row

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
        integer :: j

        do j = max(1 - low, 2 - g%j_global), min(g%ny + high, g%nlat - 2 - g%j_global)
            call friction_row(g, config, dt, j, 1 - low, g%nx + high, mask(:, j), u(:, j - 1), u(:, j), u(:, j + 1), &
                v(:, j - 1), v(:, j), v(:, j + 1), du(:, j), dv(:, j))
        end do
    end subroutine friction

    !> dt F at the velocity points first..last of row j, from the currents of the rows j - 1, j and j + 1.
    subroutine friction_row(g, config, dt, j, first, last, mask, u_south, u, u_north, v_south, v, v_north, du, dv)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: j, first, last
        real(dp), intent(in), dimension(g%is:g%ie) :: mask, u_south, u, u_north, v_south, v, v_north    !< [m/s]
        real(dp), intent(inout), dimension(g%is:g%ie) :: du, dv                 !< [m/s]
        real(dp) :: x, n, s, own, cross
        integer :: i

        x = dt*g%visc_u(j)/g%dx_u(j)**2
        n = dt*g%visc_t(j + 1)*g%dx_t(j + 1)/(g%dx_u(j)*g%dy**2)
        s = dt*g%visc_t(j)*g%dx_t(j)/(g%dx_u(j)*g%dy**2)
        own = 0.0_dp
        if (config%geometry == 'sphere') own = dt*g%visc_u(j)*(1.0_dp/earth_radius**2 - g%tan_u(j)**2)
        cross = dt*g%visc_u(j)*g%tan_u(j)/g%dx_u(j)
        do i = first, last
            du(i) = mask(i)*((x*((u(i + 1) - u(i)) + (u(i - 1) - u(i))) &
                + (n*(u_north(i) - u(i)) + s*(u_south(i) - u(i)))) + own*u(i) - cross*(v(i + 1) - v(i - 1)))
            dv(i) = mask(i)*((x*((v(i + 1) - v(i)) + (v(i - 1) - v(i))) &
                + (n*(v_north(i) - v(i)) + s*(v_south(i) - v(i)))) + own*v(i) + cross*(u(i + 1) - u(i - 1)))
        end do
    end subroutine friction_row
end module ocean_friction_mod
