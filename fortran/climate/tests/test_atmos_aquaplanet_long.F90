!> An aquaplanet at T31 with 8 levels: rain of the ITCZ, Hadley cell, jets, budgets, error growth and speed.
!!
!! Sea temperature of Neale and Hoskins (2000), perpetual equinox, constant exchange coefficients. 80 days of spin-up,
!! 60 sampled daily. Means over time, longitude and both hemispheres: the largest wind, the largest mass stream function
!! psi(lat, s_(k+1/2)) = 2 pi a cos(lat)/g sum_(j<=k) ps v ds. Then twins that differ by 1e-4 K of noise; the doubling
!! time is that of the r.m.s. temperature difference between 0.003 and 0.3 K, as in the Held-Suarez test (single starts:
!! 3.8 to 8.4 days). The gates hold the figures of this model within what its chaos and the range of aquaplanet models
!! allow.
program test_atmos_aquaplanet_long
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, gravity, earth_radius, dry_air_cp, latent_heat_vaporization, seconds_per_day
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_fields, atmos_state_size, atmos_pack, atmos_unpack, &
        atmos_add_increment, surface_air_type, surface_flux_type
    use aquaplanet_mod, only: aquaplanet_step
    use atmos_noise_mod, only: uniform_noise
    use report_mod, only: report, report_series, report_field, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer, parameter :: trunc = 31, nlon = 96, nlat = 48, nlev = 8, spin_up = 80, sampled = 60
    real(dp), parameter :: dt = 3600.0_dp
    character(len=*), parameter :: path = 'test_atmos_aquaplanet_long.nml'
    type(atmos_type) :: atmos, twin
    type(surface_air_type) :: air
    type(surface_flux_type) :: flux
    type(status_type) :: status
    type(comm_type) :: comm
    real(dp), allocatable, dimension(:, :, :) :: u, v, t, t_twin, q
    real(dp) :: flat(nlon, nlat), ps(nlon, nlat), area(nlat), begin, end
    real(dp) :: mean_u(nlat, nlev), mean_mass_v(nlat, nlev), rain(nlat)
    real(dp) :: means(5)   !< over the sampled days: rain, evaporation [kg/m2/s], short wave, long wave at the top, gain
    integer :: unit

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    flat = 0.0_dp
    allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev), t_twin(nlon, nlat, nlev), &
        q(nlon, nlat, nlev))
    open (newunit=unit, file=path)
    write (unit, '(a)') "&atmos_nml forcing = 'moist', obliquity = 0.0, eccentricity = 0.0, perturbation = 2.0 /"
    call flush(unit)
    call atmos_init(atmos, comm, path, trunc, nlon, nlat, nlev, dt, flat, status)
    call atmos_init(twin, comm, path, trunc, nlon, nlat, nlev, dt, flat, status)
    close (unit, status='delete')
    if (status%failed()) error stop 'init refused'
    area = 0.5_dp*(sin(atmos%lat_bounds(2:)*degree) - sin(atmos%lat_bounds(:nlat)*degree))
    call cpu_time(begin)
    call run(atmos, spin_up)
    call climate()
    call cpu_time(end)
    call show()
    call report('aquaplanet_error_doubling_days', doubling_time(), 6.0_dp, 4.0_dp)
    write (*, '(a,f8.3)') '# CPU seconds per model day, T31L8 moist: ', (end - begin)/(spin_up + sampled)
    call MPI_Finalize()
    call finish()

contains

    subroutine run(model, days)
        type(atmos_type), intent(inout) :: model
        integer, intent(in) :: days
        integer :: i
        do i = 1, nint(days*seconds_per_day/dt)
            call aquaplanet_step(model, air, flux, status)
            if (status%failed()) then
                write (*, '(a)') trim(status%message)
                error stop 'unstable'
            end if
        end do
    end subroutine run

    subroutine climate()
        integer :: day, step, steps, k
        real(dp) :: energy

        mean_u = 0.0_dp
        mean_mass_v = 0.0_dp
        rain = 0.0_dp
        means = 0.0_dp
        steps = nint(seconds_per_day/dt)
        energy = total_energy()
        do day = 1, sampled
            do step = 1, steps
                call aquaplanet_step(atmos, air, flux, status)
                if (status%failed()) error stop 'unstable'
                rain = rain + sum(atmos%precipitation, 1)/real(nlon*steps*sampled, dp)
                means = means + [mean(atmos%precipitation), mean(flux%evaporation), mean(atmos%toa_sw_net), &
                    mean(atmos%olr), mean(flux%lw_up - air%lw_down - air%sw_down + flux%sw_up + flux%sensible &
                    + latent_heat_vaporization*flux%evaporation)]/real(steps*sampled, dp)
            end do
            call atmos_fields(atmos, u, v, t, ps)
            mean_u = mean_u + sum(u, 1)/real(nlon*sampled, dp)
            do k = 1, nlev
                mean_mass_v(:, k) = mean_mass_v(:, k) + sum(ps*v(:, :, k), 1)/real(nlon*sampled*nlev, dp)
            end do
        end do
        means(5) = means(5) + means(3) - means(4) - (total_energy() - energy)/(sampled*seconds_per_day)
    end subroutine climate

    !> Mean over the globe of the integral of c_p T + K + L q [J/m2]; the ground is flat.
    real(dp) function total_energy()
        integer :: k
        call atmos_fields(atmos, u, v, t, ps, q)
        total_energy = 0.0_dp
        do k = 1, nlev
            total_energy = total_energy + mean(ps*(dry_air_cp*t(:, :, k) + 0.5_dp*(u(:, :, k)**2 + v(:, :, k)**2) &
                + latent_heat_vaporization*q(:, :, k)))/(gravity*nlev)
        end do
    end function total_energy

    real(dp) function mean(field)
        real(dp), intent(in) :: field(:, :)
        mean = dot_product(area, sum(field, 1)/nlon)
    end function mean

    subroutine show()
        real(dp) :: psi(nlat, nlev)
        integer :: k, peak(2), i

        rain = 0.5_dp*(rain + rain(nlat:1:-1))*seconds_per_day
        mean_u = 0.5_dp*(mean_u + mean_u(nlat:1:-1, :))
        mean_mass_v = 0.5_dp*(mean_mass_v - mean_mass_v(nlat:1:-1, :))
        psi(:, 1) = 0.0_dp
        do k = 1, nlev
            psi(:, k) = 2.0_dp*pi*earth_radius*cos(atmos%lat*degree)/gravity*sum(mean_mass_v(:, :k), 2)
        end do
        peak = maxloc(mean_u(nlat/2 + 1:, :))
        call report('aquaplanet_itcz_rain_mm_day', maxval(rain), 13.0_dp, 6.0_dp)
        call report('aquaplanet_itcz_latitude', atmos%lat(nlat/2 + maxloc(rain(nlat/2 + 1:), dim=1)), 3.0_dp, 6.0_dp)
        call report('aquaplanet_subtropical_rain_mm_day', minval(rain(nlat/2 + 1:nlat/2 + 8)), 3.0_dp, 2.0_dp)
        call report('aquaplanet_hadley_1e9_kg_s', maxval(abs(psi(nlat/2 - 8:nlat/2 + 9, :)))*1.0e-9_dp, &
            120.0_dp, 80.0_dp)
        call report('aquaplanet_jet_m_s', maxval(mean_u), 45.0_dp, 15.0_dp)
        call report('aquaplanet_jet_latitude', atmos%lat(nlat/2 + peak(1)), 32.0_dp, 8.0_dp)
        call report('aquaplanet_rain_mm_day', means(1)*seconds_per_day, 4.8_dp, 1.0_dp)
        call report('aquaplanet_rain_over_evaporation', means(1)/means(2), 1.0_dp, 0.02_dp)
        call report('aquaplanet_olr_W_m2', means(4), 245.0_dp, 10.0_dp)
        call report('aquaplanet_energy_lost_W_m2', means(5), 0.0_dp, 5.0_dp)
        call report_series('aquaplanet_rain', atmos%lat(nlat/2 + 1:), rain(nlat/2 + 1:))
        call report_field('aquaplanet_u', atmos%lat(nlat/2 + 1:), atmos%sigma, mean_u(nlat/2 + 1:, :))
        write (*, '(a)') '# latitude, rain [mm/day], u on the levels [m/s], psi below them [1e9 kg/s]'
        do i = nlat/2 + 1, nlat, 2
            write (*, '(a,f6.1,f8.2,2(a,8f7.1))') '# ', atmos%lat(i), rain(i), ' |', mean_u(i, :), ' |', &
                psi(i, :)*1.0e-9_dp
        end do
    end subroutine show

    !> Mean of the growth rate over three starts, 20 days apart.
    real(dp) function doubling_time()
        real(dp), parameter :: low = 0.003_dp, high = 0.3_dp
        integer, parameter :: starts = 3, longest = 80, gap = 20
        real(dp), allocatable :: state(:), noise(:, :, :)
        real(dp) :: error, first_error, rate
        integer :: i, j, k, day, first_day, start

        allocate(noise(nlon, nlat, nlev), state(atmos_state_size(atmos)))
        noise = reshape([(((1.0e-4_dp*uniform_noise(5, [i, j, k]), i=1, nlon), j=1, nlat), k=1, nlev)], shape(noise))
        rate = 0.0_dp
        do start = 1, starts
            call atmos_pack(atmos, state)
            call atmos_unpack(twin, state, status)
            call atmos_add_increment(twin, 0.0_dp*noise, 0.0_dp*noise, noise, flat, status)
            first_day = 0
            do day = 1, longest
                call run(atmos, 1)
                call run(twin, 1)
                call atmos_fields(atmos, u, v, t, ps)
                call atmos_fields(twin, u, v, t_twin, ps)
                error = sqrt(dot_product(area, sum(sum((t - t_twin)**2, 3), 1))/real(nlon*nlev, dp))
                if (first_day == 0 .and. error > low) then
                    first_day = day
                    first_error = error
                end if
                if (error > high) exit
            end do
            if (error <= high .or. day == first_day) error stop 'the error did not grow, or at once'
            rate = rate + log(error/first_error)/real(day - first_day, dp)/starts
            write (*, '(a,i0,a,i0,a,f6.2)') '# twin ', start, ': reached 0.3 K on day ', day, ', doubling days ', &
                log(2.0_dp)*real(day - first_day, dp)/log(error/first_error)
            call run(atmos, max(0, gap - day))
        end do
        doubling_time = log(2.0_dp)/rate
    end function doubling_time
end program test_atmos_aquaplanet_long
