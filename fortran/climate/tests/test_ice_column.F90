!> Zero-layer ice against closed forms: Stefan's growth, melt at a constant rate, the balance of its surface, the cap on
!! its thickness, and its budget with the ocean under forcing of every sign.
program test_ice_column
    use kinds_mod, only: dp
    use constants_mod, only: celsius_zero, latent_heat_fusion, seawater_density, seawater_cp, stefan_boltzmann
    use status_mod, only: status_type
    use ice_mod, only: ice_type, ice_init, ice_cover, ice_thickness, ice_conductance, ice_step, melting_temperature
    use surface_balance_mod, only: air_column_type, tile_type, tile_flux_type, make_air_column, tile_temperature
    use report_mod, only: report, report_series, finish
    implicit none

    real(dp), parameter :: hour = 3600.0_dp, day = 86400.0_dp
    type(ice_type) :: ice
    real(dp) :: latent

    call write_namelist()
    call start()
    latent = ice%density*latent_heat_fusion
    call test_stefan()
    call test_melt()
    call test_ocean_melt()
    call test_surface_balance()
    call test_cap()
    call test_budget()
    call finish()

contains

    subroutine write_namelist()
        integer :: unit
        open (newunit=unit, file='test_ice_column.nml', action='write', status='replace')
        write (unit, '(a)') '&ice_nml', ' max_thickness = 4.0', '/'
        close (unit)
    end subroutine write_namelist

    subroutine start()
        type(status_type) :: status
        call ice_init(ice, 'test_ice_column.nml', 1, 1, -1.8_dp, status)
        if (status%failed()) error stop 'the test cannot read its namelist'
        call report('namelist_is_read', ice%max_thickness, 4.0_dp, 0.0_dp)
    end subroutine start

    !> One step of the single cell under heat from the air into the ice.
    subroutine step(seconds, air_heat, freezing_heat, sst, ocean_heat, freshwater)
        real(dp), intent(in) :: seconds, air_heat, freezing_heat, sst
        real(dp), intent(out) :: ocean_heat, freshwater
        real(dp) :: heat(1, 1), water(1, 1)
        call ice_step(ice, seconds, reshape([air_heat], [1, 1]), reshape([freezing_heat], [1, 1]), &
            reshape([sst], [1, 1]), heat, water)
        ocean_heat = heat(1, 1)
        freshwater = water(1, 1)
    end subroutine step

    !> A surface held at -20 degC: h^2 = h0^2 + 2 k (T_f - T_s) t/(rho L).
    subroutine test_stefan()
        real(dp) :: exact(12), error(12, 2), days(12)
        integer :: n
        days = [(10.0_dp*n, n=1, 12)]
        exact = sqrt(0.3_dp**2 + 2.0_dp*ice%conductivity*18.2_dp*days*day/latent)
        do n = 1, 2
            error(:, n) = grown(hour*2/n) - exact
        end do
        call report('stefan_growth_120_days', exact(12) + error(12, 2), exact(12), 2.0e-4_dp*exact(12))
        call report('stefan_error_halves_with_step', error(12, 1)/error(12, 2), 2.0_dp, 0.02_dp)
        call report_series('stefan_thickness_m', days, exact + error(:, 2), exact)
    end subroutine test_stefan

    !> Thickness every ten days [m].
    function grown(seconds)
        real(dp), intent(in) :: seconds
        real(dp) :: grown(12), heat, water
        integer :: n, sample
        ice%volume = 0.3_dp
        do sample = 1, 12
            do n = 1, nint(10.0_dp*day/seconds)
                call step(seconds, -18.2_dp*ice_conductance(ice, ice_thickness(ice, ice%volume(1, 1))), 0.0_dp, &
                    -1.8_dp, heat, water)
            end do
            grown(sample) = ice%volume(1, 1)
        end do
    end function grown

    !> 100 W/m2 melt 1 m in rho L/100 s; the rest of the heat and all of the water are the ocean's.
    subroutine test_melt()
        real(dp) :: heat, water, given, melted, seconds, thickness(12), days(12)
        integer :: n
        ice%volume = 1.0_dp
        given = 0.0_dp
        melted = 0.0_dp
        seconds = latent/100.0_dp/8.0_dp
        do n = 1, 12
            call step(seconds, 100.0_dp, 0.0_dp, -1.8_dp, heat, water)
            if (n == 4) call report('half_melted', ice%volume(1, 1), 0.5_dp, 1.0e-13_dp)
            given = given + heat*seconds
            melted = melted + water*seconds
            thickness(n) = ice%volume(1, 1)
            days(n) = n*seconds/day
        end do
        call report_series('ice_melt_m', days, thickness, max(0.0_dp, 1.0_dp - days*day*100.0_dp/latent))
        call report('all_melted', ice%volume(1, 1), 0.0_dp, 1.0e-15_dp)
        call report('rest_of_heat_to_ocean', given/(0.5_dp*latent), 1.0_dp, 1.0e-13_dp)
        call report('melt_water_to_ocean', melted, ice%density, 1.0e-10_dp)
    end subroutine test_melt

    !> Water 1 K above freezing gives rho c u_m per covered area.
    subroutine test_ocean_melt()
        real(dp) :: heat, water
        ice%volume = 0.15_dp
        call report('half_covered', ice_cover(ice, 0.15_dp), 0.5_dp, 1.0e-15_dp)
        call step(day, 0.0_dp, 0.0_dp, -0.8_dp, heat, water)
        call report('heat_from_ocean', -heat, 0.5_dp*seawater_density*seawater_cp*6.0e-5_dp, 1.0e-10_dp)
        call report('melt_by_ocean', ice%volume(1, 1), 0.15_dp + heat*day/latent, 1.0e-15_dp)
    end subroutine test_ocean_melt

    !> Without wind: 0.4 S + L - sigma T^4 + g (T_b - T) = 0, or the melting point.
    subroutine test_surface_balance()
        type(air_column_type) :: air
        type(tile_type) :: tile
        type(tile_flux_type) :: flux
        real(dp) :: ts
        call make_air_column(air, 0.9_dp, 1.0e5_dp, 250.0_dp, 0.0_dp, 0.0_dp, 1.0e-4_dp, 50.0_dp, 180.0_dp)
        tile = tile_type(log_z0=log(1.0e-3_dp), gustiness=1.0e-12_dp, frozen=.true., albedo=0.6_dp, &
            conductance=ice_conductance(ice, 1.0_dp), base=celsius_zero - 1.8_dp)
        call tile_temperature(air, tile, 271.0_dp, melting_temperature, ts, flux)
        call report('surface_balance', 0.4_dp*50.0_dp + 180.0_dp + ice%conductivity*(271.35_dp - ts), &
            stefan_boltzmann*ts**4, 1.0e-5_dp)
        air%sw_down = 800.0_dp
        call tile_temperature(air, tile, 271.0_dp, melting_temperature, ts, flux)
        call report('melting_surface', ts, celsius_zero, 0.0_dp)
        call report('heat_for_melting', flux%heat, 320.0_dp + 180.0_dp - stefan_boltzmann*celsius_zero**4, 1.0e-6_dp)
        call make_air_column(air, 0.9_dp, 1.0e5_dp, 240.0_dp, 12.0_dp, -5.0_dp, 2.0e-4_dp, 0.0_dp, 150.0_dp)
        tile%gustiness = 1.0_dp
        tile%louis = .true.
        call tile_temperature(air, tile, 271.0_dp, melting_temperature, ts, flux)
        call report('windy_balance', flux%heat + tile%conductance*(tile%base - ts), 0.0_dp, 1.0e-4_dp)
    end subroutine test_surface_balance

    !> Twenty dark years without wind: the ice stops below the cap, and as much heat has left as ice has grown.
    subroutine test_cap()
        type(air_column_type) :: air
        type(tile_type) :: tile
        type(tile_flux_type) :: flux
        real(dp) :: ts, heat, water, lost
        integer :: n
        call make_air_column(air, 0.9_dp, 1.0e5_dp, 250.0_dp, 0.0_dp, 0.0_dp, 1.0e-4_dp, 0.0_dp, 120.0_dp)
        tile = tile_type(log_z0=log(1.0e-3_dp), gustiness=1.0e-12_dp, frozen=.true., base=celsius_zero - 1.8_dp)
        ice%volume = 0.3_dp
        lost = 0.0_dp
        do n = 1, 20*365
            tile%conductance = ice_conductance(ice, ice_thickness(ice, ice%volume(1, 1)))
            call tile_temperature(air, tile, 271.0_dp, melting_temperature, ts, flux)
            call step(day, flux%heat, 0.0_dp, -1.8_dp, heat, water)
            lost = lost - flux%heat*day
        end do
        call report('growth_ends_at_cap', ice%volume(1, 1), ice%max_thickness, 1.0e-2_dp)
        call report('cap_keeps_energy', lost/latent, ice%volume(1, 1) - 0.3_dp, 1.0e-12_dp)
        call report('capped_surface_radiates', ts, (120.0_dp/stefan_boltzmann)**0.25_dp, 0.1_dp)
    end subroutine test_cap

    !> Rough forcing of every sign over ten thousand steps: energy and water of ice and ocean together.
    subroutine test_budget()
        real(dp) :: draw(3), heat, water, from_air, to_ocean, frozen, to_sea, scale
        integer :: n
        call random_seed(put=spread(3, 1, 64))
        ice%volume = 0.0_dp
        from_air = 0.0_dp
        to_ocean = 0.0_dp
        frozen = 0.0_dp
        to_sea = 0.0_dp
        scale = 0.0_dp
        do n = 1, 10000
            call random_number(draw)
            draw(1) = ice_cover(ice, ice%volume(1, 1))*600.0_dp*(draw(1) - 0.5_dp)
            draw(2) = 5.0e5_dp*draw(2)*merge(1.0_dp, 0.0_dp, draw(3) > 0.7_dp)
            call step(hour, draw(1), draw(2), draw(3) - 2.0_dp, heat, water)
            from_air = from_air + draw(1)*hour
            frozen = frozen + draw(2)
            to_ocean = to_ocean + heat*hour
            to_sea = to_sea + water*hour
            scale = scale + abs(draw(1))*hour + draw(2)
        end do
        call report('energy_of_ice_and_ocean', (to_ocean + frozen - latent*ice%volume(1, 1))/scale, from_air/scale, &
            1.0e-13_dp)
        call report('water_of_ice_and_ocean', to_sea/ice%density, -ice%volume(1, 1), 1.0e-11_dp)
    end subroutine test_budget
end program test_ice_column
