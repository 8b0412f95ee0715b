!> One internal step of the ocean, split-explicit.
module ocean_step_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: seawater_density, seawater_cp, seconds_per_day
    use status_mod, only: status_type, status_unstable
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_type_mod, only: ocean_type
    use ocean_transport_mod, only: corner_thickness
    use ocean_baroclinic_mod, only: baroclinic_step, column_depth
    use ocean_mixing_mod, only: mix_tracers_row
    use ocean_barotropic_mod, only: barotropic_step, checkerboard_fluxes
    use ocean_tracer_mod, only: tracer_start, tracer_row
    implicit none
    private
    public :: internal_step, update_halos

contains

    !> Advance by one dt under o%forcing. Once `status` has failed the steps go on, since the neighbours wait for halos.
    subroutine internal_step(o, status)
        type(ocean_type), intent(inout) :: o
        type(status_type), intent(inout) :: status
        integer :: j

        associate (g => o%grid, c => o%config, p => o%plane, f => o%forcing)
            call corner_thickness(g, o%eta, p%top)
            call column_depth(g, o%eta, p%depth)
            call checkerboard_fluxes(g, c, o%dt, o%eta, p%east, p%north)
            call surface_sources(o, p%surface_t, p%surface_s, p%force(:, :, 3))
            call baroclinic_step(o, p%top, p%depth, f%stress_x, f%stress_y, p%force, p%bt)
            call swap(o%u, o%u_new)
            call swap(o%v, o%v_new)
            call add_divergence(g, p%east, p%north, p%force(:, :, 3))
            p%eta_old = o%eta
            call barotropic_step(o%barotropic_work, g, c, o%halo, o%dt, p%depth, p%force, p%bt, p%mean_u, p%mean_v)
            o%eta = p%bt(:, :, 1)
            call to_velocity(g, p%depth, p%mean_u, p%mean_v)
            call o%halo%update(1, g%nk, o%u, o%v)
            o%elapsed = o%elapsed + o%dt
            call tracer_start(o%tracer_work, g, c, o%dt, p%eta_old, p%north, p%mean_u, p%mean_v, o%u, o%v, o%t, o%s)
            do j = 1, g%ny
                call tracer_row(o%tracer_work, g, c, o%dt, j, p%eta_old, o%eta, p%east, p%north, p%mean_u, p%mean_v, &
                    o%u, o%v, p%surface_t, p%surface_s, o%t, o%s, o%t_new, o%s_new)
                if (f%has_shortwave) call absorb_sunlight(o, j)
                call mix_tracers_row(o%mixing_work, g, o%dt, j, o%diffusivity, o%eta, o%t_new, o%s_new)
                call check_tracers(o, j, status)
                ! The tracers of the next row need the departures of this one still, but no longer those south of it.
                call add_depth_mean(g, j - 1, p%bt(:, :, 2), p%bt(:, :, 3), o%u, o%v)
                if (j > 1) call check_currents(o, j - 1, status)
            end do
            do j = g%ny, g%ny + 1
                call add_depth_mean(g, j, p%bt(:, :, 2), p%bt(:, :, 3), o%u, o%v)
            end do
            call check_currents(o, g%ny, status)
        end associate
        call swap(o%t, o%t_new)
        call swap(o%s, o%s_new)
        call swap(o%gu, o%gu_old)
        call swap(o%gv, o%gv_old)
        o%has_history = .true.
        call o%halo%update(2, o%grid%nk, o%t, o%s)
        call o%halo%update(o%halo%width, 1, o%eta)
    end subroutine internal_step

    !> Fill the halos of the prognostic fields after they were set from outside.
    subroutine update_halos(o)
        type(ocean_type), intent(inout) :: o
        call o%halo%update(2, o%grid%nk, o%t, o%s)
        call o%halo%update(1, o%grid%nk, o%u, o%v)
        call o%halo%update(o%halo%width, 1, o%eta)
    end subroutine update_halos

    !> Transports to depth-mean velocities, on the cells 0:nx+1, 0:ny+1.
    subroutine to_velocity(g, depth, u, v)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: depth
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: u, v
        integer :: i, j
        do j = 0, g%ny + 1
            do i = 0, g%nx + 1
                u(i, j) = u(i, j)/max(depth(i, j), 1.0_dp)
                v(i, j) = v(i, j)/max(depth(i, j), 1.0_dp)
            end do
        end do
    end subroutine to_velocity

    !> Put the depth mean back on row j, the cells 0:nx+1.
    subroutine add_depth_mean(g, j, mean_u, mean_v, u, v)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mean_u, mean_v
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v
        integer :: i, k
        do k = 1, g%nk
            do i = 0, g%nx + 1
                u(i, j, k) = u(i, j, k) + g%mask_u(i, j, k)*mean_u(i, j)
                v(i, j, k) = v(i, j, k) + g%mask_u(i, j, k)*mean_v(i, j)
            end do
        end do
    end subroutine add_depth_mean

    !> Surface fluxes as sources of the top cell [degC m/s], [g/kg m/s] and of the free surface [m/s]. Rain falls with
    !! the surface's temperature when it adds volume.
    subroutine surface_sources(o, surface_t, surface_s, volume)
        type(ocean_type), intent(in) :: o
        real(dp), intent(inout), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: surface_t, surface_s, volume
        integer :: i, j

        surface_t = 0.0_dp
        surface_s = 0.0_dp
        volume = 0.0_dp
        associate (f => o%forcing)
            do j = 1, o%grid%ny
                do i = 1, o%grid%nx
                    if (o%grid%mask_t(i, j, 1) <= 0.0_dp) cycle
                    surface_t(i, j) = f%heat(i, j)/(seawater_density*seawater_cp)
                    if (o%config%virtual_salt_flux) then
                        surface_s(i, j) = -f%freshwater(i, j)*o%config%reference_salinity/seawater_density
                    else
                        volume(i, j) = f%freshwater(i, j)/seawater_density
                        surface_t(i, j) = surface_t(i, j) + volume(i, j)*o%t(i, j, 1)
                    end if
                    if (f%has_salt) surface_s(i, j) = surface_s(i, j) + 1000.0_dp*f%salt(i, j)/seawater_density
                end do
            end do
        end associate
    end subroutine surface_sources

    !> Warm row j by the sunlight that ends in each cell: what passes its top and not its floor; the deepest wet cell
    !! keeps the rest.
    subroutine absorb_sunlight(o, j)
        type(ocean_type), intent(inout) :: o
        integer, intent(in) :: j
        real(dp) :: rate, h, through
        integer :: i, k

        rate = o%dt/(seawater_density*seawater_cp)
        do k = 1, o%grid%nk
            do i = 1, o%grid%nx
                if (o%grid%mask_t(i, j, k) <= 0.0_dp) cycle
                through = 0.0_dp
                if (k < o%grid%nk) through = o%grid%mask_t(i, j, k + 1)*o%sunlight(k)
                h = o%grid%dz(k)
                if (k == 1 .and. o%config%tracer_advection) h = h + o%eta(i, j)
                o%t_new(i, j, k) = o%t_new(i, j, k) + rate*o%forcing%shortwave(i, j)*(o%sunlight(k - 1) - through)/h
            end do
        end do
    end subroutine absorb_sunlight

    !> source - div(flux)/area on the owned cells.
    subroutine add_divergence(g, east, north, source)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: east, north
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: source
        integer :: i, j
        do j = 1, g%ny
            do i = 1, g%nx
                source(i, j) = source(i, j) &
                    - ((east(i, j) - east(i - 1, j)) + (north(i, j) - north(i, j - 1)))/g%area_t(j)
            end do
        end do
    end subroutine add_divergence

    !> Stop at the first tracer in row j that is no ocean's: not a number, or beyond nature.
    subroutine check_tracers(o, j, status)
        type(ocean_type), intent(in) :: o
        integer, intent(in) :: j
        type(status_type), intent(inout) :: status
        integer :: k

        if (status%failed()) return
        do k = 1, o%grid%nk
            call check(o, 'temperature', j, k, o%t_new(:, j, k), -10.0_dp, 60.0_dp, status)
            call check(o, 'salinity', j, k, o%s_new(:, j, k), -1.0_dp, 100.0_dp, status)
        end do
    end subroutine check_tracers

    !> The same for the currents and the free surface: a current beyond the limit, a top cell run dry.
    subroutine check_currents(o, j, status)
        type(ocean_type), intent(in) :: o
        integer, intent(in) :: j
        type(status_type), intent(inout) :: status
        integer :: k

        if (status%failed()) return
        call check(o, 'eta', j, 1, o%eta(:, j), -0.8_dp*o%grid%dz(1), 50.0_dp, status)
        do k = 1, o%grid%nk
            call check(o, 'u', j, k, o%u(:, j, k), -o%config%speed_limit, o%config%speed_limit, status)
            call check(o, 'v', j, k, o%v(:, j, k), -o%config%speed_limit, o%config%speed_limit, status)
        end do
    end subroutine check_currents

    !> Name the first value of a row outside [low, high], or that is not a number, with its place and time.
    subroutine check(o, name, j, k, row, low, high, status)
        type(ocean_type), intent(in) :: o
        character(len=*), intent(in) :: name
        integer, intent(in) :: j, k
        real(dp), intent(in) :: row(o%grid%is:o%grid%ie)
        real(dp), intent(in) :: low, high
        type(status_type), intent(inout) :: status
        character(len=240) :: text
        integer :: i
        integer(i8) :: bad      ! as wide as the reals, so that both fill the same vectors

        ! Counted rather than asked with all(): that would stop at the first and run one by one.
        bad = 0_i8
        do i = 1, o%grid%nx
            bad = bad + merge(0_i8, 1_i8, row(i) >= low .and. row(i) <= high)
        end do
        if (bad == 0_i8) return
        i = findloc(row(1:o%grid%nx) >= low .and. row(1:o%grid%nx) <= high, .false., dim=1)
        write (text, '(3a,es12.4,a,f8.2,a,f8.2,a,i0,a,f0.1,a,f12.4,a)') 'ocean: ', name, ' = ', row(i), &
            ' at lat ', o%lat(o%j_first + j - 1), ', lon ', o%lon(o%i_first + i - 1), ', level ', k, ' (', &
            o%grid%z(k), ' m), day ', o%elapsed/seconds_per_day, ': unstable; try a shorter ocean_dt or more viscosity'
        call status%set(status_unstable, text)
    end subroutine check

    !> Exchange two arrays without copying them.
    subroutine swap(a, b)
        real(dp), allocatable, intent(inout) :: a(:, :, :), b(:, :, :)
        real(dp), allocatable :: c(:, :, :)
        call move_alloc(a, c)
        call move_alloc(b, a)
        call move_alloc(c, b)
    end subroutine swap
end module ocean_step_mod
