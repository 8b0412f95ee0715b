!> Spherical harmonic transform: spectral -> grid -> spectral, and vorticity, divergence -> winds -> back, to round-off.
program test_atmos_transform
    use kinds_mod, only: dp
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_transform_mod, only: transform_type
    use atmos_operators_mod, only: winds_from_vorticity, curl_and_divergence
    use atmos_noise_mod, only: uniform_noise
    use report_mod, only: report, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    call MPI_Init()
    call check_grid(21, 64, 32)
    call check_grid(31, 96, 48)
    call check_grid(47, 144, 96)
    call check_grid(10, 70, 22)   ! a length with the factors 5 and 7, a row count that is no multiple of four
    call check_harmonic()
    call MPI_Finalize()
    call finish()

contains

    subroutine check_grid(trunc, nlon, nlat)
        integer, intent(in) :: trunc, nlon, nlat
        type(transform_type) :: tr
        real(dp), allocatable :: x(:, :, :), y(:, :, :), grid(:, :, :)
        real(dp) :: cos_lat
        integer :: pair
        character(len=20) :: name

        tr = transform_of(trunc, nlon, nlat)
        write (name, '(a,i0)') '_T', trunc
        allocate(x(3, 2, tr%layout%ns), y(3, 2, tr%layout%ns), grid(nlon, 3, 2))
        call fill(tr, x)
        call tr%synthesize(3, x)
        do pair = 1, nlat/2
            call tr%pair_to_grid(3, pair, grid)
            call tr%pair_from_grid(3, pair, grid)
        end do
        call tr%analyze(3, y)
        where (spread(spread(tr%layout%n, 1, 2), 1, 3) > trunc) y = 0.0_dp
        call report('round_trip_scalar'//name, maxval(abs(x - y)), 0.0_dp, 1.0e-13_dp)

        x = x*1.0e-5_dp
        call winds_from_vorticity(tr%layout, x(1:1, :, :), x(2:2, :, :), y(1:1, :, :), y(2:2, :, :))
        call tr%synthesize(2, y(1:2, :, :))
        do pair = 1, nlat/2
            call tr%pair_to_grid(2, pair, grid(:, 1:2, :))
            cos_lat = sqrt(1.0_dp - tr%mu(pair)**2)
            grid(:, 1:2, :) = grid(:, 1:2, :)/cos_lat**2
            call tr%pair_from_grid(2, pair, grid(:, 1:2, :))
        end do
        call analyze_two(tr, y)
        call report('round_trip_vor_div'//name, maxval(abs(x(1:2, :, :) - y(1:2, :, :)))/1.0e-5_dp, 0.0_dp, 1.0e-13_dp)
    end subroutine check_grid

    subroutine analyze_two(tr, y)
        type(transform_type), intent(inout) :: tr
        real(dp), intent(inout) :: y(:, :, :)
        real(dp) :: c(2, 2, size(y, 3))
        call tr%analyze(2, c)
        call curl_and_divergence(tr%layout, c(1:1, :, :), c(2:2, :, :), y(1:1, :, :), y(2:2, :, :))
    end subroutine analyze_two

    !> The harmonic (2, 1): with unit real coefficient the field is 2 sqrt(15/2) mu cos(lat) cos(lon).
    subroutine check_harmonic()
        type(transform_type) :: tr
        real(dp), allocatable :: x(:, :, :)
        real(dp) :: grid(32, 1, 2), error, mu, lon
        integer :: pair, i, s

        tr = transform_of(10, 32, 16)
        allocate(x(1, 2, tr%layout%ns), source=0.0_dp)
        do s = 1, tr%layout%ns
            if (tr%layout%n(s) == 2 .and. tr%layout%m(s) == 1) x(1, 1, s) = 1.0_dp
        end do
        call tr%synthesize(1, x)
        error = 0.0_dp
        do pair = 1, 8
            call tr%pair_to_grid(1, pair, grid)
            mu = tr%mu(pair)
            do i = 1, 32
                lon = 2.0_dp*acos(-1.0_dp)*real(i - 1, dp)/32.0_dp
                error = max(error, abs(grid(i, 1, 1) - 2.0_dp*sqrt(7.5_dp)*mu*sqrt(1.0_dp - mu**2)*cos(lon)))
            end do
        end do
        call report('harmonic_2_1_closed_form', error, 0.0_dp, 1.0e-13_dp)
    end subroutine check_harmonic

    function transform_of(trunc, nlon, nlat) result(tr)
        integer, intent(in) :: trunc, nlon, nlat
        type(transform_type) :: tr
        type(status_type) :: status
        type(comm_type) :: comm
        call comm%init(MPI_COMM_WORLD%mpi_val)
        call tr%init(comm, trunc, nlon, nlat, status)
        if (status%failed()) error stop 'transform refused'
    end function transform_of

    !> Noise in every coefficient of a real field without global mean.
    subroutine fill(tr, x)
        type(transform_type), intent(in) :: tr
        real(dp), intent(out) :: x(:, :, :)
        integer :: s, part, c

        x = 0.0_dp
        do s = 1, tr%layout%ns
            if (tr%layout%n(s) > tr%layout%trunc .or. tr%layout%n(s) == 0) cycle
            do part = 1, merge(1, 2, tr%layout%m(s) == 0)
                do c = 1, size(x, 1)
                    x(c, part, s) = uniform_noise(1, [tr%layout%m(s), tr%layout%n(s), part, c])
                end do
            end do
        end do
    end subroutine fill
end program test_atmos_transform
