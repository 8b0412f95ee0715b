!> One internal step of the ocean, split-explicit.
module ocean_step_mod
    use kinds_mod, only: dp
    use constants_mod, only: seawater_density, seawater_cp, seconds_per_day
    use status_mod, only: status_type, status_unstable
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_type_mod, only: ocean_type
    use ocean_transport_mod, only: corner_thickness
    use ocean_momentum_mod, only: momentum_tendency
    use ocean_baroclinic_mod, only: baroclinic_step, column_depth
    use ocean_mixing_mod, only: mixing_coefficients, mix_tracers
    use ocean_barotropic_mod, only: barotropic_step, checkerboard_fluxes
    use ocean_tracer_mod, only: advance_tracers
    implicit none
    private
    public :: internal_step, update_halos, check_state

contains

    !> Advance by one dt. The forcing arrays span is:ie, js:je; all but the owned cells are ignored.
    subroutine internal_step(o, stress_x, stress_y, heat, freshwater)
        type(ocean_type), intent(inout) :: o
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: stress_x, stress_y
        !< at velocity points, into the ocean [N/m2]
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: heat        !< [W/m2]
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: freshwater  !< [kg/m2/s]
        real(dp), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: top, depth, mean_u, mean_v, east, north, &
            eta_old, surface_t, surface_s
        real(dp), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je, 3) :: force, bt

        associate (g => o%grid, c => o%config)
            call momentum_tendency(g, c, o%reference, o%pressure, o%t, o%s, o%u, o%v, o%eta, o%gu, o%gv)
            call mixing_coefficients(g, c, o%pressure_w, o%t, o%s, o%u, o%v, o%viscosity, o%diffusivity)
            call corner_thickness(g, 1, o%eta, top)
            call column_depth(g, o%eta, depth)
            call checkerboard_fluxes(g, c, o%dt, o%eta, east, north)
            call surface_sources(o, heat, freshwater, surface_t, surface_s, force(:, :, 3))
            call baroclinic_step(o, top, depth, stress_x, stress_y, force, bt)
            call add_divergence(g, east, north, force(:, :, 3))
            eta_old = o%eta
            call barotropic_step(g, c, o%halo, o%dt, depth, force, bt, mean_u, mean_v)
            o%eta = bt(:, :, 1)
            call to_velocity(g, depth, mean_u, mean_v)
            call o%halo%update(1, g%nk, o%u, o%v)
            call advance_tracers(g, c, o%dt, eta_old, o%eta, east, north, mean_u, mean_v, o%u, o%v, surface_t, &
                surface_s, o%t, o%s, o%t_new, o%s_new)
            call mix_tracers(g, o%dt, o%diffusivity, o%eta, o%t_new, o%s_new)
            call add_depth_mean(g, bt(:, :, 2), bt(:, :, 3), o%u, o%v)
        end associate
        call swap(o%t, o%t_new)
        call swap(o%s, o%s_new)
        call swap(o%gu, o%gu_old)
        call swap(o%gv, o%gv_old)
        o%has_history = .true.
        o%elapsed = o%elapsed + o%dt
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

    !> Put the depth mean back, on the cells 0:nx+1, 0:ny+1.
    subroutine add_depth_mean(g, mean_u, mean_v, u, v)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mean_u, mean_v
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v
        integer :: i, j, k
        do k = 1, g%nk
            do j = 0, g%ny + 1
                do i = 0, g%nx + 1
                    u(i, j, k) = u(i, j, k) + g%mask_u(i, j, k)*mean_u(i, j)
                    v(i, j, k) = v(i, j, k) + g%mask_u(i, j, k)*mean_v(i, j)
                end do
            end do
        end do
    end subroutine add_depth_mean

    !> Surface fluxes as sources of the top cell [degC m/s], [g/kg m/s] and of the free surface [m/s]. Rain falls with
    !! the surface's temperature when it adds volume.
    subroutine surface_sources(o, heat, freshwater, surface_t, surface_s, volume)
        type(ocean_type), intent(in) :: o
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: heat, freshwater
        real(dp), intent(out), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: surface_t, surface_s, volume
        integer :: i, j

        surface_t = 0.0_dp
        surface_s = 0.0_dp
        volume = 0.0_dp
        do j = 1, o%grid%ny
            do i = 1, o%grid%nx
                if (o%grid%mask_t(i, j, 1) <= 0.0_dp) cycle
                surface_t(i, j) = heat(i, j)/(seawater_density*seawater_cp)
                if (o%config%virtual_salt_flux) then
                    surface_s(i, j) = -freshwater(i, j)*o%config%reference_salinity/seawater_density
                else
                    volume(i, j) = freshwater(i, j)/seawater_density
                    surface_t(i, j) = surface_t(i, j) + volume(i, j)*o%t(i, j, 1)
                end if
            end do
        end do
    end subroutine surface_sources

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

    !> Stop at the first value that is no ocean: not a number, a current beyond the limit, a top cell run dry.
    subroutine check_state(o, status)
        type(ocean_type), intent(in) :: o
        type(status_type), intent(inout) :: status
        integer :: j, k

        if (status%failed()) return
        do k = 1, o%grid%nk
            do j = 1, o%grid%ny
                call check_row('temperature', o%t(1:o%grid%nx, j, k), -10.0_dp, 60.0_dp)
                call check_row('salinity', o%s(1:o%grid%nx, j, k), -1.0_dp, 100.0_dp)
                call check_row('u', o%u(1:o%grid%nx, j, k), -o%config%speed_limit, o%config%speed_limit)
                call check_row('v', o%v(1:o%grid%nx, j, k), -o%config%speed_limit, o%config%speed_limit)
                if (k == 1) call check_row('eta', o%eta(1:o%grid%nx, j), -0.8_dp*o%grid%dz(1), 50.0_dp)
                if (status%failed()) return
            end do
        end do

    contains

        subroutine check_row(name, row, low, high)
            character(len=*), intent(in) :: name
            real(dp), intent(in) :: row(:), low, high
            character(len=240) :: text
            integer :: i, bad
            ! Counted rather than asked with all(): that would stop at the first and run one by one.
            bad = 0
            do i = 1, size(row)
                bad = bad + merge(0, 1, row(i) >= low .and. row(i) <= high)
            end do
            if (bad == 0) return
            i = findloc(row >= low .and. row <= high, .false., dim=1)
            write (text, '(3a,es12.4,a,f8.2,a,f8.2,a,i0,a,f12.4,a)') 'ocean: ', name, ' = ', row(i), ' at lat ', &
                o%lat(o%j_first + j - 1), ', lon ', o%lon(o%i_first + i - 1), ', level ', k, ', day ', &
                o%elapsed/seconds_per_day, ': unstable; try a shorter ocean_dt or more viscosity'
            call status%set(status_unstable, text)
        end subroutine check_row
    end subroutine check_state

    !> Exchange two arrays without copying them.
    subroutine swap(a, b)
        real(dp), allocatable, intent(inout) :: a(:, :, :), b(:, :, :)
        real(dp), allocatable :: c(:, :, :)
        call move_alloc(a, c)
        call move_alloc(b, a)
        call move_alloc(c, b)
    end subroutine swap
end module ocean_step_mod
