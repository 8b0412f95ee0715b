!> Transport of temperature and salinity, in flux form and limited, so that their content is kept to round-off.
!!
!!     h' c' = h c - dt/A [sum of outflow * c_face] + dt surface,     h = dz, in the top cell dz + eta
!! The face value is the upstream cell's plus half its limited slope times (1 - Courant number) (van Leer's monotonized
!! centred slopes: second order, no new extremes). Horizontal diffusion is added to the fluxes.
!!
!! Rows are worked on from south to north, each from the bottom to the surface; what the next row needs of this one (the
!! flux, slope and difference at its northern side) is kept, one plane (longitude, level) each.
module ocean_tracer_mod
    use kinds_mod, only: dp
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_transport_mod, only: row_fluxes, row_lift, corner_thickness
    implicit none
    private
    public :: tracer_start, tracer_row

    type, public :: tracer_work_type
        private
        real(dp), allocatable :: u(:, :, :), v(:, :, :)     !< whole current of two rows (:, nlev, 0:1) [m/s]
        real(dp), allocatable :: north(:, :, :)             !< through northern faces (0:nx+1, nlev, 0:1) [m3/s]
        real(dp), allocatable :: h(:, :)                    !< thickness of the top velocity cells [m]
        real(dp), allocatable :: flux(:, :, :), step(:, :, :), slope(:, :, :) !< northern side (nx, nlev, 2)
    end type tracer_work_type

contains

    !> What the first row needs from its southern side.
    subroutine tracer_start(w, g, config, dt, eta, filter_north, mean_u, mean_v, u, v, t, s)
        type(tracer_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta, filter_north, mean_u, mean_v
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v, t, s
        real(dp) :: east(0:g%nx + 1)
        integer :: k

        if (.not. allocated(w%h)) allocate (w%u(g%is:g%ie, g%nk, 0:1), w%v(g%is:g%ie, g%nk, 0:1), &
            w%north(0:g%nx + 1, g%nk, 0:1), w%h(g%is:g%ie, g%js:g%je), w%flux(g%nx, g%nk, 2), w%step(g%nx, g%nk, 2), &
            w%slope(g%nx, g%nk, 2), source=0.0_dp)
        call corner_thickness(g, eta, w%h)
        do k = 1, g%nk
            call whole_current(g, k, 0, mean_u, mean_v, u, v, w%u(:, k, 0), w%v(:, k, 0))
            if (config%tracer_advection) call level_fluxes(g, k, 0, w%h, filter_north, filter_north, w%u(:, k, 0), &
                w%u(:, k, 0), w%v(:, k, 0), east, w%north(:, k, 0))
            call start(t, 1)
            call start(s, 2)
        end do

    contains

        !> Differences and slopes of the rows 0 and 1, and the flux between them.
        subroutine start(c, m)
            real(dp), intent(in) :: c(g%is:g%ie, g%js:g%je, g%nk)
            integer, intent(in) :: m
            integer :: i
            real(dp) :: south
            do i = 1, g%nx
                south = g%mask_t(i, -1, k)*g%mask_t(i, 0, k)*(c(i, 0, k) - c(i, -1, k))
                w%step(i, k, m) = g%mask_t(i, 0, k)*g%mask_t(i, 1, k)*(c(i, 1, k) - c(i, 0, k))
                w%slope(i, k, m) = limited(w%step(i, k, m), south)
            end do
            call northward_flux(g, config, dt, k, 0, w%north(:, k, 0), c(:, 0, k), c(:, 1, k), c(:, 2, k), &
                w%step(:, k, m), w%slope(:, k, m), w%flux(:, k, m))
        end subroutine start
    end subroutine tracer_start

    !> t_new, s_new of row j, after tracer_start and the rows south of it; t, s need two halo cells, the currents one.
    !! Not yet mixed vertically.
    subroutine tracer_row(w, g, config, dt, j, eta_old, eta_new, filter_east, filter_north, mean_u, mean_v, u, v, &
            surface_t, surface_s, t, s, t_new, s_new)
        type(tracer_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta_old, eta_new           !< [m]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: filter_east, filter_north  !< of the surface [m3/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mean_u, mean_v             !< depth mean [m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v                 !< departure from it [m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: surface_t, surface_s       !< [degC m/s], [g/kg m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t_new, s_new
        real(dp) :: east(0:g%nx + 1), lift(0:g%nx + 1, 0:1)
        real(dp), dimension(g%nx) :: h_old, h_new
        real(dp), dimension(g%nx, 2) :: flux_below, slope
        integer :: k, here, past

        here = mod(j, 2)
        past = 1 - here
        east = 0.0_dp
        lift = 0.0_dp
        flux_below = 0.0_dp
        slope = 0.0_dp
        do k = g%nk, 1, -1
            h_old = g%dz(k)
            h_new = g%dz(k)
            if (config%tracer_advection) then
                call whole_current(g, k, j, mean_u, mean_v, u, v, w%u(:, k, here), w%v(:, k, here))
                call level_fluxes(g, k, j, w%h, filter_east, filter_north, w%u(:, k, past), w%u(:, k, here), &
                    w%v(:, k, here), east, w%north(:, k, here))
                call row_lift(g, k, east, w%north(:, k, past), w%north(:, k, here), lift(:, mod(k + 1, 2)), &
                    lift(:, mod(k, 2)))
                if (k == 1) then
                    h_old = g%dz(1) + eta_old(1:g%nx, j)
                    h_new = g%dz(1) + eta_new(1:g%nx, j)
                end if
            end if
            call advance_level(g, config, dt, k, j, east, w%north(:, k, here), lift(:, mod(k, 2)), h_old, h_new, &
                surface_t, t, w%step(:, k, 1), w%slope(:, k, 1), w%flux(:, k, 1), slope(:, 1), flux_below(:, 1), &
                t_new(:, j, k))
            call advance_level(g, config, dt, k, j, east, w%north(:, k, here), lift(:, mod(k, 2)), h_old, h_new, &
                surface_s, s, w%step(:, k, 2), w%slope(:, k, 2), w%flux(:, k, 2), slope(:, 2), flux_below(:, 2), &
                s_new(:, j, k))
        end do
    end subroutine tracer_row

    !> Current at the velocity points of row j at level k, the depth mean put back [m/s].
    subroutine whole_current(g, k, j, mean_u, mean_v, u, v, whole_u, whole_v)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k, j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mean_u, mean_v
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v
        real(dp), intent(inout), dimension(g%is:g%ie) :: whole_u, whole_v
        integer :: i
        do i = 0, g%nx + 1
            whole_u(i) = u(i, j, k) + g%mask_u(i, j, k)*mean_u(i, j)
            whole_v(i) = v(i, j, k) + g%mask_u(i, j, k)*mean_v(i, j)
        end do
    end subroutine whole_current

    !> Volume through the eastern and northern faces of row j at level k; the checkerboard's removal moves top cells.
    subroutine level_fluxes(g, k, j, h, filter_east, filter_north, u_south, u_north, v_north, east, north)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k, j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: h, filter_east, filter_north
        real(dp), intent(in), dimension(g%is:g%ie) :: u_south, u_north, v_north
        real(dp), intent(inout), dimension(0:g%nx + 1) :: east, north

        call row_fluxes(g, k, j, h, u_south, u_north, v_north, east, north)
        if (k > 1) return
        east = east + filter_east(0:g%nx + 1, j)
        north = north + filter_north(0:g%nx + 1, j)
    end subroutine level_fluxes

    !> One tracer in row j at level k. step, slope and flux are those at the southern side on entry and at the northern
    !! one on return; slope_below and flux_below those of the level below, then of this one's top.
    subroutine advance_level(g, config, dt, k, j, east, north, lift, h_old, h_new, surface, c, step, slope, flux, &
            slope_below, flux_below, c_new)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: k, j
        real(dp), intent(in), dimension(0:g%nx + 1) :: east, north, lift                !< outflow [m3/s]
        real(dp), intent(in), dimension(g%nx) :: h_old, h_new                           !< [m]
        real(dp), intent(in) :: surface(g%is:g%ie, g%js:g%je)
        real(dp), intent(in) :: c(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(inout), dimension(g%nx) :: step, slope, flux, slope_below, flux_below
        real(dp), intent(inout) :: c_new(g%is:g%ie)
        real(dp) :: flux_east(0:g%nx), flux_north(g%nx), flux_top(g%nx), outflow, source
        integer :: i

        call eastward_flux(g, config, dt, k, j, east, c(:, j, k), flux_east)
        call northward_flux(g, config, dt, k, j, north, c(:, j, k), c(:, j + 1, k), c(:, j + 2, k), step, slope, &
            flux_north)
        call upward_flux(g, dt, k, j, lift, c, slope_below, flux_top)
        source = merge(dt, 0.0_dp, k == 1)
        do i = 1, g%nx
            outflow = (flux_east(i) - flux_east(i - 1)) + (flux_north(i) - flux(i)) + (flux_top(i) - flux_below(i))
            c_new(i) = g%mask_t(i, j, k)*(c(i, j, k)*h_old(i) + source*surface(i, j) - dt*outflow/g%area_t(j))/h_new(i)
            flux(i) = flux_north(i)
            flux_below(i) = flux_top(i)
        end do
    end subroutine advance_level

    !> Advective and diffusive flux through the eastern faces 0:nx of row j [c m3/s].
    subroutine eastward_flux(g, config, dt, k, j, transport, c, flux)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: k, j
        real(dp), intent(in) :: transport(0:g%nx + 1)
        real(dp), intent(in) :: c(g%is:g%ie)
        real(dp), intent(inout) :: flux(0:g%nx)
        real(dp), dimension(-1:g%nx + 1) :: step
        real(dp), dimension(0:g%nx + 1) :: slope
        real(dp) :: diffusion, courant
        integer :: i

        diffusion = config%tracer_diffusivity*g%dz(k)*g%dy/g%dx_t(j)
        courant = dt/(g%area_t(j)*g%dz(k))
        do i = -1, g%nx + 1
            step(i) = g%mask_t(i, j, k)*g%mask_t(i + 1, j, k)*(c(i + 1) - c(i))
        end do
        do i = 0, g%nx + 1
            slope(i) = limited(step(i), step(i - 1))
        end do
        do i = 0, g%nx
            flux(i) = upstream(transport(i), courant, c(i), slope(i), c(i + 1), slope(i + 1)) - diffusion*step(i)
        end do
    end subroutine eastward_flux

    !> Advective and diffusive flux through the northern faces of row j [c m3/s]. step (from row j to j + 1) and slope
    !! (of row j) become those of the next row.
    subroutine northward_flux(g, config, dt, k, j, transport, c, c_north, c_beyond, step, slope, flux)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: k, j
        real(dp), intent(in) :: transport(0:g%nx + 1)
        real(dp), intent(in), dimension(g%is:g%ie) :: c, c_north, c_beyond      !< of the rows j, j + 1, j + 2
        real(dp), intent(inout), dimension(g%nx) :: step, slope, flux
        real(dp) :: diffusion, courant, step_north, slope_north
        integer :: i

        diffusion = config%tracer_diffusivity*g%dz(k)*g%dx_u(j)/g%dy
        courant = dt/(min(g%area_t(j), g%area_t(j + 1))*g%dz(k))
        do i = 1, g%nx
            step_north = g%mask_t(i, j + 1, k)*g%mask_t(i, j + 2, k)*(c_beyond(i) - c_north(i))
            slope_north = limited(step_north, step(i))
            flux(i) = upstream(transport(i), courant, c(i), slope(i), c_north(i), slope_north) - diffusion*step(i)
            step(i) = step_north
            slope(i) = slope_north
        end do
    end subroutine northward_flux

    !> Advective flux through the tops of row j at level k [c m3/s]; none through the surface. slope is that of level k
    !! on entry (0 at the deepest, which has no level below), that of level k - 1 on return.
    subroutine upward_flux(g, dt, k, j, lift, c, slope, flux)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: dt
        integer, intent(in) :: k, j
        real(dp), intent(in) :: lift(0:g%nx + 1)
        real(dp), intent(in) :: c(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(inout) :: slope(g%nx), flux(g%nx)
        real(dp) :: courant, step, step_above, slope_above, has_above
        integer :: i, above

        if (k == 1) then
            flux = 0.0_dp
            return
        end if
        above = max(k - 2, 1)
        has_above = merge(1.0_dp, 0.0_dp, k > 2)
        courant = dt/(g%area_t(j)*g%dz(k - 1))
        do i = 1, g%nx
            step = g%mask_t(i, j, k)*(c(i, j, k - 1) - c(i, j, k))
            step_above = has_above*(c(i, j, above) - c(i, j, k - 1))
            slope_above = limited(step_above, step)
            flux(i) = upstream(lift(i), courant, c(i, j, k), slope(i), c(i, j, k - 1), slope_above)
            slope(i) = slope_above
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
