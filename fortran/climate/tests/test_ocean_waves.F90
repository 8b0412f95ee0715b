!> Kelvin waves along the equator and along a coast, c = sqrt(gH) = 44.29 m/s for H = 200 m, and an equatorial Rossby
!! wave (Gill 1982, chapters 10 and 11).
program test_ocean_waves
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, earth_radius, gravity
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_surface, ocean_add_increment
    use ocean_cases_mod, only: new_ocean, linear_settings
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    real(dp), parameter :: depth = 200.0_dp
    type(comm_type) :: comm

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call equatorial()
    call coastal()
    call rossby()
    call MPI_Finalize()
    call finish()

contains

    !> On the beta-plane: eta = a cos(kx) exp(-beta y^2/(2c)).
    subroutine equatorial()
        real(dp), parameter :: beta = 2.28e-11_dp
        type(ocean_type) :: o
        real(dp) :: c, shape(60)
        integer :: mask(60, 60)

        mask = 1
        c = sqrt(gravity*depth)
        call new_ocean(o, comm, 'test_ocean_waves_equatorial', &
            linear_settings//", geometry = 'plane', plane_beta = 2.28e-11, "// &
            "lat_south = -45, lat_north = 45, lon_extent = 60, max_depth = 200, top_thickness = 100", 60, 60, 2, &
            3600.0_dp, mask, spread(spread(depth, 1, 60), 2, 60))
        shape = exp(-0.5_dp*beta*(earth_radius*o%lat*degree)**2/c)
        call report('equatorial_kelvin_speed', speed(o, shape, sqrt(gravity/depth)*shape, 0.0_dp*shape, 30, 40, &
            'equatorial_kelvin_crest_km', c), c, 0.02_dp*c)
    end subroutine equatorial

    !> The error of the coastal wave is of first order in the grid interval, since the currents of the B-grid vanish on
    !! the coast (Hsieh, Davey and Wajsowicz 1983): two grids give the limit, and their errors have the ratio two.
    subroutine coastal()
        real(dp) :: c, coarse, fine
        c = sqrt(gravity*depth)
        coarse = coastal_speed(50, 40)
        fine = coastal_speed(100, 80)
        call report_series('coastal_kelvin_speed', earth_radius*degree*[0.8e-3_dp, 0.4e-3_dp], [coarse, fine], [c, c], &
            [0.0_dp, 0.0_dp])
        call report('coastal_kelvin_speed_extrapolated', 2.0_dp*fine - coarse, c, 0.02_dp*c)
        call report('coastal_kelvin_error_ratio', (c - coarse)/(c - fine), 2.0_dp, 0.3_dp)
    end subroutine coastal

    !> On the f-plane: eta = a cos(kx) exp(-y f/c), the coast on the right.
    real(dp) function coastal_speed(nlon, nlat)
        integer, intent(in) :: nlon, nlat
        real(dp), parameter :: f = 1.0e-4_dp
        type(ocean_type) :: o
        real(dp) :: shape(nlat)
        integer :: mask(nlon, nlat)

        mask = 1
        call new_ocean(o, comm, 'test_ocean_waves_coastal', &
            linear_settings//", geometry = 'plane', plane_f0 = 1e-4, "// &
            "lat_south = 0, lat_north = 32, lon_extent = 40, max_depth = 200, top_thickness = 100", nlon, nlat, 2, &
            180000.0_dp/nlon, mask, spread(spread(depth, 1, nlon), 2, nlat))
        shape = exp(-f*earth_radius*(o%lat - o%lat_bounds(2))*degree/sqrt(gravity*depth))
        coastal_speed = speed(o, shape, sqrt(gravity/depth)*shape, 0.0_dp*shape, 2, 40)
    end function coastal_speed

    !> The gravest Rossby wave on the equatorial beta-plane, an exact solution of the linear equations. In units of
    !! sqrt(c/beta) and 1/sqrt(beta c), with D_m = H_m(y) exp(-y^2/2) and theta = kx - omega t,
    !!     v = D_1 cos(theta),   eta + u = D_2/(k - omega) sin(theta),   eta - u = 2 D_0/(k + omega) sin(theta),
    !!     omega^2 - k^2 - k/omega = 3,
    !! of whose three roots the one near -k/(k^2 + 3) is wanted. eta is in units of depth, u and v of c.
    subroutine rossby()
        real(dp), parameter :: beta = 2.28e-11_dp
        integer, parameter :: nlon = 60, nlat = 84
        type(ocean_type) :: o
        real(dp), dimension(nlat) :: y, d0, d1, d2, q, r
        real(dp) :: c, unit, k, omega, change
        integer :: mask(nlon, nlat)

        mask = 1
        c = sqrt(gravity*depth)
        unit = sqrt(c/beta)
        call new_ocean(o, comm, 'test_ocean_waves_rossby', linear_settings//", geometry = 'plane', "// &
            "plane_beta = 2.28e-11, lat_south = -63, lat_north = 63, lon_extent = 60, max_depth = 200, "// &
            "top_thickness = 100", nlon, nlat, 2, 3600.0_dp, mask, spread(spread(depth, 1, nlon), 2, nlat))
        k = 2.0_dp*pi*unit/(earth_radius*60.0_dp*degree)
        omega = -k/(k*k + 3.0_dp)
        do
            change = (omega**3 - (k*k + 3.0_dp)*omega - k)/(3.0_dp*omega**2 - k*k - 3.0_dp)
            omega = omega - change
            if (abs(change) < 1.0e-14_dp) exit
        end do
        y = earth_radius*o%lat*degree/unit
        d0 = exp(-0.5_dp*y*y)
        d1 = 2.0_dp*y*d0
        d2 = (4.0_dp*y*y - 2.0_dp)*d0
        q = d2/(k - omega)
        r = 2.0_dp*d0/(k + omega)
        ! speed() wants eta as a cosine: theta = kx + pi/2.
        call report('equatorial_rossby_speed', speed(o, 0.5_dp*(q + r), 0.5_dp*c/depth*(q - r), -c/depth*d1, &
            54, 200, 'equatorial_rossby_crest_km', c*omega/k), c*omega/k, 0.02_dp*abs(c*omega/k))
    end subroutine rossby

    !> Phase speed [m/s] of wavenumber one along a row, from a least-squares line through the phase at every step.
    real(dp) function speed(o, shape, shape_u, shape_v, row, samples, name, exact)
        type(ocean_type), intent(inout) :: o
        real(dp), intent(in) :: shape(:)        !< of eta, times cos(kx)
        real(dp), intent(in) :: shape_u(:)      !< of u, times cos(kx) [1/s]
        real(dp), intent(in) :: shape_v(:)      !< of v, times sin(kx) [1/s]
        integer, intent(in) :: row, samples
        character(len=*), intent(in), optional :: name  !< of a series: hours, kilometres the crest has come
        real(dp), intent(in), optional :: exact         !< the series' reference [m/s]
        type(status_type) :: status
        real(dp), dimension(o%nlon, o%nlat) :: zero, deta, sst, ssu, ssv, eta
        real(dp), dimension(o%nlon, o%nlat, 2) :: du, dv
        real(dp) :: x(o%nlon), phase(0:samples), time(0:samples), length, turn
        integer :: i, n

        x = [(2.0_dp*pi*(i - 0.5_dp)/o%nlon, i=1, o%nlon)]
        length = earth_radius*o%config%lon_extent*degree
        zero = 0.0_dp
        deta = 0.01_dp*spread(cos(x), 2, o%nlat)*spread(shape, 1, o%nlon)
        du = spread(0.01_dp*spread(cos(x), 2, o%nlat)*spread(shape_u, 1, o%nlon), 3, 2)
        dv = spread(0.01_dp*spread(sin(x), 2, o%nlat)*spread(shape_v, 1, o%nlon), 3, 2)
        call ocean_add_increment(o, 0.0_dp*du, 0.0_dp*du, du, dv, deta, status)
        phase(0) = 0.0_dp
        time(0) = 0.0_dp
        do n = 1, samples
            call ocean_step(o, zero, zero, zero, zero, o%dt, status)
            if (status%failed()) error stop 'the wave is unstable'
            call ocean_surface(o, sst, ssu, ssv, eta)
            turn = atan2(sum(eta(:, row)*sin(x)), sum(eta(:, row)*cos(x)))
            phase(n) = turn + 2.0_dp*pi*nint((phase(n - 1) - turn)/(2.0_dp*pi))
            time(n) = n*o%dt
        end do
        speed = sum((time - sum(time)/(samples + 1))*phase)/sum((time - sum(time)/(samples + 1))**2)*length/(2.0_dp*pi)
        if (.not. present(name)) return
        n = samples/40
        call report_series(name, time(::n)/3600.0_dp, phase(::n)*length/(2000.0_dp*pi), 1.0e-3_dp*exact*time(::n), &
            2.0e-5_dp*abs(exact)*time(::n))
    end function speed
end program test_ocean_waves
