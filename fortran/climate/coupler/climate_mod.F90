!> The coupled model: atmosphere, land and ocean on one clock of integer seconds. One coupling interval is
!!     climate_atmos_step    the atmosphere sees the present ocean and makes its steps, with fluxes anew at each,
!!     climate_ocean_step    the ocean makes the same interval under the mean of those fluxes,
!! in this order; between the two the state may be read, written and corrected.
!!
!! With surface = 'simple' a dry atmosphere exchanges stress and sensible heat, and restoring stands for the rest; with
!! surface = 'full' a moist one exchanges radiation and water as well with sea, ice and land (tile_exchange_mod).
module climate_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: latent_heat_vaporization
    use status_mod, only: status_type, status_bad_input
    use climate_type_mod, only: climate_type, climate_init, forcing_stress_x, forcing_stress_y, forcing_air_heat, &
        forcing_heat, forcing_water, forcing_rivers, forcing_sunlight, air_rain, air_evaporation, air_surface_heat, &
        air_sw_net, air_olr
    use surface_exchange_mod, only: exchange_see_ocean, exchange_fluxes, exchange_mean, n_simple_fluxes, &
        n_full_fluxes, flux_stress_x, flux_stress_y, flux_heat, flux_water, flux_ice_heat, &
        flux_shortwave
    use tile_exchange_mod, only: tile_exchange_fluxes, tile_exchange_rain
    use runoff_mod, only: rivers_flow
    use ocean_forcing_mod, only: restoring_heat, restoring_freshwater
    use land_mod, only: land_step, land_take_rain
    use ice_mod, only: ice_step, ice_cover, ice_thickness, ice_conductance
    use atmos_surface_mod, only: surface_air_type, surface_flux_type, surface_air_init, surface_flux_init
    use atmos_mod, only: atmos_step, atmos_surface
    use ocean_mod, only: ocean_step, ocean_surface, ocean_freezing_heat
    use da_update_mod, only: add_pending_to_atmos, add_pending_to_ocean
    implicit none
    private
    public :: climate_type, climate_init, climate_atmos_step, climate_ocean_step, climate_seconds

contains

    !> The time that both components have reached [s].
    pure integer(i8) function climate_seconds(self)
        type(climate_type), intent(in) :: self
        climate_seconds = self%ocean_seconds
    end function climate_seconds

    !> Advance the atmosphere and the land by one coupling interval. Collective.
    subroutine climate_atmos_step(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        integer :: n

        if (self%exchange%steps /= 0) call status%set(status_bad_input, &
            'the atmosphere has made this coupling interval; the ocean step is next')
        if (status%failed()) return
        call show_ocean(self)
        self%air_mean = 0.0_dp
        do n = 1, self%config%coupling_dt/self%config%atmos_dt
            call add_pending_to_atmos(self%atmos_pending, self%atmos, status)
            if (status%failed()) return
            if (self%full) then
                call full_step(self, status)
            else
                call simple_step(self, status)
            end if
            if (status%failed()) return
        end do
        self%air_mean = self%air_mean/(self%config%coupling_dt/self%config%atmos_dt)
    end subroutine climate_atmos_step

    !> One step of a dry atmosphere and the land under it. Collective.
    subroutine simple_step(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows)) :: ps, ta, ua, va, stress_x, stress_y, sensible, &
            land_sensible

        call atmos_surface(self%atmos, ps, ta, ua, va)
        self%ps_before = ps
        call exchange_fluxes(self%exchange, self%flux_config, ps, ta, ua, va, self%land%temperature, stress_x, &
            stress_y, sensible, land_sensible)
        call land_step(self%land, self%atmos%seconds, land_sensible, status)
        if (status%failed()) call name_time(self%atmos%seconds + self%config%atmos_dt, status)
        call self%comm%agree(status)
        if (status%failed()) return
        call atmos_step(self%atmos, stress_x, stress_y, sensible, status)
        call self%comm%agree(status)
    end subroutine simple_step

    !> One step of a moist atmosphere: radiation and air meet the tiles, the air takes their fluxes, its rain falls on
    !! them. Collective.
    subroutine full_step(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        type(surface_air_type) :: air
        type(surface_flux_type) :: flux

        call surface_air_init(air, self%atmos%nlon, size(self%atmos%rows))
        call surface_flux_init(flux, self%atmos%nlon, size(self%atmos%rows))
        call atmos_surface(self%atmos, air)
        self%ps_before = air%ps
        call tile_exchange_fluxes(self%exchange, self%flux_config, self%ice, self%land, air, flux, status)
        if (status%failed()) call name_time(self%atmos%seconds + self%config%atmos_dt, status)
        call self%comm%agree(status)
        if (status%failed()) return
        call atmos_step(self%atmos, flux, status)
        call self%comm%agree(status)
        if (status%failed()) return
        call tile_exchange_rain(self%exchange, self%atmos%precipitation)
        call land_take_rain(self%land, self%atmos%precipitation)
        associate (m => self%air_mean)
            m(:, :, air_rain) = m(:, :, air_rain) + self%atmos%precipitation
            m(:, :, air_evaporation) = m(:, :, air_evaporation) + flux%evaporation
            m(:, :, air_surface_heat) = m(:, :, air_surface_heat) + (air%sw_down - flux%sw_up) &
                + (air%lw_down - flux%lw_up) - flux%sensible - latent_heat_vaporization*flux%evaporation
            m(:, :, air_sw_net) = m(:, :, air_sw_net) + self%atmos%toa_sw_net
            m(:, :, air_olr) = m(:, :, air_olr) + self%atmos%olr
        end associate
    end subroutine full_step

    subroutine name_time(seconds, status)
        integer(i8), intent(in) :: seconds              !< clock at the end of the step
        type(status_type), intent(inout) :: status
        character(len=60) :: when
        write (when, '(a, i0, a)') '; in the step to second ', seconds, ' since 2000-01-01'
        status%message = trim(status%message)//when
    end subroutine name_time

    !> Give the present surface of ocean and ice to every rank's atmosphere.
    subroutine show_ocean(self)
        type(climate_type), intent(inout) :: self
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2)) :: sst, ssu, ssv, ssh
        call ocean_surface(self%ocean, sst, ssu, ssv, ssh)
        call exchange_see_ocean(self%exchange, self%ocean%layout, sst, ssu, ssv)
        if (.not. self%full) return
        call self%ocean%layout%gather_to_all(ice_cover(self%ice, self%ice%volume), self%exchange%ice_cover)
        call self%ocean%layout%gather_to_all(ice_conductance(self%ice, ice_thickness(self%ice, self%ice%volume)), &
            self%exchange%ice_conductance)
    end subroutine show_ocean

    !> Advance the ocean by one coupling interval under the fluxes of the atmosphere step before. Collective.
    subroutine climate_ocean_step(self, status)
        type(climate_type), intent(inout) :: self
        type(status_type), intent(inout) :: status

        if (self%exchange%steps == 0) call status%set(status_bad_input, &
            'the ocean needs the fluxes of an atmosphere step; the atmosphere step is next')
        if (.not. status%failed()) call add_pending_to_ocean(self%ocean_pending, self%ocean, status)
        if (status%failed()) return
        if (self%full) then
            call full_forcing(self, self%ocean_forcing)
        else
            call simple_forcing(self, self%ocean_forcing)
        end if
        associate (f => self%ocean_forcing)
            if (self%full) then
                call ocean_step(self%ocean, f(:, :, forcing_stress_x), f(:, :, forcing_stress_y), &
                    f(:, :, forcing_heat) - f(:, :, forcing_sunlight), f(:, :, forcing_water), &
                    real(self%config%coupling_dt, dp), status, shortwave=f(:, :, forcing_sunlight))
            else
                call ocean_step(self%ocean, f(:, :, forcing_stress_x), f(:, :, forcing_stress_y), &
                    f(:, :, forcing_heat), f(:, :, forcing_water), real(self%config%coupling_dt, dp), status)
            end if
        end associate
        call self%comm%agree(status)
        if (status%failed()) return
        self%ocean_seconds = self%ocean_seconds + self%config%coupling_dt
    end subroutine climate_ocean_step

    !> Stress and sensible heat of the interval, and restoring. Collective.
    subroutine simple_forcing(self, forcing)
        type(climate_type), intent(inout) :: self
        real(dp), intent(out) :: forcing(:, :, :)       !< (nx, ny, n_forcings)

        call exchange_mean(self%exchange, self%ocean%i_first, self%ocean%j_first, forcing(:, :, :n_simple_fluxes))
        call add_restoring(self, forcing(:, :, forcing_heat), forcing(:, :, forcing_water))
        forcing(:, :, forcing_heat) = forcing(:, :, forcing_heat) + forcing(:, :, forcing_air_heat)
        forcing(:, :, forcing_rivers) = 0.0_dp
        forcing(:, :, forcing_sunlight) = 0.0_dp
    end subroutine simple_forcing

    !> Fluxes of the interval between air, ice, rivers and sea; the ice makes the interval here. What the last ocean
    !! step cooled below the freezing point freezes first, so that ice, heat and water agree within the interval.
    !! Collective.
    subroutine full_forcing(self, forcing)
        type(climate_type), intent(inout) :: self
        real(dp), intent(out) :: forcing(:, :, :)       !< (nx, ny, n_forcings)
        real(dp), dimension(size(forcing, 1), size(forcing, 2)) :: freezing_heat, sst, ssu, ssv, ssh, ice_heat, &
            ice_water
        real(dp) :: flux(size(forcing, 1), size(forcing, 2), n_full_fluxes)
        real(dp) :: runoff(self%atmos%nlon, self%atmos%nlat), flow(self%ocean%nlon, self%ocean%nlat), seconds

        seconds = real(self%config%coupling_dt, dp)
        associate (o => self%ocean)
            call exchange_mean(self%exchange, o%i_first, o%j_first, flux)
            call ocean_freezing_heat(o, freezing_heat)
            call ocean_surface(o, sst, ssu, ssv, ssh)
            call ice_step(self%ice, seconds, flux(:, :, flux_ice_heat), freezing_heat, sst, ice_heat, ice_water)
            call self%atmos_layout%gather_to_all(self%land%runoff, runoff)
            self%land%runoff = 0.0_dp
            call rivers_flow(self%rivers, self%exchange%grid, runoff, flow)
            forcing(:, :, forcing_rivers) = flow(o%i_first:o%i_last, o%j_first:o%j_last)/seconds
        end associate
        forcing(:, :, forcing_stress_x) = flux(:, :, flux_stress_x)
        forcing(:, :, forcing_stress_y) = flux(:, :, flux_stress_y)
        forcing(:, :, forcing_air_heat) = flux(:, :, flux_heat)
        forcing(:, :, forcing_sunlight) = flux(:, :, flux_shortwave)
        forcing(:, :, forcing_heat) = flux(:, :, flux_heat) + ice_heat
        forcing(:, :, forcing_water) = (flux(:, :, flux_water) + ice_water) + forcing(:, :, forcing_rivers)
        call count_water(self, forcing(:, :, forcing_water)*seconds)
    end subroutine full_forcing

    !> Keep the account of the ocean's freshwater, the same on every rank. Collective.
    subroutine count_water(self, water)
        type(climate_type), intent(inout) :: self
        real(dp), intent(in) :: water(:, :)             !< received in the interval, own block [kg/m2]
        real(dp) :: whole(self%ocean%nlon, self%ocean%nlat)
        call self%ocean%layout%gather_to_all(water, whole)
        self%ocean_water = self%ocean_water + sum(sum(whole, 1)*self%ocean%grid%area)
    end subroutine count_water

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
