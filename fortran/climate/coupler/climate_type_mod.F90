!> The coupled model as one object, and its start.
module climate_type_mod
    use kinds_mod, only: dp, i8
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use layout_mod, only: layout_type
    use climate_config_mod, only: climate_config_type, climate_config_read, grid_file_read
    use flux_config_mod, only: flux_config_type, flux_config_read
    use exchange_grid_mod, only: exchange_grid_type, exchange_grid_init
    use surface_exchange_mod, only: surface_exchange_type, exchange_init, n_simple_fluxes, n_full_fluxes
    use runoff_mod, only: rivers_type, rivers_init
    use land_mod, only: land_type, land_init
    use ice_mod, only: ice_type, ice_init
    use atmos_mod, only: atmos_type, atmos_init
    use ocean_mod, only: ocean_type, ocean_init
    use da_pending_mod, only: pending_type
    implicit none
    private
    public :: climate_init

    !> Forcing of the ocean kept for the diagnostics, third index of ocean_forcing.
    !! forcing_air_heat is what the air gives open water: with the simple surface the sensible heat.
    integer, parameter, public :: forcing_stress_x = 1, forcing_stress_y = 2, forcing_air_heat = 3, forcing_heat = 4, &
        forcing_water = 5, forcing_rivers = 6, forcing_sunlight = 7, n_forcings = 7
    !> Means of the atmosphere's last interval kept for the diagnostics, third index of air_mean.
    integer, parameter, public :: air_rain = 1, air_evaporation = 2, air_surface_heat = 3, air_sw_net = 4, air_olr = 5

    type, public :: climate_type
        type(comm_type) :: comm
        type(climate_config_type) :: config
        type(flux_config_type) :: flux_config
        type(atmos_type) :: atmos                           !< atmos%seconds is the atmosphere's clock
        type(ocean_type) :: ocean
        type(land_type) :: land
        logical :: full = .false.                           !< surface = 'full': the next two are in use
        type(ice_type) :: ice                               !< on the ocean's own block
        type(rivers_type) :: rivers
        type(surface_exchange_type) :: exchange
        type(pending_type) :: atmos_pending, ocean_pending  !< increments of the filter that wait for their steps
        type(layout_type) :: atmos_layout                   !< of a horizontal atmosphere field
        integer(i8) :: ocean_seconds = 0                    !< the ocean's clock
        !> kg/m2/s, kg/m2/s, W/m2 into the surface, W/m2, W/m2 (nlon, nrows, 5); 0 with the simple surface.
        real(dp), allocatable :: air_mean(:, :, :)
        real(dp), allocatable :: ps_before(:, :) !< before the last atmosphere step; empty before the first [Pa]
        !> Of the last interval, own block: N/m2, N/m2, W/m2, W/m2, kg/m2/s of all freshwater and of rivers in it,
        !! W/m2 of sunlight within all heat.
        real(dp), allocatable :: ocean_forcing(:, :, :)
        real(dp) :: ocean_water = 0.0_dp                    !< freshwater the ocean has received since its start [kg]
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
            self%full = c%surface == 'full'
            if (self%full .neqv. self%atmos%config%forcing == 'moist') call status%set(status_bad_input, trim(path)// &
                ": &climate_nml: surface = 'full' goes with forcing = 'moist' of &atmos_nml, and 'simple' without")
            if (self%full) call ice_init(self%ice, path, self%ocean%i_last - self%ocean%i_first + 1, &
                self%ocean%j_last - self%ocean%j_first + 1, self%ocean%config%freezing_temperature, status)
        end associate
        call comm%agree(status)
        if (status%failed()) return
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
            call exchange_init(self%exchange, self%comm, grid, a%rows, a%sigma(a%nlev), &
                merge(n_full_fluxes, n_simple_fluxes, self%full), status)
            allocate (self%air_mean(a%nlon, size(a%rows), 5), source=0.0_dp)
            allocate (self%ocean_forcing(o%i_last - o%i_first + 1, o%j_last - o%j_first + 1, n_forcings), source=0.0_dp)
            if (self%full) call rivers_init(self%rivers, grid, a%lon, a%lat, o%lon, o%lat, &
                o%wet, self%flux_config%runoff_radius)
        end associate
    end subroutine join_surfaces
end module climate_type_mod
