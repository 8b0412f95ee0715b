!> Exchange of a moist atmosphere with three kinds of tile: open sea and ice on every exchange cell, in shares 1 - a and
!! a of it, and the land of every atmosphere cell. Fluxes are computed once per tile (surface_balance_mod). The
!! atmosphere gets their area means, the land its own, and what passes into sea and ice is summed over the coupling
!! interval. Rain falls alike on all tiles of a cell; on ice it drains into the sea, as does what dew brings, and the
!! sea is also what evaporates: ice is neither sublimated nor rained upon, so its mass tells its energy.
module tile_exchange_mod
    use kinds_mod, only: dp
    use constants_mod, only: celsius_zero, latent_heat_vaporization
    use status_mod, only: status_type
    use flux_config_mod, only: flux_config_type
    use exchange_grid_mod, only: sum_to_atmosphere
    use surface_exchange_mod, only: surface_exchange_type, flux_stress_x, flux_stress_y, flux_heat, flux_water, &
        flux_ice_heat, flux_shortwave
    use surface_balance_mod, only: air_column_type, tile_type, tile_flux_type, make_air_column, tile_fluxes, &
        tile_temperature
    use ice_mod, only: ice_type, melting_temperature
    use land_mod, only: land_type, land_wetness, land_albedo, land_take_fluxes
    use atmos_surface_mod, only: surface_air_type, surface_flux_type
    implicit none
    private
    public :: tile_exchange_fluxes, tile_exchange_rain

    real(dp), parameter :: sea_vapour = 0.98_dp     !< saturation over sea water to that over pure water

contains

    !> Fluxes of one atmosphere step: means for the atmosphere, a step of the land, sums for the sea and its ice.
    subroutine tile_exchange_fluxes(self, config, ice, land, air, flux, status)
        type(surface_exchange_type), intent(inout) :: self
        type(flux_config_type), intent(in) :: config
        type(ice_type), intent(in) :: ice               !< its settings; the cover is what the atmosphere was shown
        type(land_type), intent(inout) :: land
        type(surface_air_type), intent(in) :: air
        type(surface_flux_type), intent(inout) :: flux
        type(status_type), intent(inout) :: status
        type(air_column_type) :: columns(size(air%ps, 1))
        type(tile_flux_type) :: land_flux(size(air%ps, 1))
        type(tile_flux_type), allocatable :: cell_flux(:)
        real(dp), dimension(size(air%ps, 1), size(air%ps, 2)) :: land_heat, land_evaporation
        integer :: j, row, first, last

        last = 0
        do j = 1, size(self%rows)
            row = self%rows(j)
            first = last + 1
            last = last + self%grid%row_first(row + 1) - self%grid%row_first(row)
            allocate (cell_flux(first:last))
            call make_air_column(columns, self%sigma, air%ps(:, j), air%t(:, j), air%u(:, j), air%v(:, j), &
                air%q(:, j), air%sw_down(:, j), air%lw_down(:, j))
            call land_row(config, land, columns, land%temperature(:, j), land%water(:, j), land_flux)
            call sea_row(self, config, ice, row, columns, self%flux_sum(first:last, :), cell_flux)
            land_heat(:, j) = land_flux%heat
            land_evaporation(:, j) = land_flux%evaporation
            call sum_to_atmosphere(self%grid, row, -cell_flux%tau_x, -land_flux%tau_x, flux%stress_x(:, j))
            call sum_to_atmosphere(self%grid, row, -cell_flux%tau_y, -land_flux%tau_y, flux%stress_y(:, j))
            call sum_to_atmosphere(self%grid, row, cell_flux%sensible, land_flux%sensible, flux%sensible(:, j))
            call sum_to_atmosphere(self%grid, row, cell_flux%evaporation, land_flux%evaporation, flux%evaporation(:, j))
            call sum_to_atmosphere(self%grid, row, cell_flux%lw_up, land_flux%lw_up, flux%lw_up(:, j))
            call sum_to_atmosphere(self%grid, row, cell_flux%sw_up, land_flux%sw_up, flux%sw_up(:, j))
            deallocate (cell_flux)
        end do
        call land_take_fluxes(land, land_heat, land_evaporation, status)
        self%steps = self%steps + 1
    end subroutine tile_exchange_fluxes

    !> Land tiles of one row; the bucket gives no more than it holds.
    subroutine land_row(config, land, air, temperature, water, flux)
        type(flux_config_type), intent(in) :: config
        type(land_type), intent(in) :: land                 !< its settings
        type(air_column_type), intent(in) :: air(:)
        real(dp), intent(in) :: temperature(:)              !< [K]
        real(dp), intent(in) :: water(:)                    !< [kg/m2]
        type(tile_flux_type), intent(out) :: flux(:)
        type(tile_type) :: tile
        real(dp) :: surface, available
        integer :: i

        tile = tile_type(log_z0=log(config%land_roughness), gustiness=config%gustiness, louis=config%louis_stability, &
            capacity=land%heat_capacity/land%time_step)
        do i = 1, size(air)
            tile%albedo = land_albedo(land, temperature(i))
            tile%wetness = land_wetness(land, water(i))
            call tile_temperature(air(i), tile, temperature(i), huge(1.0_dp), surface, flux(i))
            available = water(i)/land%time_step
            if (flux(i)%evaporation <= available) cycle
            flux(i)%heat = flux(i)%heat + latent_heat_vaporization*(flux(i)%evaporation - available)
            flux(i)%evaporation = available
        end do
    end subroutine land_row

    !> Sea and ice of one row's exchange cells: their mean for the atmosphere, their sums for what lies below.
    subroutine sea_row(self, config, ice, row, air, flux_sum, mean)
        type(surface_exchange_type), intent(in) :: self
        type(flux_config_type), intent(in) :: config
        type(ice_type), intent(in) :: ice
        integer, intent(in) :: row                          !< global atmosphere row
        type(air_column_type), intent(in) :: air(:)
        real(dp), intent(inout) :: flux_sum(:, :)           !< (cells of the row, n_fluxes)
        type(tile_flux_type), intent(out) :: mean(:)
        type(tile_type) :: sea_tile, ice_tile
        type(tile_flux_type) :: sea_flux, ice_flux
        real(dp) :: cover, surface
        integer :: cell, k, i, io, jo

        sea_tile = tile_type(log_z0=log(config%sea_roughness), gustiness=config%gustiness, &
            louis=config%louis_stability, albedo=config%sea_albedo, vapour=sea_vapour)
        ice_tile = tile_type(log_z0=log(ice%roughness), gustiness=config%gustiness, louis=config%louis_stability, &
            albedo=ice%albedo, frozen=.true., base=ice%freezing_temperature + celsius_zero)
        do k = 1, size(mean)
            cell = self%grid%row_first(row) + k - 1
            i = self%grid%ia(cell)
            io = self%grid%io(cell)
            jo = self%grid%jo(cell)
            cover = self%ice_cover(io, jo)
            call tile_fluxes(air(i), sea_tile, self%sst(io, jo) + celsius_zero, self%ssu(io, jo), self%ssv(io, jo), &
                sea_flux)
            ice_flux = tile_flux_type()
            if (cover > 0.0_dp) then
                ice_tile%conductance = self%ice_conductance(io, jo)
                call tile_temperature(air(i), ice_tile, ice_tile%base, melting_temperature, surface, ice_flux)
            end if
            mean(k) = weighted(1.0_dp - cover, sea_flux, cover, ice_flux)
            flux_sum(k, flux_stress_x) = flux_sum(k, flux_stress_x) + mean(k)%tau_x
            flux_sum(k, flux_stress_y) = flux_sum(k, flux_stress_y) + mean(k)%tau_y
            flux_sum(k, flux_heat) = flux_sum(k, flux_heat) + (1.0_dp - cover)*sea_flux%heat
            flux_sum(k, flux_water) = flux_sum(k, flux_water) - mean(k)%evaporation
            flux_sum(k, flux_ice_heat) = flux_sum(k, flux_ice_heat) + cover*ice_flux%heat
            flux_sum(k, flux_shortwave) = flux_sum(k, flux_shortwave) &
                + (1.0_dp - cover)*(air(i)%sw_down - sea_flux%sw_up)
        end do
    end subroutine sea_row

    !> Fluxes over two tiles together.
    elemental function weighted(share, flux, other_share, other) result(mean)
        real(dp), intent(in) :: share, other_share          !< of the area
        type(tile_flux_type), intent(in) :: flux, other
        type(tile_flux_type) :: mean
        mean%tau_x = share*flux%tau_x + other_share*other%tau_x
        mean%tau_y = share*flux%tau_y + other_share*other%tau_y
        mean%sensible = share*flux%sensible + other_share*other%sensible
        mean%evaporation = share*flux%evaporation + other_share*other%evaporation
        mean%lw_up = share*flux%lw_up + other_share*other%lw_up
        mean%sw_up = share*flux%sw_up + other_share*other%sw_up
        mean%heat = share*flux%heat + other_share*other%heat
    end function weighted

    !> Add the rain of the atmosphere step to the water of the sea.
    subroutine tile_exchange_rain(self, precipitation)
        type(surface_exchange_type), intent(inout) :: self
        real(dp), intent(in) :: precipitation(:, :)         !< (nlon, nrows) [kg/m2/s]
        integer :: j, k, n, cell

        n = 0
        do j = 1, size(self%rows)
            cell = self%grid%row_first(self%rows(j))
            do k = cell, self%grid%row_first(self%rows(j) + 1) - 1
                n = n + 1
                self%flux_sum(n, flux_water) = self%flux_sum(n, flux_water) + precipitation(self%grid%ia(k), j)
            end do
        end do
    end subroutine tile_exchange_rain
end module tile_exchange_mod
