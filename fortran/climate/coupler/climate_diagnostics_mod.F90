!> Numbers that tell whether the coupled model is sound. Fields are gathered level by level on rank 0 and added there in
!! global order, so that the numbers do not depend on the number of ranks.
module climate_diagnostics_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, seawater_density, seawater_cp
    use layout_mod, only: layout_type
    use climate_type_mod, only: climate_type, forcing_stress_x, forcing_stress_y, forcing_air_heat, forcing_heat, &
        forcing_rivers, air_rain, air_evaporation, air_surface_heat, air_sw_net, air_olr
    use ice_mod, only: ice_cover
    use atmos_mod, only: atmos_fields
    use ocean_mod, only: ocean_fields
    implicit none
    private
    public :: climate_diagnostics

    integer, parameter, public :: n_diagnostics = 30
    character(len=*), parameter, public :: diagnostic_names(n_diagnostics) = [character(len=32) :: &
        'dry_air_mass', 'mean_surface_pressure', 'surface_pressure_tendency', 'mean_air_temperature', &
        'atmosphere_kinetic_energy', 'max_wind', 'mean_land_temperature', &
        'ocean_volume', 'mean_sea_level', 'ocean_heat_content', 'ocean_salt', 'ocean_kinetic_energy', 'max_current', &
        'mean_sst', 'min_sst', 'max_sst', 'mean_ocean_heat_flux', 'mean_ocean_sensible_flux', 'mean_wind_stress', &
        'mean_precipitation', 'mean_evaporation', 'mean_runoff', 'mean_surface_heat_flux', 'mean_net_sunlight', &
        'mean_outgoing_long_wave', 'air_water', 'land_water', 'ice_area', 'ice_volume', 'total_water']

contains

    !> All diagnostics on every rank, in the order of diagnostic_names. Collective.
    subroutine climate_diagnostics(self, values)
        type(climate_type), intent(inout) :: self
        real(dp), intent(out) :: values(n_diagnostics)
        values = 0.0_dp
        call diagnose_atmos(self, values(1:7))
        call diagnose_ocean(self, values(8:16))
        call diagnose_exchange(self, values(17:19))
        if (self%full) call diagnose_water(self, values(20:30))
        call self%comm%bcast(values)
    end subroutine climate_diagnostics

    !> Mass [kg], mean ps [Pa], rms tendency of ps in the last step [Pa/s] (0 before one), mean temperature [K],
    !! kinetic energy [J/m2], fastest wind [m/s], mean land temperature [K].
    subroutine diagnose_atmos(self, values)
        type(climate_type), intent(inout) :: self
        real(dp), intent(inout) :: values(7)
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows), self%atmos%nlev) :: u, v, t
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows)) :: ps, change
        real(dp), dimension(self%atmos%nlon, self%atmos%nlat) :: all_ps, all_change, all_t, all_ke, area, mass
        real(dp) :: total_mass
        integer :: k

        call atmos_fields(self%atmos, u, v, t, ps)
        change = 0.0_dp
        if (allocated(self%ps_before)) change = (ps - self%ps_before)/self%atmos%dt
        area = spread(self%exchange%grid%atmos_area, 1, self%atmos%nlon)
        call self%atmos_layout%gather_to_all(ps, all_ps)
        call self%atmos_layout%gather_to_all(change, all_change)
        values(1) = sum(all_ps*area)/gravity
        values(2) = sum(all_ps*area)/sum(area)
        values(3) = sqrt(sum(all_change**2*area)/sum(area))
        total_mass = 0.0_dp
        do k = 1, self%atmos%nlev
            mass = all_ps*area/gravity*self%atmos%dynamics%vertical%ds(k)
            call self%atmos_layout%gather_to_all(t(:, :, k), all_t)
            call self%atmos_layout%gather_to_all(0.5_dp*(u(:, :, k)**2 + v(:, :, k)**2), all_ke)
            total_mass = total_mass + sum(mass)
            values(4) = values(4) + sum(mass*all_t)
            values(5) = values(5) + sum(mass*all_ke)/sum(area)
            values(6) = max(values(6), maxval(sqrt(2.0_dp*all_ke)))
        end do
        values(4) = values(4)/total_mass
        call self%atmos_layout%gather_to_all(self%land%temperature, all_t)
        associate (land_area => self%exchange%grid%land_area)
            if (sum(land_area) > 0.0_dp) values(7) = sum(all_t*land_area)/sum(land_area)
        end associate
    end subroutine diagnose_atmos

    !> Volume [m3], mean sea level [m], heat above 0 degC [J], salt [kg], kinetic energy [J], fastest current [m/s] at
    !! the centres of cells; mean, lowest and highest SST [degC].
    subroutine diagnose_ocean(self, values)
        type(climate_type), intent(inout) :: self
        real(dp), intent(inout) :: values(9)
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2), self%ocean%nlev) :: t, s, u, v
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2)) :: eta
        real(dp), dimension(self%ocean%nlon, self%ocean%nlat) :: all_eta, all_t, all_s, all_ke, area, volume
        integer :: k

        call ocean_fields(self%ocean, t, s, u, v, eta)
        associate (o => self%ocean, g => self%ocean%grid)
            call o%layout%gather_to_all(eta, all_eta)
            area = merge(spread(g%area, 1, o%nlon), 0.0_dp, o%wet)
            values(2) = sum(all_eta*area)/sum(area)
            do k = 1, o%nlev
                volume = merge(area*g%dz(k), 0.0_dp, g%levels >= k)
                if (k == 1) volume = volume + area*all_eta
                call o%layout%gather_to_all(t(:, :, k), all_t)
                call o%layout%gather_to_all(s(:, :, k), all_s)
                call o%layout%gather_to_all(0.5_dp*(u(:, :, k)**2 + v(:, :, k)**2), all_ke)
                values(1) = values(1) + sum(volume)
                values(3) = values(3) + seawater_density*seawater_cp*sum(volume*all_t)
                values(4) = values(4) + seawater_density*1.0e-3_dp*sum(volume*all_s)
                values(5) = values(5) + seawater_density*sum(volume*all_ke)
                values(6) = max(values(6), maxval(sqrt(2.0_dp*all_ke)))
                if (k > 1) cycle
                values(7:9) = [sum(all_t*area)/sum(area), minval(all_t, mask=o%wet), maxval(all_t, mask=o%wet)]
            end do
        end associate
    end subroutine diagnose_ocean

    !> Means over the sea in the last interval: heat into the ocean, its sensible part [W/m2], size of the wind stress
    !! [N/m2].
    subroutine diagnose_exchange(self, values)
        type(climate_type), intent(in) :: self
        real(dp), intent(inout) :: values(3)
        real(dp), dimension(self%ocean%nlon, self%ocean%nlat) :: whole, area

        area = merge(spread(self%ocean%grid%area, 1, self%ocean%nlon), 0.0_dp, self%ocean%wet)
        associate (f => self%ocean_forcing, layout => self%ocean%layout)
            call layout%gather_to_all(f(:, :, forcing_heat), whole)
            values(1) = sum(whole*area)/sum(area)
            call layout%gather_to_all(f(:, :, forcing_air_heat), whole)
            values(2) = sum(whole*area)/sum(area)
            call layout%gather_to_all(sqrt(f(:, :, forcing_stress_x)**2 + f(:, :, forcing_stress_y)**2), whole)
            values(3) = sum(whole*area)/sum(area)
        end associate
    end subroutine diagnose_exchange

    !> Under a moist atmosphere, global means of the last interval: precipitation, evaporation, rivers into the sea
    !! [kg/m2/s], heat into all surfaces, sunlight kept and long wave to space at the top [W/m2]; stocks: water of
    !! air and land [kg], area [m2] and volume [m3] of ice, and all the water with what the ocean has received [kg].
    subroutine diagnose_water(self, values)
        type(climate_type), intent(inout) :: self
        real(dp), intent(inout) :: values(11)
        integer, parameter :: means(5) = [air_rain, air_evaporation, air_surface_heat, air_sw_net, air_olr]
        integer, parameter :: places(5) = [1, 2, 4, 5, 6]
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows), self%atmos%nlev) :: u, v, t, q
        real(dp) :: ps(self%atmos%nlon, size(self%atmos%rows))
        real(dp), dimension(self%atmos%nlon, self%atmos%nlat) :: whole, area
        real(dp), dimension(self%ocean%nlon, self%ocean%nlat) :: sea, sea_area
        integer :: k

        area = spread(self%exchange%grid%atmos_area, 1, self%atmos%nlon)
        sea_area = merge(spread(self%ocean%grid%area, 1, self%ocean%nlon), 0.0_dp, self%ocean%wet)
        do k = 1, size(means)
            call self%atmos_layout%gather_to_all(self%air_mean(:, :, means(k)), whole)
            values(places(k)) = sum(whole*area)/sum(area)
        end do
        call self%ocean%layout%gather_to_all(self%ocean_forcing(:, :, forcing_rivers), sea)
        values(3) = sum(sea*sea_area)/sum(area)
        call atmos_fields(self%atmos, u, v, t, ps, q)
        do k = 1, self%atmos%nlev
            call self%atmos_layout%gather_to_all(ps*q(:, :, k)*self%atmos%dynamics%vertical%ds(k)/gravity, whole)
            values(7) = values(7) + sum(whole*area)
        end do
        call self%atmos_layout%gather_to_all(self%land%water + self%land%runoff, whole)
        values(8) = sum(whole*self%exchange%grid%land_area)
        call self%ocean%layout%gather_to_all(self%ice%volume, sea)
        values(9) = sum(ice_cover(self%ice, sea)*sea_area)
        values(10) = sum(sea*sea_area)
        values(11) = values(7) + values(8) + self%ice%density*values(10) + self%ocean_water
    end subroutine diagnose_water
end module climate_diagnostics_mod
