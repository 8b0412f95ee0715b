!> The Held-Suarez (1994) benchmark at T31 with 8 levels: jets, eddy temperature variance, and the growth of a small
!! error.
!!
!! 200 days of spin-up, then 300 days sampled daily. Arguments `trunc nlon nlat nlev dt spin_up sampled` take another
!! resolution, for which the climate alone is told: the gates are those of T31L8.
!!
!! The jet of a hemisphere is the largest time and zonal mean wind,
!! its latitude from a parabola through the three rows about it. Eddy variance is the deviation from the zonal mean,
!! squared and averaged along the circle and in time; its largest value is reported. Then a twin differing by 1e-4 K of
!! noise: the doubling time is log(2)/rate of the globe's r.m.s. temperature difference while that lies between 0.003
!! and 0.3 K (after the noise has turned to the fastest growing shape and before it saturates).
!!
!! The paper says of its jets roughly 30 m/s near 45 degrees. Its figure has about 40 K2 of eddy variance at T63 with 20
!! levels; the reference here is this model's own at T31L8, as that of the doubling time (docs/verification.md).
program test_atmos_held_suarez_long
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_state_size, atmos_pack, atmos_unpack, &
        atmos_add_increment
    use atmos_noise_mod, only: uniform_noise
    use report_mod, only: report, report_field, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer :: trunc = 31, nlon = 96, nlat = 48, nlev = 8, spin_up = 200, sampled = 300
    real(dp) :: dt = 3600.0_dp
    type(atmos_type) :: atmos, twin
    type(status_type) :: status
    type(comm_type) :: comm
    real(dp) :: begin, end
    real(dp), allocatable, dimension(:, :) :: zero, ps, mean_u, variance
    real(dp), allocatable, dimension(:, :, :) :: u, v, t, t_twin

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    call read_arguments()
    allocate(zero(nlon, nlat), source=0.0_dp)
    allocate(ps(nlon, nlat), mean_u(nlat, nlev), variance(nlat, nlev))
    allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev), t_twin(nlon, nlat, nlev))
    call atmos_init(atmos, comm, '', trunc, nlon, nlat, nlev, dt, zero, status)
    if (status%failed()) error stop 'init refused'
    call cpu_time(begin)
    call run(atmos, spin_up)
    call climate()
    call cpu_time(end)
    write (*, '(2(a,i0),a,f8.3)') '# CPU seconds per model day, T', trunc, 'L', nlev, ': ', &
        (end - begin)/(spin_up + sampled)
    call jet('south', 1, nlat/2)
    call jet('north', nlat/2 + 1, nlat)
    call report_field('held_suarez_u', atmos%lat, atmos%sigma, mean_u)
    call report_field('held_suarez_variance', atmos%lat, atmos%sigma, variance)
    call told('eddy_temperature_variance_K2', maxval(variance), 29.0_dp, 10.0_dp)
    if (command_argument_count() == 0) call report('error_doubling_days', doubling_time(), 5.0_dp, 2.5_dp)
    call MPI_Finalize()
    call finish()

contains

    subroutine read_arguments()
        character(len=20) :: word(7)
        integer :: k
        if (command_argument_count() == 0) return
        do k = 1, size(word)
            call get_command_argument(k, word(k))
        end do
        read (word, *) trunc, nlon, nlat, nlev, dt, spin_up, sampled
    end subroutine read_arguments

    !> A row, or where the resolution is another a remark.
    subroutine told(test, ours, reference, gate)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: ours, reference, gate
        if (command_argument_count() == 0) then
            call report(test, ours, reference, gate)
        else
            write (*, '(3a,f8.3)') '# ', test, ': ', ours
        end if
    end subroutine told

    subroutine run(model, days)
        type(atmos_type), intent(inout) :: model
        integer, intent(in) :: days
        integer :: i
        do i = 1, nint(days*86400.0_dp/dt)
            call atmos_step(model, zero, zero, zero, status)
        end do
        if (status%failed()) error stop 'unstable'
    end subroutine run

    subroutine climate()
        real(dp) :: zonal(nlat, nlev)
        integer :: day

        mean_u = 0.0_dp
        variance = 0.0_dp
        do day = 1, sampled
            call run(atmos, 1)
            call atmos_fields(atmos, u, v, t, ps)
            mean_u = mean_u + sum(u, 1)/real(nlon*sampled, dp)
            zonal = sum(t, 1)/real(nlon, dp)
            variance = variance + sum((t - spread(zonal, 1, nlon))**2, 1)/real(nlon*sampled, dp)
        end do
    end subroutine climate

    subroutine jet(name, first, last)
        character(len=*), intent(in) :: name
        integer, intent(in) :: first, last  !< rows of the hemisphere
        integer :: peak(2), j
        real(dp) :: a, b, c, shift

        peak = maxloc(mean_u(first:last, :))
        j = first - 1 + peak(1)
        a = mean_u(j - 1, peak(2))
        b = mean_u(j, peak(2))
        c = mean_u(j + 1, peak(2))
        shift = 0.5_dp*(a - c)/(a - 2.0_dp*b + c)
        call told('jet_speed_'//name, b, 30.5_dp, 5.5_dp)
        call told('jet_latitude_'//name, abs(atmos%lat(j) + shift*(atmos%lat(j + 1) - atmos%lat(j))), 46.5_dp, 6.5_dp)
    end subroutine jet

    !> Mean over three starts, 40 days apart.
    real(dp) function doubling_time()
        real(dp), parameter :: low = 0.003_dp, high = 0.3_dp
        integer, parameter :: starts = 3, longest = 120
        real(dp), allocatable :: state(:), noise(:, :, :)
        real(dp) :: weight(nlat), error, first_error, rate
        integer :: i, j, k, day, first_day, start

        allocate(noise(nlon, nlat, nlev))
        do k = 1, nlev
            do j = 1, nlat
                do i = 1, nlon
                    noise(i, j, k) = 1.0e-4_dp*uniform_noise(5, [i, j, k])
                end do
            end do
        end do
        weight = 0.5_dp*(sin(atmos%lat_bounds(2:)*degree) - sin(atmos%lat_bounds(:nlat)*degree))
        allocate(state(atmos_state_size(atmos)))
        call atmos_init(twin, comm, '', trunc, nlon, nlat, nlev, dt, zero, status)
        rate = 0.0_dp
        do start = 1, starts
            call atmos_pack(atmos, state)
            call atmos_unpack(twin, state, status)
            call atmos_add_increment(twin, 0.0_dp*noise, 0.0_dp*noise, noise, zero, status)
            first_day = 0
            do day = 1, longest
                call run(atmos, 1)
                call run(twin, 1)
                call atmos_fields(atmos, u, v, t, ps)
                call atmos_fields(twin, u, v, t_twin, ps)
                error = sqrt(dot_product(weight, sum(sum((t - t_twin)**2, 3), 1))/real(nlon*nlev, dp))
                if (first_day == 0 .and. error > low) then
                    first_day = day
                    first_error = error
                end if
                if (error > high) exit
            end do
            if (error <= high) error stop 'the error did not grow'
            rate = rate + log(error/first_error)/real(day - first_day, dp)/starts
            write (*, '(a,i0,a,i0,a,f6.2)') '# twin ', start, ': reached 0.3 K on day ', day, ', doubling days ', &
                log(2.0_dp)*real(day - first_day, dp)/log(error/first_error)
        end do
        doubling_time = log(2.0_dp)/rate
    end function doubling_time
end program test_atmos_held_suarez_long
