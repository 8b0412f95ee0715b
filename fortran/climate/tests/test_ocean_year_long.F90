!> A year of idealised wind, surface heat, rain and evaporation on a globe with continents at about 4 degrees: the ocean
!! stays stable; volume, heat and salt change by what came in and by nothing else; the circulation has the right shape
!! and size: an eastward circumpolar current, a warm tropical surface.
program test_ocean_year
    use kinds_mod, only: dp
    use constants_mod, only: degree, seawater_density, seawater_cp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_surface
    use ocean_initial_mod, only: initial_temperature
    use ocean_cases_mod, only: new_ocean, continents, contents
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 90, nlat = 50, nlev = 10
    type(comm_type) :: comm
    type(ocean_type) :: o
    type(status_type) :: status
    integer :: mask(nlon, nlat), j, day, hour
    real(dp), dimension(nlon, nlat) :: depth, stress, zero, heat, rain, sst, ssu, ssv, ssh
    real(dp) :: fastest, highest, area, lat, start, finish_time, v0, h0, s0, water, warmth, days(12), drift(12, 3)

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call continents(nlon, nlat, mask, depth)
    call new_ocean(o, comm, 'test_ocean_year', 'virtual_salt_flux = f', nlon, nlat, nlev, 3600.0_dp, mask, depth)
    zero = 0.0_dp
    area = sum([(o%grid%area(j)*count(o%wet(:, j)), j=1, nlat)])
    fastest = 0.0_dp
    highest = 0.0_dp
    water = 0.0_dp
    warmth = 0.0_dp
    call contents(o, v0, h0, s0)
    call cpu_time(start)
    do day = 1, 365
        call ocean_surface(o, sst, ssu, ssv, ssh)
        do j = 1, nlat
            lat = o%lat(j)
            ! Trade winds weak at the equator, westerlies, weak polar easterlies; restoring to the initial
            ! surface at 40 W/m2/K.
            stress(:, j) = -0.08_dp*cos(3.0_dp*lat*degree)*exp(-(lat/75.0_dp)**8) + 0.04_dp*exp(-(lat/10.0_dp)**2)
            heat(:, j) = 40.0_dp*(initial_temperature(lat, 0.0_dp) - sst(:, j))
            ! 2 m a year fall at the equator and at 60 degrees and rise between.
            rain(:, j) = 6.0e-5_dp*cos(6.0_dp*lat*degree)*cos(lat*degree)
        end do
        do hour = 1, 24
            ! Rain has the temperature of the surface, which the hour's step reads once.
            do j = 1, nlat
                water = water + o%dt*o%grid%area(j)*sum(rain(:, j), mask=o%wet(:, j))/seawater_density
                warmth = warmth + o%dt*o%grid%area(j)*sum(heat(:, j)/(seawater_density*seawater_cp) &
                    + rain(:, j)/seawater_density*o%t(1:nlon, j, 1), mask=o%wet(:, j))
            end do
            call ocean_step(o, stress, zero, heat, rain, o%dt, status)
        end do
        if (status%failed()) exit
        fastest = max(fastest, maxval(abs(o%u)), maxval(abs(o%v)))
        ! The first month is the adjustment of the resting initial state to its own stratification.
        if (day > 30) highest = max(highest, maxval(abs(o%eta)))
        if (mod(day, 30) > 0) cycle
        days(day/30) = day
        drift(day/30, :) = left_over()
    end do
    call cpu_time(finish_time)
    if (status%failed()) print '(a)', trim(status%message)
    call report('year_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    call report('year_fastest_current_m_s', fastest, 1.0_dp, 0.9_dp)
    call report('year_highest_surface_m', highest, 1.0_dp, 0.9_dp)
    associate (kept => left_over())
        call report('year_volume_relative', kept(1), 0.0_dp, 1.0e-12_dp)
        call report('year_heat_relative', kept(2), 0.0_dp, 1.0e-12_dp)
        call report('year_salt_relative', kept(3), 0.0_dp, 1.0e-12_dp)
    end associate
    call report_series('ocean_volume', days, drift(:, 1))
    call report_series('ocean_heat', days, drift(:, 2))
    call report_series('ocean_salt', days, drift(:, 3))
    print '(a, 2es12.4)', '# water and heat that came in, of the whole: ', water/(4.0e3_dp*area), warmth/h0
    call ocean_surface(o, sst, ssu, ssv, ssh)
    call report('year_sst_equator_degC', sum(sst(:, nlat/2), mask=o%wet(:, nlat/2))/count(o%wet(:, nlat/2)), &
        25.5_dp, 2.0_dp)
    call report('year_circumpolar_transport_1e6_m3_s', transport(), 130.0_dp, 110.0_dp)
    print '(a, f8.4)', '# CPU seconds per day at 90 x 50 x 10: ', (finish_time - start)/365
    call MPI_Finalize()
    call finish()

contains

    !> Volume (of about 3.6e8 km2 times 4 km), heat and salt beyond what came in, of the whole.
    function left_over() result(relative)
        real(dp) :: relative(3), v1, h1, s1
        call contents(o, v1, h1, s1)
        relative = [(v1 - v0 - water)/(4.0e3_dp*area), (h1 - h0 - warmth)/h0, (s1 - s0)/s0]
    end function left_over

    !> Eastward transport south of the continents [1e6 m3/s].
    real(dp) function transport()
        integer :: k
        transport = 0.0_dp
        do k = 1, nlev
            do j = 1, count(o%lat < -56)
                transport = transport + 1.0e-6_dp*o%grid%dy*o%grid%dz(k)*o%u(72, j, k)
            end do
        end do
    end function transport
end program test_ocean_year
