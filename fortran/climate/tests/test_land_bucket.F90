!> Slab land with a bucket against closed forms: radiative equilibrium, cooling to space, drying and filling of the
!! bucket, and its budgets of heat and water.
program test_land_bucket
    use kinds_mod, only: dp, i8
    use constants_mod, only: stefan_boltzmann, celsius_zero, latent_heat_vaporization
    use status_mod, only: status_type
    use land_mod, only: land_type, land_init, land_wetness, land_albedo, land_take_fluxes, land_take_rain
    use surface_balance_mod, only: air_column_type, tile_type, tile_flux_type, make_air_column, tile_temperature
    use report_mod, only: report, report_series, report_that, finish
    implicit none

    real(dp), parameter :: hour = 3600.0_dp, day = 86400.0_dp
    real(dp), parameter :: capacity = 2.0_dp*4.18e6_dp      !< of two metres of water [J/m2/K]

    call test_equilibrium()
    call test_cooling()
    call test_drying()
    call test_filling()
    call test_albedo()
    call test_budget()
    call finish()

contains

    !> One cell at the equator with the default settings.
    subroutine start(land, dt)
        type(land_type), intent(out) :: land
        real(dp), intent(in) :: dt
        type(status_type) :: status
        integer :: unit
        open (newunit=unit, file='test_land_bucket.nml', action='write', status='replace')
        write (unit, '(a)') '&land_nml', '/'
        close (unit)
        call land_init(land, 'test_land_bucket.nml', 1, [0.0_dp], 0_i8, dt, status)
        if (status%failed()) error stop 'the test cannot read its namelist'
    end subroutine start

    !> A step of the slab under the air; windless air exchanges radiation alone.
    subroutine step(land, air, albedo, gustiness, flux)
        type(land_type), intent(inout) :: land
        type(air_column_type), intent(in) :: air
        real(dp), intent(in) :: albedo, gustiness
        type(tile_flux_type), intent(out) :: flux
        type(status_type) :: status
        type(tile_type) :: tile
        real(dp) :: ts
        tile = tile_type(log_z0=log(1.0e-2_dp), gustiness=gustiness, albedo=albedo, &
            wetness=land_wetness(land, land%water(1, 1)), capacity=land%heat_capacity/land%time_step)
        call tile_temperature(air, tile, land%temperature(1, 1), huge(1.0_dp), ts, flux)
        call land_take_fluxes(land, reshape([flux%heat], [1, 1]), reshape([flux%evaporation], [1, 1]), status)
        if (status%failed()) error stop 'the land left its range'
    end subroutine step

    !> sigma T^4 = (1 - albedo) S + L.
    subroutine test_equilibrium()
        type(land_type) :: land
        type(air_column_type) :: air
        type(tile_flux_type) :: flux
        integer :: n
        call start(land, hour)
        call make_air_column(air, 0.9_dp, 1.0e5_dp, 280.0_dp, 0.0_dp, 0.0_dp, 1.0e-3_dp, 200.0_dp, 300.0_dp)
        do n = 1, 24*400
            call step(land, air, 0.2_dp, 1.0e-12_dp, flux)
        end do
        call report('radiative_equilibrium', land%temperature(1, 1), (460.0_dp/stefan_boltzmann)**0.25_dp, 1.0e-6_dp)
    end subroutine test_equilibrium

    !> Cooling to space: T^-3 = T0^-3 + 3 sigma t/C; the implicit step is of first order.
    subroutine test_cooling()
        real(dp) :: exact(15), error(15, 2), days(15)
        integer :: n
        days = [(2.0_dp*n, n=1, 15)]
        exact = (300.0_dp**(-3) + 3.0_dp*stefan_boltzmann*days*day/capacity)**(-1.0_dp/3.0_dp)
        do n = 1, 2
            error(:, n) = cooled(hour*2/n) - exact
        end do
        call report('cooling_30_days', exact(15) + error(15, 2), exact(15), 2.0e-4_dp*exact(15))
        call report('cooling_error_halves_with_step', error(15, 1)/error(15, 2), 2.0_dp, 0.02_dp)
        call report_series('slab_cooling_K', days, exact + error(:, 2), exact)
    end subroutine test_cooling

    !> Temperature every two days [K].
    function cooled(dt)
        real(dp), intent(in) :: dt
        real(dp) :: cooled(15)
        type(land_type) :: land
        type(air_column_type) :: air
        type(tile_flux_type) :: flux
        integer :: n, sample
        call start(land, dt)
        land%temperature = 300.0_dp
        call make_air_column(air, 0.9_dp, 1.0e5_dp, 280.0_dp, 0.0_dp, 0.0_dp, 1.0e-3_dp, 0.0_dp, 0.0_dp)
        do sample = 1, 15
            do n = 1, nint(2.0_dp*day/dt)
                call step(land, air, 0.2_dp, 1.0e-12_dp, flux)
            end do
            cooled(sample) = land%temperature(1, 1)
        end do
    end function cooled

    !> Potential evaporation E0 dries a bucket below 3/4 as W = W0 exp(-E0 t/(0.75 W_c)).
    subroutine test_drying()
        type(land_type) :: land
        type(status_type) :: status
        real(dp), parameter :: potential = 5.0_dp/day
        real(dp) :: days(20), water(20), exact(20)
        integer :: n
        call start(land, hour)
        call report('full_bucket_is_wet', land_wetness(land, 112.5_dp), 1.0_dp, 0.0_dp)
        land%water = 100.0_dp
        do n = 1, 24*60
            call land_take_fluxes(land, reshape([0.0_dp], [1, 1]), &
                reshape([potential*land_wetness(land, land%water(1, 1))], [1, 1]), status)
            if (mod(n, 24*3) == 0) water(n/(24*3)) = land%water(1, 1)
        end do
        days = [(3.0_dp*n, n=1, 20)]
        exact = 100.0_dp*exp(-5.0_dp*days/112.5_dp)
        call report('drying_60_days', water(20), exact(20), 0.02_dp)
        call report_series('bucket_drying_mm', days, water, exact, spread(0.02_dp, 1, 20))
    end subroutine test_drying

    !> 10 mm a day into half a bucket: full after 7.5 days, all later rain runs off.
    subroutine test_filling()
        type(land_type) :: land
        real(dp) :: days(20), water(20), runoff(20)
        integer :: n
        call start(land, hour)
        do n = 1, 24*10
            call land_take_rain(land, reshape([10.0_dp/day], [1, 1]))
            if (n == 24*5) call report('filling', land%water(1, 1), 125.0_dp, 1.0e-11_dp)
            if (n == 24*5) call report('no_runoff_below_capacity', land%runoff(1, 1), 0.0_dp, 0.0_dp)
            if (mod(n, 12) == 0) water(n/12) = land%water(1, 1)
            if (mod(n, 12) == 0) runoff(n/12) = land%runoff(1, 1)
        end do
        call report('full', land%water(1, 1), 150.0_dp, 0.0_dp)
        call report('runoff', land%runoff(1, 1), 25.0_dp, 1.0e-11_dp)
        days = [(0.5_dp*n, n=1, 20)]
        call report_series('bucket_filling_mm', days, water, min(150.0_dp, 75.0_dp + 10.0_dp*days))
        call report_series('bucket_runoff_mm', days, runoff, max(0.0_dp, 10.0_dp*days - 75.0_dp))
    end subroutine test_filling

    subroutine test_albedo()
        type(land_type) :: land
        call start(land, hour)
        call report('albedo_warm', land_albedo(land, celsius_zero + 5.0_dp), land%albedo, 0.0_dp)
        call report('albedo_half_frozen', land_albedo(land, celsius_zero - 5.0_dp), &
            0.5_dp*(land%albedo + land%frozen_albedo), 1.0e-13_dp)
        call report('albedo_frozen', land_albedo(land, celsius_zero - 30.0_dp), land%frozen_albedo, 1.0e-15_dp)
    end subroutine test_albedo

    !> A windy year with rain: what the fluxes brought is what slab and bucket hold.
    subroutine test_budget()
        type(land_type) :: land
        type(air_column_type) :: air
        type(tile_flux_type) :: flux
        real(dp) :: draw(6), heat, water, through, t0, w0
        integer :: n
        call start(land, hour)
        call random_seed(put=spread(7, 1, 64))
        t0 = land%temperature(1, 1)
        w0 = land%water(1, 1)
        heat = 0.0_dp
        water = 0.0_dp
        through = 0.0_dp
        do n = 1, 24*365
            call random_number(draw)
            call make_air_column(air, 0.9_dp, 1.0e5_dp, 280.0_dp + 10.0_dp*draw(1), 20.0_dp*draw(2), -10.0_dp*draw(3), &
                6.0e-3_dp, 400.0_dp*draw(4), 300.0_dp + 60.0_dp*draw(5))
            call step(land, air, 0.2_dp, 1.0_dp, flux)
            call land_take_rain(land, reshape([24.0_dp/day*draw(6)], [1, 1]))
            heat = heat + hour*(air%sw_down - flux%sw_up + air%lw_down - flux%lw_up - flux%sensible &
                - latent_heat_vaporization*flux%evaporation)
            water = water + hour*(24.0_dp/day*draw(6) - flux%evaporation)
            through = through + hour*(abs(flux%sensible) + flux%lw_up)
        end do
        call report('heat_of_a_year', capacity*(land%temperature(1, 1) - t0)/through, heat/through, 1.0e-13_dp)
        call report('water_of_a_year', land%water(1, 1) + land%runoff(1, 1) - w0, water, 1.0e-10_dp)
        call report_that('some_runs_off', land%runoff(1, 1) > 1.0_dp)
    end subroutine test_budget
end program test_land_bucket
