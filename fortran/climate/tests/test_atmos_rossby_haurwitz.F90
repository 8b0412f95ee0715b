!> Rossby-Haurwitz wave 4 of the nondivergent barotropic vorticity equation, run with the model's own transforms,
!! tendency and time step (equations = 'barotropic').
!!
!! psi = a^2 (-omega sin(lat) + K cos(lat)^R sin(lat) cos(R lon)) turns without change of shape at
!! nu = [R (3 + R) omega - 2 Omega]/[(1 + R)(2 + R)] (Haurwitz 1940); R = 4, omega = K = 7.848e-6/s gives 12.195
!! deg/day.
program test_atmos_rossby_haurwitz
    use kinds_mod, only: dp
    use constants_mod, only: degree, earth_radius, earth_omega, seconds_per_day
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_set_fields
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer, parameter :: trunc = 21, nlon = 64, nlat = 32, wave = 4, days = 5, samples = 4*days
    real(dp), parameter :: dt = 1800.0_dp, omega = 7.848e-6_dp
    character(len=*), parameter :: path = 'test_atmos_rossby_haurwitz.nml'
    type(atmos_type) :: atmos
    type(status_type) :: status
    type(comm_type) :: comm
    real(dp) :: zero(nlon, nlat), reference, phase(0:samples), time(0:samples), first(2), last(2)
    integer :: step, n, unit

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    open (newunit=unit, file=path)
    write (unit, '(a)') "&atmos_nml equations = 'barotropic', forcing = 'none', diffusion_hours = 0.0 /"
    close (unit)
    zero = 0.0_dp
    call atmos_init(atmos, comm, path, trunc, nlon, nlat, 1, dt, zero, status)
    if (status%failed()) error stop 'init refused'
    call set_wave()
    reference = (wave*(3 + wave)*omega - 2.0_dp*earth_omega)/((1 + wave)*(2 + wave))*seconds_per_day/degree
    first = phase_and_amplitude()
    last = first
    phase = 0.0_dp
    time = [(real(n*days, dp)/samples, n=0, samples)]
    do n = 1, samples
        do step = 1, nint(days*seconds_per_day/(samples*dt))
            call atmos_step(atmos, zero, zero, zero, status)
        end do
        if (status%failed()) error stop 'unstable'
        associate (now => phase_and_amplitude())
            phase(n) = phase(n - 1) + modulo(now(1) - last(1) + 45.0_dp, 90.0_dp) - 45.0_dp
            last = now
        end associate
    end do
    call report('rossby_haurwitz_4_deg_per_day', phase(samples)/days, reference, 0.005_dp*reference)
    call report('rossby_haurwitz_4_amplitude_ratio', last(2)/first(2), 1.0_dp, 1.0e-3_dp)
    call report_series('rossby_haurwitz_phase', time, phase, reference*time, 0.005_dp*reference*time)
    open (newunit=unit, file=path)
    close (unit, status='delete')
    call MPI_Finalize()
    call finish()

contains

    !> u = -dpsi/(a dlat), v = dpsi/(a cos(lat) dlon).
    subroutine set_wave()
        real(dp), dimension(nlon, nlat, 1) :: u, v, t
        real(dp) :: ps(nlon, nlat), c, s
        integer :: j

        do j = 1, nlat
            c = cos(atmos%lat(j)*degree)
            s = sin(atmos%lat(j)*degree)
            u(:, j, 1) = earth_radius*omega*(c + c**(wave - 1)*(wave*s**2 - c**2)*cos(wave*atmos%lon*degree))
            v(:, j, 1) = -earth_radius*omega*wave*c**(wave - 1)*s*sin(wave*atmos%lon*degree)
        end do
        t = 280.0_dp
        ps = 1.0e5_dp
        call atmos_set_fields(atmos, u, v, t, ps, status)
    end subroutine set_wave

    !> Longitude [degrees] of the wave in v near 45N, and its amplitude [m/s].
    function phase_and_amplitude() result(wave_4)
        real(dp) :: wave_4(2)
        real(dp), dimension(nlon, nlat, 1) :: u, v, t
        real(dp) :: ps(nlon, nlat), c, s
        integer :: j

        call atmos_fields(atmos, u, v, t, ps)
        j = minloc(abs(atmos%lat - 45.0_dp), dim=1)
        c = 2.0_dp*sum(v(:, j, 1)*cos(wave*atmos%lon*degree))/nlon
        s = 2.0_dp*sum(v(:, j, 1)*sin(wave*atmos%lon*degree))/nlon
        wave_4 = [atan2(s, c)/degree/wave, hypot(c, s)]
    end function phase_and_amplitude
end program test_atmos_rossby_haurwitz
