!> The moist physics, each scheme alone against its closed form, and the budget of a whole row.
program test_atmos_moist_column
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, gravity, dry_air_cp, latent_heat_vaporization, stefan_boltzmann, &
        vapour_gas_constant, dry_air_gas_constant, seconds_per_day
    use atmos_config_mod, only: config_type
    use atmos_vertical_mod, only: vertical_type
    use atmos_solar_mod, only: solar_type, daily_mean_cosine
    use atmos_radiation_mod, only: radiation_type
    use atmos_saturation_mod, only: saturation
    use atmos_convection_mod, only: convect_column
    use atmos_condensation_mod, only: condense_row
    use atmos_diffusion_mod, only: solve_diffusion, heights
    use atmos_surface_mod, only: surface_flux_type, surface_flux_init
    use atmos_water_mod, only: fill_holes
    use atmos_moist_mod, only: moist_type
    use atmos_noise_mod, only: uniform_noise
    use report_mod, only: report, report_series, report_that, finish
    implicit none

    integer, parameter :: nlev = 8, nlon = 4
    real(dp), parameter :: cp = dry_air_cp, latent = latent_heat_vaporization
    type(vertical_type) :: vertical
    integer :: k

    call vertical%init([(real(k, dp)/nlev, k=0, nlev)])
    call insolation()
    call grey_equilibrium()
    call grey_relaxation()
    call grey_convergence()
    call saturated_air()
    call convection()
    call convective_equilibrium()
    call condensation()
    call diffusion()
    call holes()
    call whole_row()
    call finish()

contains

    !> Equinox: cos(lat)/pi; solstice: sin(obliquity) at the pole, 0 in polar night; the steps of a day add up.
    subroutine insolation()
        type(solar_type) :: solar
        real(dp) :: total, cosine(1)
        integer, parameter :: steps = 24
        integer :: i

        call report('insolation_equinox_45', daily_mean_cosine(sin(45.0_dp*degree), 0.0_dp), cos(45.0_dp*degree)/pi, &
            1.0e-14_dp)
        call report('insolation_solstice_pole', daily_mean_cosine(1.0_dp, sin(23.44_dp*degree)), sin(23.44_dp*degree), &
            1.0e-14_dp)
        call report('insolation_polar_night', daily_mean_cosine(sin(-80.0_dp*degree), sin(23.44_dp*degree)), 0.0_dp, &
            1.0e-14_dp)
        call solar%init(23.44_dp, 0.0_dp, 283.0_dp, .true.)
        total = 0.0_dp
        do i = 1, steps
            ! The declination is held at that of noon, so that the day is one.
            call solar%set_time(int(200*seconds_per_day, i8), seconds_per_day)
            solar%hour_angle = 2.0_dp*pi*(real(i, dp) - 0.5_dp)/steps - pi
            solar%half_step = pi/steps
            call solar%cosine_row(sin(52.0_dp*degree), cosine)
            total = total + cosine(1)/steps
        end do
        call report('insolation_diurnal_sum', total, daily_mean_cosine(sin(52.0_dp*degree), solar%sin_dec), 1.0e-14_dp)
        call solar%init(23.44_dp, 0.0167_dp, 283.0_dp, .false.)
        call solar%set_time(int(79*seconds_per_day, i8), 0.0_dp)
        call report('declination_20_march_deg', asin(solar%sin_dec)/degree, 0.0_dp, 1.0e-3_dp)
        call solar%set_time(int(172*seconds_per_day, i8), 0.0_dp)
        call report('declination_21_june_deg', asin(solar%sin_dec)/degree, 23.44_dp, 0.05_dp)
        call solar%set_time(int(3*seconds_per_day, i8), 0.0_dp)
        call report('sun_nearest_in_january', solar%nearness, (1.0_dp - 0.0167_dp)**(-2), 1.0e-4_dp)
    end subroutine insolation

    real(dp) function depth(s, tau_0)
        real(dp), intent(in) :: s, tau_0
        depth = tau_0*(0.1_dp*s + 0.9_dp*s**4)
    end function depth

    !> Radiative equilibrium over a black surface that absorbs F: B = F (tau + 1)/2, surface emission F (tau_0 + 2)/2,
    !! OLR F, no heating anywhere. Isothermal air: fluxes B (1 - exp(-tau_0)) from both sides.
    subroutine grey_equilibrium()
        type(radiation_type) :: radiation
        type(config_type) :: config
        real(dp), dimension(nlon, nlev) :: t, rate
        real(dp) :: olr(nlon), b(nlon, 0:2*nlev), flux(nlon, 0:nlev), tau_0, absorbed, net
        real(dp), parameter :: f = 240.0_dp, lat = 30.0_dp, ps(nlon) = 1.0e5_dp, none(nlon) = 0.0_dp
        integer :: k

        call radiation%init(config, vertical, [sin(lat*degree)])
        tau_0 = 6.0_dp - 4.5_dp*sin(lat*degree)**2
        do k = 1, nlev
            t(:, k) = (0.5_dp*f*(depth(vertical%full(k), tau_0) + 1.0_dp)/stefan_boltzmann)**0.25_dp
        end do
        call radiation%heating(1, t, ps, none, none + 0.5_dp*f*(tau_0 + 2.0_dp), rate, olr)
        call report('grey_equilibrium_heating_K_day', maxval(abs(rate))*seconds_per_day, 0.0_dp, 1.0e-11_dp)
        call report('grey_equilibrium_olr', olr(1), f, 1.0e-10_dp)
        t = 260.0_dp
        call radiation%heating(1, t, ps, none + 300.0_dp, none + 400.0_dp, rate, olr)
        call report('grey_isothermal_olr', olr(1), stefan_boltzmann*260.0_dp**4*(1.0_dp - exp(-tau_0)) &
            + 400.0_dp*exp(-tau_0), 1.0e-10_dp)
        call radiation%planck_nodes(1, t, b)
        call radiation%down(1, b, flux)
        call report('grey_isothermal_down', flux(1, nlev), stefan_boltzmann*260.0_dp**4*(1.0_dp - exp(-tau_0)), &
            1.0e-10_dp)
        absorbed = sum(rate(1, :)*vertical%ds)*cp*ps(1)/gravity
        net = 300.0_dp*(1.0_dp - exp(-0.22_dp)) + 400.0_dp - flux(1, nlev) - olr(1)
        call report('radiation_energy_of_column', absorbed, net, 1.0e-10_dp)
    end subroutine grey_equilibrium

    !> Isothermal air over that surface, without convection, comes to the equilibrium by itself.
    subroutine grey_relaxation()
        type(radiation_type) :: radiation
        type(config_type) :: config
        real(dp), parameter :: f = 240.0_dp, lat = 30.0_dp, dt = 0.25_dp*seconds_per_day
        real(dp), dimension(1, nlev) :: t, rate
        real(dp) :: exact(nlev), olr(1), tau_0
        integer :: n

        call radiation%init(config, vertical, [sin(lat*degree)])
        tau_0 = 6.0_dp - 4.5_dp*sin(lat*degree)**2
        exact = [((0.5_dp*f*(depth(vertical%full(n), tau_0) + 1.0_dp)/stefan_boltzmann)**0.25_dp, n=1, nlev)]
        t = 260.0_dp
        do n = 1, 4*2000
            call radiation%heating(1, t, [1.0e5_dp], [0.0_dp], [0.5_dp*f*(tau_0 + 2.0_dp)], rate, olr)
            t = t + dt*rate
        end do
        call report('grey_column_reaches_equilibrium_K', maxval(abs(t(1, :) - exact)), 0.0_dp, 1.0e-6_dp)
        call report_series('grey_column_K', vertical%full, t(1, :), exact)
    end subroutine grey_relaxation

    !> OLR of a constant lapse rate: 8 levels against 100.
    subroutine grey_convergence()
        integer, parameter :: many = 100
        type(radiation_type) :: radiation
        type(vertical_type) :: fine
        type(config_type) :: config
        real(dp) :: t(1, nlev), rate(1, nlev), t_fine(1, many), rate_fine(1, many), olr(1), olr_fine(1)
        integer :: k

        call fine%init([(real(k, dp)/many, k=0, many)])
        t(1, :) = max(200.0_dp, 300.0_dp*vertical%full**0.19_dp)
        t_fine(1, :) = max(200.0_dp, 300.0_dp*fine%full**0.19_dp)
        call radiation%init(config, vertical, [0.0_dp])
        call radiation%heating(1, t, [1.0e5_dp], [0.0_dp], [stefan_boltzmann*300.0_dp**4], rate, olr)
        call radiation%init(config, fine, [0.0_dp])
        call radiation%heating(1, t_fine, [1.0e5_dp], [0.0_dp], [stefan_boltzmann*300.0_dp**4], rate_fine, olr_fine)
        call report('grey_olr_8_against_100_levels', olr(1)/olr_fine(1), 1.0_dp, 1.0e-2_dp)
    end subroutine grey_convergence

    subroutine saturated_air()
        real(dp) :: t, q_s, dq_s, above, below, unused, e_s, worst, worst_slope
        integer :: i

        worst = 0.0_dp
        worst_slope = 0.0_dp
        do i = 0, 1000
            t = 180.0_dp + 0.15_dp*i
            call saturation(t, 9.0e4_dp, q_s, dq_s)
            e_s = 610.78_dp*exp(latent/vapour_gas_constant*(1.0_dp/273.16_dp - 1.0_dp/t))
            associate (eps => dry_air_gas_constant/vapour_gas_constant)
                worst = max(worst, abs(q_s/(eps*e_s/(9.0e4_dp - (1.0_dp - eps)*e_s)) - 1.0_dp))
            end associate
            call saturation(t + 1.0_dp, 9.0e4_dp, above, unused)
            call saturation(t - 1.0_dp, 9.0e4_dp, below, unused)
            worst_slope = max(worst_slope, abs(0.5_dp*(above - below)/dq_s - 1.0_dp))
        end do
        call report('saturation_table', worst, 0.0_dp, 5.0e-5_dp)
        call report('saturation_slope', worst_slope, 0.0_dp, 5.0e-3_dp)
    end subroutine saturated_air

    !> A tropical sounding in three humidities: deep, shallow, none; what each conserves and does.
    subroutine convection()
        real(dp), dimension(nlev) :: t, q, t0, q0, p, phi
        real(dp) :: rained

        call sounding(0.85_dp, t0, q0, p, phi)
        t = t0
        q = q0
        call convect_column(0.5_dp, 0.7_dp, p, vertical%ds, phi, t, q, rained)
        call report_that('convection_deep_rains', rained > 1.0e-5_dp)
        call report('convection_deep_water', sum((q - q0)*vertical%ds)/rained, -1.0_dp, 1.0e-12_dp)
        call report('convection_deep_enthalpy', sum((cp*(t - t0) + latent*(q - q0))*vertical%ds), 0.0_dp, 1.0e-9_dp)

        call sounding(0.85_dp, t0, q0, p, phi)
        q0(:nlev - 1) = 0.3_dp*q0(:nlev - 1)
        t = t0
        q = q0
        call convect_column(0.5_dp, 0.7_dp, p, vertical%ds, phi, t, q, rained)
        call report('convection_shallow_rain', rained, 0.0_dp, 0.0_dp)
        call report('convection_shallow_water', sum((q - q0)*vertical%ds), 0.0_dp, 1.0e-17_dp)
        call report('convection_shallow_heat', sum((t - t0)*vertical%ds), 0.0_dp, 1.0e-12_dp)
        call report_that('convection_shallow_mixes', q(nlev) < q0(nlev) .and. any(q > q0))

        call sounding(0.1_dp, t0, q0, p, phi)
        t = t0 + 5.0_dp*(1.0_dp - vertical%full)
        t0 = t
        q = q0
        call convect_column(0.5_dp, 0.7_dp, p, vertical%ds, phi, t, q, rained)
        call report('convection_none_when_stable', maxval(abs(t - t0)) + maxval(abs(q - q0)) + rained, 0.0_dp, 0.0_dp)
    end subroutine convection

    !> 300 K at sigma 1, 5.5 K/km, the given relative humidity.
    subroutine sounding(humidity, t, q, p, phi)
        real(dp), intent(in) :: humidity
        real(dp), intent(out), dimension(nlev) :: t, q, p, phi
        real(dp) :: dq_s(nlev)

        p = 1.0e5_dp*vertical%full
        t = max(200.0_dp, 300.0_dp*vertical%full**(0.0055_dp*dry_air_gas_constant/gravity))
        call saturation(t, p, q, dq_s)
        q = humidity*q
        phi = geopotential(t)
    end subroutine sounding

    function geopotential(t) result(phi)
        real(dp), intent(in) :: t(nlev)
        real(dp) :: phi(nlev), one(1, nlev), half(1, nlev)
        call heights(vertical, reshape(t, [1, nlev]), one, half)
        phi = one(1, :)
    end function geopotential

    !> The lowest level held, 1.5 K/day of cooling above: where the column convects it ends on the moist adiabat
    !! (saturated moist static energy that of the parcel) with the reference humidity.
    subroutine convective_equilibrium()
        real(dp), dimension(nlev) :: t, q, p, phi, q_s, dq_s
        real(dp) :: rained, energy
        integer :: step

        call sounding(0.8_dp, t, q, p, phi)
        do step = 1, 24*200
            t(:nlev - 1) = t(:nlev - 1) - 1.5_dp/24.0_dp
            t(:2) = max(t(:2), 200.0_dp)
            phi = geopotential(t)
            call convect_column(0.5_dp, 0.7_dp, p, vertical%ds, phi, t, q, rained)
            t(nlev) = 297.0_dp
            q(nlev) = 0.015_dp
        end do
        phi = geopotential(t)
        call saturation(t, p, q_s, dq_s)
        energy = cp*t(nlev) + phi(nlev) + latent*q(nlev)
        call report('convective_equilibrium_energy_K', &
            maxval(abs(cp*t(3:6) + phi(3:6) + latent*q_s(3:6) - energy))/cp, 0.0_dp, 1.0_dp)
        ! dh/dT of saturated air turns the excess of energy into one of temperature.
        associate (slope => cp + latent*dq_s(3:6))
            call report_series('convective_column_K', vertical%full(3:6), t(3:6), &
                t(3:6) - (cp*t(3:6) + phi(3:6) + latent*q_s(3:6) - energy)/slope, cp/slope)
        end associate
        call report('convective_equilibrium_humidity', sum(q(3:6)/q_s(3:6))/4.0_dp, 0.7_dp, 0.03_dp)
    end subroutine convective_equilibrium

    subroutine condensation()
        real(dp) :: p(3), t(3), q(3), t0(3), q0(3), q_s(3), dq_s(3), rained(3)

        p = 8.0e4_dp
        t0 = [290.0_dp, 270.0_dp, 290.0_dp]
        call saturation(t0, p, q0, dq_s)
        q0 = q0*[1.2_dp, 1.1_dp, 0.9_dp]
        t = t0
        q = q0
        call condense_row(p, t, q, rained)
        call saturation(t, p, q_s, dq_s)
        call report('condensation_saturates', maxval(abs(q(:2)/q_s(:2) - 1.0_dp)), 0.0_dp, 1.0e-4_dp)
        call report('condensation_enthalpy', maxval(abs(cp*(t - t0) + latent*(q - q0))), 0.0_dp, 1.0e-9_dp)
        call report('condensation_water', maxval(abs(q0 - q - rained)), 0.0_dp, 1.0e-17_dp)
        call report('condensation_none_below', abs(t(3) - t0(3)) + rained(3), 0.0_dp, 0.0_dp)
    end subroutine condensation

    !> Equal masses and links r m: the mode cos(pi n (k - 1/2)/nlev) shrinks by 1/(1 + 4 r sin^2(pi n/(2 nlev))) in one
    !! step; with surface fluxes the column sums gain them and nothing else.
    subroutine diffusion()
        real(dp), dimension(1, nlev) :: mass, link, u, v, s, q
        real(dp), parameter :: r = 0.8_dp, dt = 1800.0_dp
        real(dp) :: factor, before(4), after(4)
        real(dp), parameter :: flux(4) = [0.1_dp, -0.2_dp, 150.0_dp, 5.0e-5_dp]
        integer :: k

        mass = 1000.0_dp
        link = r*mass
        link(1, nlev) = 0.0_dp
        do k = 1, nlev
            u(1, k) = cos(pi*(k - 0.5_dp)/nlev)
            v(1, k) = cos(3.0_dp*pi*(k - 0.5_dp)/nlev)
            s(1, k) = 3.0e5_dp + 1.0e3_dp*k**2
            q(1, k) = 1.0e-3_dp*k
        end do
        s = 0.0_dp
        call solve_diffusion(mass, link, dt, [0.0_dp], [0.0_dp], [0.0_dp], [0.0_dp], u, v, s, q)
        factor = 1.0_dp/(1.0_dp + 4.0_dp*r*sin(0.5_dp*pi/nlev)**2)
        call report('diffusion_mode_1', u(1, 3)/cos(pi*2.5_dp/nlev), factor, 1.0e-13_dp)
        factor = 1.0_dp/(1.0_dp + 4.0_dp*r*sin(1.5_dp*pi/nlev)**2)
        call report('diffusion_mode_3', v(1, 3)/cos(3.0_dp*pi*2.5_dp/nlev), factor, 1.0e-13_dp)
        ! Against exp(-K k^2 t) of the continuous equation: mode 1, many short steps, 1 % by the grid.
        u(1, :) = [(cos(pi*(k - 0.5_dp)/nlev), k=1, nlev)]
        link = 1.0e-3_dp*link
        do k = 1, 2000
            call solve_diffusion(mass, link, dt, [0.0_dp], [0.0_dp], [0.0_dp], [0.0_dp], u, v, s, q)
        end do
        call report('diffusion_analytic_decay', u(1, 3)/cos(pi*2.5_dp/nlev), exp(-2000.0_dp*1.0e-3_dp*r*(pi/nlev)**2), &
            5.0e-3_dp)
        call random_columns(u, v, s, q)
        link = 1.0e3_dp*link
        mass(1, :) = [(500.0_dp + 100.0_dp*k, k=1, nlev)]
        before = [sum(mass*u), sum(mass*v), sum(mass*s), sum(mass*q)]
        call solve_diffusion(mass, link, dt, flux(1:1), flux(2:2), flux(3:3), flux(4:4), u, v, s, q)
        after = [sum(mass*u), sum(mass*v), sum(mass*s), sum(mass*q)]
        call report('diffusion_gains_the_surface_flux', maxval(abs((after - before)/(dt*flux) - 1.0_dp)), 0.0_dp, &
            1.0e-7_dp)
        call report('diffusion_sum_of_water', after(4) - before(4), dt*flux(4), 1.0e-13_dp)
    end subroutine diffusion

    subroutine random_columns(u, v, t, q)
        real(dp), intent(out), dimension(:, :) :: u, v, t, q
        integer :: i, k
        do k = 1, size(u, 2)
            do i = 1, size(u, 1)
                u(i, k) = 20.0_dp*uniform_noise(1, [i, k])
                v(i, k) = 10.0_dp*uniform_noise(2, [i, k])
                t(i, k) = 295.0_dp*(real(k, dp)/size(u, 2))**0.15_dp + 2.0_dp*uniform_noise(3, [i, k])
                q(i, k) = 0.016_dp*(real(k, dp)/size(u, 2))**3*(1.0_dp + 0.5_dp*uniform_noise(4, [i, k]))
            end do
        end do
    end subroutine random_columns

    subroutine holes()
        real(dp) :: u(nlon, nlev), v(nlon, nlev), t(nlon, nlev), q(nlon, nlev), ps(nlon), before
        integer :: k

        call random_columns(u, v, t, q)
        q(2, 3) = -1.0e-4_dp
        q(:, 1) = -1.0e-6_dp
        q(3, nlev) = -1.0e-3_dp
        ps = [0.9e5_dp, 1.0e5_dp, 1.01e5_dp, 0.7e5_dp]
        before = sum([(sum(ps*q(:, k))*vertical%ds(k), k=1, nlev)])
        call fill_holes(vertical%ds, ps, q)
        call report_that('holes_filled', all(q >= 0.0_dp))
        call report('holes_water_kept', sum([(sum(ps*q(:, k))*vertical%ds(k), k=1, nlev)])/before, 1.0_dp, 1.0e-14_dp)
    end subroutine holes

    !> Random columns through all schemes: energy and water of the row against what passed its top and bottom.
    subroutine whole_row()
        type(moist_type) :: moist
        type(config_type) :: config
        type(surface_flux_type) :: flux
        real(dp), dimension(nlon, nlev) :: u, v, t, q, du, dv, dt_air, dq, gain, b
        real(dp) :: ps(nlon), nodes(nlon, 0:2*nlev), down(nlon, 0:nlev), energy(nlon), passed(nlon), water(nlon)
        real(dp), parameter :: dt = 1800.0_dp
        integer :: k

        call moist%init(config, vertical, [0.1_dp], nlon, dt)
        call surface_flux_init(flux, nlon, 1)
        call random_columns(u, v, t, q)
        ps = [0.9e5_dp, 1.0e5_dp, 1.01e5_dp, 0.7e5_dp]
        flux%stress_x = 0.1_dp
        flux%stress_y = -0.1_dp
        flux%sensible = 30.0_dp
        flux%evaporation = 6.0e-5_dp
        flux%lw_up = 450.0_dp
        flux%sw_up = 20.0_dp
        call moist%begin_step(0_i8, flux)
        call moist%row(vertical, 1, 0.1_dp, u, v, t, q, log(ps), du, dv, dt_air, dq)
        b = 0.5_dp*((u + dt*du)**2 + (v + dt*dv)**2 - u**2 - v**2)/dt
        gain = cp*dt_air + b + latent*dq
        call moist%radiation%planck_nodes(1, t, nodes)
        call moist%radiation%down(1, nodes, down)
        energy = 0.0_dp
        water = 0.0_dp
        do k = 1, nlev
            energy = energy + gain(:, k)*vertical%ds(k)*ps/gravity
            water = water + dq(:, k)*vertical%ds(k)*ps/gravity
        end do
        passed = (1.0_dp - exp(-config%sw_depth))*moist%sunlight(0.1_dp, nlon) - moist%olr(:, 1) + 450.0_dp &
            - down(:, nlev) + 30.0_dp + latent*6.0e-5_dp
        call report('row_energy_W_m2', maxval(abs(energy - passed)), 0.0_dp, 1.0e-7_dp)
        call report('row_water_kg_m2_s', maxval(abs(water - 6.0e-5_dp + moist%precipitation(:, 1))), 0.0_dp, 1.0e-16_dp)
        call report_that('row_rains', maxval(moist%precipitation) > 1.0e-5_dp)
    end subroutine whole_row
end program test_atmos_moist_column
