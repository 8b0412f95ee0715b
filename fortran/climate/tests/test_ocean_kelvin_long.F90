!> The coastal Kelvin wave at one resolution fine enough to need no extrapolation: c = sqrt(gH) = 44.29 m/s within 2 %.
!! Its error is of first order in the grid interval, the currents of the B-grid being zero on the coast (Hsieh, Davey
!! and Wajsowicz 1983); 3.0 % at 16 intervals to the Rossby radius of 443 km, half of it at 32.
program test_ocean_kelvin
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, earth_radius, gravity
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_surface, ocean_add_increment
    use ocean_cases_mod, only: new_ocean, linear_settings
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 320, nlat = 240, samples = 80
    real(dp), parameter :: depth = 200.0_dp, f = 1.0e-4_dp
    type(comm_type) :: comm
    type(ocean_type) :: o
    type(status_type) :: status
    real(dp), allocatable, dimension(:, :) :: zero, deta, sst, ssu, ssv, eta
    real(dp), allocatable, dimension(:, :, :) :: none, du
    real(dp) :: x(nlon), phase(0:samples), time(0:samples), c, turn, speed
    integer, allocatable :: mask(:, :)
    integer :: i, n

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    allocate (mask(nlon, nlat), source=1)
    allocate (zero(nlon, nlat), none(nlon, nlat, 2), source=0.0_dp)
    allocate (sst, ssu, ssv, eta, mold=zero)
    ! 40 degrees along the coast, 30 across, at an eighth of a degree.
    call new_ocean(o, comm, 'test_ocean_kelvin', linear_settings//", geometry = 'plane', plane_f0 = 1e-4, "// &
        "lat_south = 0, lat_north = 30, lon_extent = 40, max_depth = 200, top_thickness = 100", nlon, nlat, 2, &
        100414.0_dp/samples, mask, zero + depth)
    c = sqrt(gravity*depth)
    x = [(2.0_dp*pi*(i - 0.5_dp)/nlon, i=1, nlon)]
    deta = 0.01_dp*spread(cos(x), 2, nlat) &
        *spread(exp(-f*earth_radius*(o%lat - o%lat_bounds(2))*degree/c), 1, nlon)
    du = sqrt(gravity/depth)*spread(deta, 3, 2)
    call ocean_add_increment(o, none, none, du, none, deta, status)
    phase(0) = 0.0_dp
    time(0) = 0.0_dp
    do n = 1, samples
        call ocean_step(o, zero, zero, zero, zero, o%dt, status)
        if (status%failed()) error stop 'the wave is unstable'
        call ocean_surface(o, sst, ssu, ssv, eta)
        turn = atan2(sum(eta(:, 2)*sin(x)), sum(eta(:, 2)*cos(x)))
        phase(n) = turn + 2.0_dp*pi*nint((phase(n - 1) - turn)/(2.0_dp*pi))
        time(n) = n*o%dt
    end do
    speed = sum((time - sum(time)/(samples + 1))*phase)/sum((time - sum(time)/(samples + 1))**2) &
        *earth_radius*40.0_dp*degree/(2.0_dp*pi)
    call report('coastal_kelvin_speed', speed, c, 0.02_dp*c)
    call report_series('coastal_kelvin_speed_long', [0.125e-3_dp*earth_radius*degree], [speed], [c], [0.02_dp*c])
    call MPI_Finalize()
    call finish()
end program test_ocean_kelvin
