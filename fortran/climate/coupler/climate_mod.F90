!> The coupled model: atmosphere, land and ocean on one clock of integer seconds. One coupling interval is
!!     climate_atmos_step    the atmosphere sees the present ocean and makes its steps, with fluxes anew at each,
!!     climate_ocean_step    the ocean makes the same interval under the mean of those fluxes,
!! in this order; between the two the state may be read, written and corrected.
module climate_mod
    use kinds_mod, only: dp, i8
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use layout_mod, only: layout_type
    use climate_config_mod, only: climate_config_type, climate_config_read, grid_file_read
    use flux_config_mod, only: flux_config_type, flux_config_read
    use exchange_grid_mod, only: exchange_grid_type, exchange_grid_init
    use surface_exchange_mod, only: surface_exchange_type, exchange_init, exchange_see_ocean, exchange_fluxes, &
        exchange_mean
    use ocean_forcing_mod, only: restoring_heat, restoring_freshwater
    use land_mod, only: land_type, land_init, land_step
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_surface
    use ocean_mod, only: ocean_type, ocean_init, ocean_step, ocean_surface
    use da_pending_mod, only: pending_type
    use da_update_mod, only: add_pending_to_atmos, add_pending_to_ocean
    implicit none
    private
    public :: climate_init, climate_atmos_step, climate_ocean_step, climate_seconds

    !> Forcing of the ocean kept for the diagnostics, third index of ocean_forcing.
    integer, parameter, public :: forcing_stress_x = 1, forcing_stress_y = 2, forcing_sensible = 3, forcing_heat = 4

    type, public :: climate_type
        type(comm_type) :: comm
        type(climate_config_type) :: config
        type(flux_config_type) :: flux_config
        type(atmos_type) :: atmos                           !< atmos%seconds is the atmosphere's clock
        type(ocean_type) :: ocean
        type(land_type) :: land
        type(surface_exchange_type) :: exchange
        type(pending_type) :: atmos_pending, ocean_pending  !< increments of the filter that wait for their steps
        type(layout_type) :: atmos_layout                   !< of a horizontal atmosphere field
        integer(i8) :: ocean_seconds = 0                    !< the ocean's clock
        real(dp), allocatable :: ps_before(:, :) !< before the last atmosphere step; empty before the first [Pa]
        real(dp), allocatable :: ocean_forcing(:, :, :)     !< of the last interval, own block: N/m2, N/m2, W/m2, W/m2
    end type climate_type

contains

    !> Build all components from one namelist file. Collective; an error of one rank is everyone's.
    subroutine climate_init(self, comm, path, status)
        type(climate_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: path            !< namelist file
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: mask(:, :), depth(:, :), topography(:, :)

        self%comm = comm
        call climate_config_read(self%config, path, status)
        call flux_config_read(self%flux_config, path, status)
        call comm%agree(status)
        if (status%failed()) return
        associate (c => self%config)
            call grid_file_read(c, comm, mask, depth, topography, status)
            if (status%failed()) return
            call atmos_init(self%atmos, comm, path, c%atmos_trunc, c%atmos_nlon, c%atmos_nlat, c%atmos_nlev, &
                real(c%atmos_dt, dp), topography, status)
            call comm%agree(status)
            if (status%failed()) return
            call ocean_init(self%ocean, comm, path, c%ocean_nlon, c%ocean_nlat, c%ocean_nlev, real(c%ocean_dt, dp), &
                mask, depth, status)
            call comm%agree(status)
            if (status%failed()) return
            self%atmos%seconds = c%start_seconds
            self%ocean_seconds = c%start_seconds
            self%atmos_pending%interval = real(c%atmos_dt, dp)
            self%ocean_pending%interval = real(c%coupling_dt, dp)
            call land_init(self%land, path, c%atmos_nlon, self%atmos%lat(self%atmos%rows), c%start_seconds, &
                real(c%atmos_dt, dp), status)
        end associate
        call join_surfaces(self, status)
        call comm%agree(status)
    end subroutine climate_init

    !> The exchange grid of the two component grids, and who holds what.
    subroutine join_surfaces(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        type(exchange_grid_type) :: grid
        integer :: i, j

        associate (a => self%atmos, o => self%ocean)
            call self%atmos_layout%init(self%comm, a%nlon*a%nlat, &
                [((i + (a%rows(j) - 1)*a%nlon, i=1, a%nlon), j=1, size(a%rows))], status)
            call exchange_grid_init(grid, a%lon, a%lat_bounds, o%lon, o%lat_bounds, o%wet, o%grid%area)
            call exchange_init(self%exchange, self%comm, grid, a%rows, a%sigma(a%nlev), status)
            allocate (self%ocean_forcing(o%i_last - o%i_first + 1, o%j_last - o%j_first + 1, 4), source=0.0_dp)
        end associate
    end subroutine join_surfaces

    !> The time that both components have reached [s].
    pure integer(i8) function climate_seconds(self)
        type(climate_type), intent(in) :: self
        climate_seconds = self%ocean_seconds
    end function climate_seconds

    !> Advance the atmosphere and the land by one coupling interval. Collective.
    subroutine climate_atmos_step(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows)) :: ps, ta, ua, va, stress_x, stress_y, sensible, &
            land_sensible
        integer :: n

        if (self%exchange%steps /= 0) call status%set(status_bad_input, &
            'the atmosphere has made this coupling interval; the ocean step is next')
        if (status%failed()) return
        call show_ocean(self)
        do n = 1, self%config%coupling_dt/self%config%atmos_dt
            call add_pending_to_atmos(self%atmos_pending, self%atmos, status)
            if (status%failed()) return
            call atmos_surface(self%atmos, ps, ta, ua, va)
            self%ps_before = ps
            call exchange_fluxes(self%exchange, self%flux_config, ps, ta, ua, va, self%land%temperature, stress_x, &
                stress_y, sensible, land_sensible)
            call land_step(self%land, self%atmos%seconds, land_sensible, status)
            call self%comm%agree(status)
            if (status%failed()) return
            call atmos_step(self%atmos, stress_x, stress_y, sensible, status)
            call self%comm%agree(status)
            if (status%failed()) return
        end do
    end subroutine climate_atmos_step

    !> Give the ocean's present surface to every rank's atmosphere.
    subroutine show_ocean(self)
        type(climate_type), intent(inout) :: self
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2)) :: sst, ssu, ssv, ssh
        call ocean_surface(self%ocean, sst, ssu, ssv, ssh)
        call exchange_see_ocean(self%exchange, self%ocean%layout, sst, ssu, ssv)
    end subroutine show_ocean

    !> Advance the ocean by one coupling interval under the fluxes of the atmosphere step before. Collective.
    subroutine climate_ocean_step(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2)) :: freshwater

        if (self%exchange%steps == 0) call status%set(status_bad_input, &
            'the ocean needs the fluxes of an atmosphere step; the atmosphere step is next')
        if (.not. status%failed()) call add_pending_to_ocean(self%ocean_pending, self%ocean, status)
        if (status%failed()) return
        associate (f => self%ocean_forcing)
            call exchange_mean(self%exchange, self%ocean%i_first, self%ocean%j_first, f(:, :, forcing_stress_x), &
                f(:, :, forcing_stress_y), f(:, :, forcing_sensible))
            call add_restoring(self, f(:, :, forcing_heat), freshwater)
            f(:, :, forcing_heat) = f(:, :, forcing_heat) + f(:, :, forcing_sensible)
            call ocean_step(self%ocean, f(:, :, forcing_stress_x), f(:, :, forcing_stress_y), f(:, :, forcing_heat), &
                freshwater, real(self%config%coupling_dt, dp), status)
        end associate
        call self%comm%agree(status)
        if (status%failed()) return
        self%ocean_seconds = self%ocean_seconds + self%config%coupling_dt
    end subroutine climate_ocean_step

    !> Restoring heat and freshwater on this rank's block. Collective.
    subroutine add_restoring(self, heat, freshwater)
        type(climate_type), intent(in) :: self
        real(dp), intent(out) :: heat(:, :)             !< [W/m2]
        real(dp), intent(out) :: freshwater(:, :)       !< [kg/m2/s]
        real(dp), dimension(size(heat, 1), size(heat, 2)) :: sst, ssu, ssv, ssh
        real(dp), dimension(self%ocean%nlon, self%ocean%nlat) :: sss, all_freshwater
        integer :: j, row

        associate (o => self%ocean)
            call ocean_surface(o, sst, ssu, ssv, ssh)
            call o%layout%gather_to_all(o%s(1:size(heat, 1), 1:size(heat, 2), 1), sss)
            call restoring_freshwater(self%flux_config, o%lat, o%grid%area, o%wet, sss, all_freshwater)
            freshwater = all_freshwater(o%i_first:o%i_last, o%j_first:o%j_last)
            do j = 1, size(heat, 2)
                row = o%j_first + j - 1
                heat(:, j) = merge(restoring_heat(self%flux_config, o%lat(row), self%ocean_seconds, sst(:, j)), &
                    0.0_dp, o%wet(o%i_first:o%i_last, row))
            end do
        end associate
    end subroutine add_restoring
end module climate_mod
