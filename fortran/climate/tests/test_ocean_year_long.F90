!> A year of idealised wind and surface heat on a globe with continents at about 4 degrees: the ocean stays stable,
!! keeps its volume, and its circulation has the right shape and size: an eastward circumpolar current, a warm tropical
!! surface.
program test_ocean_year
    use kinds_mod, only: dp
    use constants_mod, only: degree, seconds_per_day
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_surface
    use ocean_initial_mod, only: initial_temperature
    use ocean_cases_mod, only: new_ocean, continents, report, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 90, nlat = 50, nlev = 10
    type(comm_type) :: comm
    type(ocean_type) :: o
    type(status_type) :: status
    integer :: mask(nlon, nlat), j, day
    real(dp), dimension(nlon, nlat) :: depth, stress, zero, heat, sst, ssu, ssv, ssh
    real(dp) :: fastest, highest, mean_eta, area, lat, start, finish_time

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call continents(nlon, nlat, mask, depth)
    call new_ocean(o, comm, 'test_ocean_year', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
    zero = 0.0_dp
    fastest = 0.0_dp
    highest = 0.0_dp
    call cpu_time(start)
    do day = 1, 365
        call ocean_surface(o, sst, ssu, ssv, ssh)
        do j = 1, nlat
            lat = o%lat(j)
            ! Trade winds weak at the equator, westerlies, weak polar easterlies; restoring to the initial
            ! surface at 40 W/m2/K.
            stress(:, j) = -0.08_dp*cos(3.0_dp*lat*degree)*exp(-(lat/75.0_dp)**8) + 0.04_dp*exp(-(lat/10.0_dp)**2)
            heat(:, j) = 40.0_dp*(initial_temperature(lat, 0.0_dp) - sst(:, j))
        end do
        call ocean_step(o, stress, zero, heat, zero, seconds_per_day, status)
        if (status%failed()) exit
        fastest = max(fastest, maxval(abs(o%u)), maxval(abs(o%v)))
        ! The first month is the adjustment of the resting initial state to its own stratification.
        if (day > 30) highest = max(highest, maxval(abs(o%eta)))
    end do
    call cpu_time(finish_time)
    if (status%failed()) print '(a)', trim(status%message)
    call report('year_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    call report('year_fastest_current_m_s', fastest, 1.0_dp, 0.9_dp)
    call report('year_highest_surface_m', highest, 1.0_dp, 0.9_dp)
    mean_eta = sum([(o%grid%area(j)*sum(o%eta(1:nlon, j), mask=o%wet(:, j)), j=1, nlat)])
    area = sum([(o%grid%area(j)*count(o%wet(:, j)), j=1, nlat)])
    call report('year_mean_eta_m', mean_eta/area, 0.0_dp, 1.0e-12_dp)
    call ocean_surface(o, sst, ssu, ssv, ssh)
    call report('year_sst_equator_degC', sum(sst(:, nlat/2), mask=o%wet(:, nlat/2))/count(o%wet(:, nlat/2)), &
        25.5_dp, 2.0_dp)
    call report('year_circumpolar_transport_1e6_m3_s', transport(), 130.0_dp, 110.0_dp)
    print '(a, f8.4)', '# CPU seconds per day at 90 x 50 x 10: ', (finish_time - start)/365
    call MPI_Finalize()
    call finish()

contains

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
