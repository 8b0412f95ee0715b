!> Bad input and bad states each end in a status that names what is wrong, where and when; and several oceans in one
!! process do not disturb each other.
program test_ocean_refusals
    use, intrinsic :: ieee_arithmetic, only: ieee_value, ieee_quiet_nan
    use kinds_mod, only: dp
    use constants_mod, only: degree, seconds_per_day
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input, status_unstable
    use ocean_mod, only: ocean_type, ocean_init, ocean_step, ocean_pack, ocean_unpack, ocean_state_size
    use ocean_cases_mod, only: new_ocean, continents
    use report_mod, only: report, report_bytes, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 36, nlat = 30, nlev = 6
    ! Static, for gfortran 12 with -march=sapphirerapids keeps what internal procedures share in a frame on the stack
    ! that is not as aligned as its stores of 32 bytes assume.
    type(comm_type), save :: comm
    integer, save :: mask(nlon, nlat), j
    real(dp), dimension(nlon, nlat), save :: depth, zero, stress, heat

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call continents(nlon, nlat, mask, depth)
    zero = 0.0_dp
    do j = 1, nlat
        stress(:, j) = -0.1_dp*cos(3.0_dp*(-78.0_dp + (j - 0.5_dp)*156.0_dp/nlat)*degree)
        heat(:, j) = 100.0_dp*cos(2.0_dp*(-78.0_dp + (j - 0.5_dp)*156.0_dp/nlat)*degree)
    end do
    call namelists()
    call shapes()
    call restart()
    call not_a_number()
    call too_long_a_step()
    call instances()
    call MPI_Finalize()
    call finish()

contains

    !> 1 if the status has this code and names all of these words.
    subroutine expect(test, status, code, words)
        character(len=*), intent(in) :: test, words(:)
        type(status_type), intent(in) :: status
        integer, intent(in) :: code
        integer :: n
        logical :: holds
        holds = status%code == code
        do n = 1, size(words)
            holds = holds .and. index(status%message, trim(words(n))) > 0
        end do
        if (.not. holds) print '(3a)', test, ': ', trim(status%message)
        call report(test, merge(1.0_dp, 0.0_dp, holds), 1.0_dp, 0.0_dp)
    end subroutine expect

    subroutine namelists()
        call refused('unknown_key_is_refused', 'viscositee = 3.0', [character(len=20) :: 'viscositee', '&ocean_nml'])
        call refused('value_out_of_range_is_refused', 'checkerboard_filter = 2.0', &
            [character(len=20) :: 'checkerboard_filter', '[0, 1]'])
        call refused('text_for_a_number_is_refused', "viscosity = 'much'", ['&ocean_nml'])
        call refused('unknown_geometry_is_refused', "geometry = 'torus'", [character(len=20) :: 'geometry', 'sphere'])
    end subroutine namelists

    subroutine refused(test, line, words)
        character(len=*), intent(in) :: test, line, words(:)
        type(ocean_type) :: o
        type(status_type) :: status
        integer :: unit
        open (newunit=unit, file='test_ocean_refusals.nml', action='write', status='replace')
        write (unit, '(3a)') '&ocean_nml ', line, ' /'
        close (unit)
        call ocean_init(o, comm, 'test_ocean_refusals.nml', nlon, nlat, nlev, 3600.0_dp, mask, depth, status)
        call expect(test, status, status_bad_input, [character(len=20) :: 'test_ocean_refusals', words])
    end subroutine refused

    subroutine shapes()
        type(ocean_type) :: o
        type(status_type) :: status
        call ocean_init(o, comm, '', nlon, nlat, nlev, 3600.0_dp, mask(:, 2:), depth, status)
        call expect('wrong_mask_shape_is_refused', status, status_bad_input, [character(len=8) :: 'mask', '36 x 29', &
            '36 x 30'])
        call status%clear()
        call ocean_init(o, comm, '', nlon, nlat, nlev, 3600.0_dp, 0*mask, depth, status)
        call expect('a_world_without_sea_is_refused', status, status_bad_input, ['no sea'])
        call status%clear()
        call new_ocean(o, comm, 'test_ocean_refusals', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        call ocean_step(o, stress, zero, heat(:, 2:), zero, 3600.0_dp, status)
        call expect('wrong_forcing_shape_is_refused', status, status_bad_input, [character(len=8) :: 'heat', '36 x 29'])
        call status%clear()
        call ocean_step(o, stress, zero, heat, zero, 5000.0_dp, status)
        call expect('half_a_step_is_refused', status, status_bad_input, ['5000.0', '3600.0'])
    end subroutine shapes

    subroutine restart()
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp), allocatable :: before(:), after(:)
        call new_ocean(o, comm, 'test_ocean_refusals', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        allocate (before(ocean_state_size(o)), after(ocean_state_size(o)))
        call ocean_pack(o, before)
        call ocean_unpack(o, before(2:), status)
        call expect('restart_of_another_size_is_refused', status, status_bad_input, ['another grid'])
        call ocean_pack(o, after)
        call report_bytes('refused_restart_changes_bytes', before, after)
    end subroutine restart

    !> In the state and in the forcing; forcing on land is nobody's business.
    subroutine not_a_number()
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp) :: bad(nlon, nlat)
        call new_ocean(o, comm, 'test_ocean_refusals', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        o%t(20, 10, 2) = ieee_value(1.0_dp, ieee_quiet_nan)
        call ocean_step(o, zero, zero, zero, zero, 3600.0_dp, status)
        call expect('not_a_number_is_found', status, status_unstable, [character(len=12) :: 'NaN', 'lat', 'lon', &
            'level', ' m)', 'day'])
        call status%clear()
        call new_ocean(o, comm, 'test_ocean_refusals', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        bad = heat
        bad(20, 10) = ieee_value(1.0_dp, ieee_quiet_nan)
        call ocean_step(o, stress, zero, bad, zero, 3600.0_dp, status)
        call expect('forcing_not_a_number_is_found', status, status_bad_input, [character(len=12) :: 'heat', &
            'lat   -28.60', 'lon   195.00', 'day'])
        call status%clear()
        bad(20, 10) = heat(20, 10)
        bad(1, 1) = ieee_value(1.0_dp, ieee_quiet_nan)
        call ocean_step(o, stress, zero, bad, zero, 3600.0_dp, status)
        call report('not_a_number_on_land_is_ignored', real(status%code, dp), 0.0_dp, 0.0_dp)
    end subroutine not_a_number

    !> One substep of an hour for surface waves of 200 m/s is far beyond stability: found, with its place, before the
    !! numbers overflow everywhere.
    subroutine too_long_a_step()
        type(ocean_type) :: o
        type(status_type) :: status
        call new_ocean(o, comm, 'test_ocean_refusals', 'barotropic_substeps = 1', nlon, nlat, nlev, 3600.0_dp, mask, &
            depth)
        call ocean_step(o, stress, zero, heat, zero, 5*seconds_per_day, status)
        call expect('too_long_a_step_is_found', status, status_unstable, [character(len=12) :: 'lat', 'lon', 'level', &
            'day', 'shorter'])
    end subroutine too_long_a_step

    !> Two oceans of different size and settings, step by step in turn, against each of them alone.
    subroutine instances()
        type(ocean_type) :: a, b
        real(dp), allocatable :: alone_a(:), alone_b(:), turn_a(:), turn_b(:)
        integer :: n
        do n = 1, 2
            call new_ocean(a, comm, 'test_ocean_refusals', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
            call new_ocean(b, comm, 'test_ocean_refusals', 'viscosity = 1e5, virtual_salt_flux = f, ab_epsilon = 0.2', &
                nlon, nlat, nlev + 2, 1800.0_dp, mask, depth)
            if (n == 1) then
                call advance(a, 12)
                call advance(b, 12)
            else
                call advance(a, 5)
                call advance(b, 7)
                call advance(a, 7)
                call advance(b, 5)
            end if
            allocate (turn_a(ocean_state_size(a)), turn_b(ocean_state_size(b)))
            call ocean_pack(a, turn_a)
            call ocean_pack(b, turn_b)
            if (n == 1) call move_alloc(turn_a, alone_a)
            if (n == 1) call move_alloc(turn_b, alone_b)
        end do
        call report_bytes('first_of_two_oceans_bytes', turn_a, alone_a)
        call report_bytes('second_of_two_oceans_bytes', turn_b, alone_b)
    end subroutine instances

    subroutine advance(o, hours)
        type(ocean_type), intent(inout) :: o
        integer, intent(in) :: hours
        type(status_type) :: status
        integer :: n
        do n = 1, hours
            call ocean_step(o, stress, zero, heat, 1.0e-7_dp*heat, 3600.0_dp, status)
        end do
        call report('instance_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    end subroutine advance
end program test_ocean_refusals
