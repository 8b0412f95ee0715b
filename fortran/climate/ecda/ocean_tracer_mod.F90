!> Transport of temperature and salinity, in flux form and limited, so that their content is kept to round-off.
!!
!!     h' c' = h c - dt/A [sum of outflow * c_face] + dt surface,     h = dz, in the top cell dz + eta
!! The face value is the upstream cell's plus half its limited slope times (1 - Courant number) (van Leer's monotonized
!! centred slopes: second order, no new extremes). Horizontal diffusion is added to the fluxes.
module ocean_tracer_mod
    use kinds_mod, only: dp
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_transport_mod, only: volume_fluxes, lift_through_top
    implicit none
    private
    public :: advance_tracers

contains

    !> t_new, s_new on the owned cells; t, s need two halo cells, the currents one. Not yet mixed vertically.
    subroutine advance_tracers(g, config, dt, eta_old, eta_new, filter_east, filter_north, mean_u, mean_v, u, v, &
            surface_t, surface_s, t, s, t_new, s_new)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta_old, eta_new           !< [m]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: filter_east, filter_north  !< of the surface [m3/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mean_u, mean_v             !< depth mean [m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v                 !< departure from it [m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: surface_t, surface_s       !< [degC m/s], [g/kg m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t_new, s_new
        real(dp), dimension(g%is:g%ie, g%js:g%je) :: east, north, lift, below, h_old, h_new, t_below, s_below
        integer :: k

        east = 0.0_dp
        north = 0.0_dp
        lift = 0.0_dp
        t_below = 0.0_dp
        s_below = 0.0_dp
        do k = g%nk, 1, -1
            h_old = g%dz(k)
            h_new = g%dz(k)
            if (config%tracer_advection) then
                call volume_fluxes(g, k, eta_old, u(:, :, k) + g%mask_u(:, :, k)*mean_u, &
                    v(:, :, k) + g%mask_u(:, :, k)*mean_v, east, north)
                if (k == 1) then
                    east = east + filter_east
                    north = north + filter_north
                    h_old = g%dz(1) + eta_old
                    h_new = g%dz(1) + eta_new
                end if
                below = lift
                call lift_through_top(g, k, east, north, below, lift)
            end if
            call advance_level(g, config, dt, k, east, north, lift, h_old, h_new, t_below, surface_t, t, t_new(:, :, k))
            call advance_level(g, config, dt, k, east, north, lift, h_old, h_new, s_below, surface_s, s, s_new(:, :, k))
        end do
    end subroutine advance_tracers

    !> One tracer at level k. The flux through the floor comes in, the flux through the top goes out in `vertical`.
    subroutine advance_level(g, config, dt, k, east, north, lift, h_old, h_new, vertical, surface, c, c_new)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: east, north, lift      !< outflow [m3/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: h_old, h_new           !< [m]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: vertical            !< upward [c m3/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: surface
        real(dp), intent(in) :: c(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: c_new
        real(dp), dimension(g%is:g%ie, g%js:g%je) :: flux_east, flux_north, flux_top
        real(dp) :: outflow, source
        integer :: i, j

        call eastward_flux(g, config, dt, k, east, c(:, :, k), flux_east)
        call northward_flux(g, config, dt, k, north, c(:, :, k), flux_north)
        call upward_flux(g, dt, k, lift, c, flux_top)
        source = merge(dt, 0.0_dp, k == 1)
        do j = 1, g%ny
            do i = 1, g%nx
                outflow = (flux_east(i, j) - flux_east(i - 1, j)) + (flux_north(i, j) - flux_north(i, j - 1)) &
                    + (flux_top(i, j) - vertical(i, j))
                c_new(i, j) = g%mask_t(i, j, k)*(c(i, j, k)*h_old(i, j) + source*surface(i, j) &
                    - dt*outflow/g%area_t(j))/h_new(i, j)
                vertical(i, j) = flux_top(i, j)
            end do
        end do
    end subroutine advance_level

    !> Advective and diffusive flux through the eastern faces 0:nx of the owned rows [c m3/s].
    subroutine eastward_flux(g, config, dt, k, transport, c, flux)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: transport, c
        real(dp), intent(out), dimension(g%is:g%ie, g%js:g%je) :: flux
        real(dp), dimension(-1:g%nx + 2) :: step, slope
        real(dp) :: diffusion, courant
        integer :: i, j

        do j = 1, g%ny
            diffusion = config%tracer_diffusivity*g%dz(k)*g%dy/g%dx_t(j)
            courant = dt/(g%area_t(j)*g%dz(k))
            do i = -1, g%nx + 1
                step(i) = g%mask_t(i, j, k)*g%mask_t(i + 1, j, k)*(c(i + 1, j) - c(i, j))
            end do
            do i = 0, g%nx + 1
                slope(i) = limited(step(i), step(i - 1))
            end do
            do i = 0, g%nx
                flux(i, j) = upstream(transport(i, j), courant, c(i, j), slope(i), c(i + 1, j), slope(i + 1)) &
                    - diffusion*step(i)
            end do
        end do
    end subroutine eastward_flux

    !> Advective and diffusive flux through the northern faces 0:ny of the owned columns [c m3/s].
    subroutine northward_flux(g, config, dt, k, transport, c, flux)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: transport, c
        real(dp), intent(out), dimension(g%is:g%ie, g%js:g%je) :: flux
        real(dp), dimension(g%nx, -1:g%ny + 1) :: step
        real(dp), dimension(g%nx, 0:g%ny + 1) :: slope
        real(dp) :: diffusion, courant
        integer :: i, j

        do j = -1, g%ny + 1
            do i = 1, g%nx
                step(i, j) = g%mask_t(i, j, k)*g%mask_t(i, j + 1, k)*(c(i, j + 1) - c(i, j))
            end do
        end do
        do j = 0, g%ny + 1
            do i = 1, g%nx
                slope(i, j) = limited(step(i, j), step(i, j - 1))
            end do
        end do
        do j = 0, g%ny
            diffusion = config%tracer_diffusivity*g%dz(k)*g%dx_u(j)/g%dy
            courant = dt/(min(g%area_t(j), g%area_t(j + 1))*g%dz(k))
            do i = 1, g%nx
                flux(i, j) = upstream(transport(i, j), courant, c(i, j), slope(i, j), c(i, j + 1), slope(i, j + 1)) &
                    - diffusion*step(i, j)
            end do
        end do
    end subroutine northward_flux

    !> Advective flux through the tops of level k [c m3/s]; none through the surface.
    subroutine upward_flux(g, dt, k, lift, c, flux)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: dt
        integer, intent(in) :: k
        real(dp), intent(in) :: lift(g%is:g%ie, g%js:g%je)
        real(dp), intent(in) :: c(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(out) :: flux(g%is:g%ie, g%js:g%je)
        real(dp) :: courant, step, step_below, step_above, has_below, has_above
        integer :: i, j, below, above

        if (k == 1) then
            flux = 0.0_dp
            return
        end if
        below = min(k + 1, g%nk)
        has_below = merge(1.0_dp, 0.0_dp, k < g%nk)
        above = max(k - 2, 1)
        has_above = merge(1.0_dp, 0.0_dp, k > 2)
        do j = 1, g%ny
            courant = dt/(g%area_t(j)*g%dz(k - 1))
            do i = 1, g%nx
                step = g%mask_t(i, j, k)*(c(i, j, k - 1) - c(i, j, k))
                step_below = has_below*g%mask_t(i, j, below)*(c(i, j, k) - c(i, j, below))
                step_above = has_above*(c(i, j, above) - c(i, j, k - 1))
                flux(i, j) = upstream(lift(i, j), courant, c(i, j, k), limited(step, step_below), c(i, j, k - 1), &
                    limited(step_above, step))
            end do
        end do
    end subroutine upward_flux

    !> Transport times the value at the face, seen from the upstream side.
    pure elemental real(dp) function upstream(transport, courant, c_low, slope_low, c_high, slope_high)
        real(dp), intent(in) :: transport       !< from the low to the high cell [m3/s]
        real(dp), intent(in) :: courant         !< Courant number per transport [s/m3]
        real(dp), intent(in) :: c_low, slope_low, c_high, slope_high
        real(dp) :: weight, forward, backward

        weight = max(0.5_dp*(1.0_dp - abs(transport)*courant), 0.0_dp)
        forward = max(transport, 0.0_dp)
        backward = min(transport, 0.0_dp)
        upstream = forward*(c_low + weight*slope_low) + backward*(c_high - weight*slope_high)
    end function upstream

    !> Monotonized centred slope from the differences on both sides.
    pure elemental real(dp) function limited(a, b)
        real(dp), intent(in) :: a, b
        limited = (sign(1.0_dp, a) + sign(1.0_dp, b))*min(abs(a), abs(b), 0.25_dp*abs(a + b))
    end function limited
end module ocean_tracer_mod
