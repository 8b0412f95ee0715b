!> Restart, increments, dry mass and the refusal of bad input.
program test_atmos_restart
    use kinds_mod, only: dp, i8
    use constants_mod, only: degree
    use status_mod, only: status_type, status_bad_input, status_unstable
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_surface, atmos_state_size, atmos_pack, &
        atmos_unpack, atmos_add_increment, atmos_add_surface_increment
    use report_mod, only: report, report_that, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer, parameter :: trunc = 21, nlon = 64, nlat = 32, nlev = 5
    character(len=*), parameter :: path = 'test_atmos_restart.nml'
    type(comm_type) :: comm
    real(dp) :: zero(nlon, nlat)
    integer :: unit

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    zero = 0.0_dp
    call restart()
    call increments()
    call mass()
    call refusals()
    open (newunit=unit, file=path)
    close (unit, status='delete')
    call MPI_Finalize()
    call finish()

contains

    subroutine start(atmos, keys, dt, status)
        type(atmos_type), intent(out) :: atmos
        character(len=*), intent(in) :: keys
        real(dp), intent(in) :: dt
        type(status_type), intent(out) :: status
        open (newunit=unit, file=path)
        write (unit, '(a)') keys
        close (unit)
        call atmos_init(atmos, comm, path, trunc, nlon, nlat, nlev, dt, zero, status)
    end subroutine start

    !> Stresses and heating that vary in space, so that every input counts.
    subroutine run(atmos, steps, status)
        type(atmos_type), intent(inout) :: atmos
        integer, intent(in) :: steps
        type(status_type), intent(inout) :: status
        real(dp) :: wave(nlon, nlat)
        integer :: i
        wave = spread(cos(atmos%lon*degree), 2, nlat)*spread(cos(atmos%lat*degree), 1, nlon)
        do i = 1, steps
            call atmos_step(atmos, -0.1_dp*wave, 0.05_dp*wave, 100.0_dp*wave, status)
            if (status%failed()) return
        end do
    end subroutine run

    !> 2N steps against N steps, pack, unpack into a fresh object, N steps.
    subroutine restart()
        type(atmos_type) :: straight, resumed
        type(status_type) :: status
        real(dp), allocatable :: half(:), one(:), two(:)

        call start(straight, '&atmos_nml seasonal_amplitude = 10.0 /', 3600.0_dp, status)
        allocate(half(atmos_state_size(straight)), one(atmos_state_size(straight)), two(atmos_state_size(straight)))
        straight%seconds = 1000000_i8
        call run(straight, 24, status)
        call atmos_pack(straight, half)
        call run(straight, 24, status)
        call atmos_pack(straight, one)
        call start(resumed, '&atmos_nml seasonal_amplitude = 10.0, perturbation_seed = 7 /', 3600.0_dp, status)
        call atmos_unpack(resumed, half, status)
        call run(resumed, 24, status)
        call atmos_pack(resumed, two)
        call report('restart_bits_differing', real(different(one, two), dp), 0.0_dp, 0.0_dp)
        call report_that('restart_state_moved', different(half, one) > size(one)/2)
        call atmos_unpack(resumed, half(2:), status)
        call report('restart_wrong_size_refused', real(status%code, dp), real(status_bad_input, dp), 0.0_dp)
    end subroutine restart

    !> A zero increment changes no bit; a smooth increment of the lowest level comes back from the state.
    subroutine increments()
        type(atmos_type) :: atmos
        type(status_type) :: status
        real(dp), dimension(nlon, nlat) :: ps, ta, ua, va, ps2, ta2, ua2, va2, wave
        real(dp), allocatable :: flat(:, :, :), before(:), after(:)

        call start(atmos, '', 3600.0_dp, status)
        call run(atmos, 24, status)
        allocate(before(atmos_state_size(atmos)), after(atmos_state_size(atmos)))
        call atmos_pack(atmos, before)
        allocate(flat(nlon, nlat, nlev), source=0.0_dp)
        call atmos_add_increment(atmos, flat, flat, flat, zero, status)
        call atmos_add_surface_increment(atmos, zero, zero, zero, zero, status)
        call atmos_pack(atmos, after)
        call report('zero_increment_bits_differing', real(different(before, after), dp), 0.0_dp, 0.0_dp)

        call atmos_surface(atmos, ps, ta, ua, va)
        ! A solid-body turn about an axis in the equatorial plane, and a wave one, are both exact in the truncated
        ! space.
        wave = spread(cos(atmos%lon*degree), 2, nlat)*spread(cos(atmos%lat*degree), 1, nlon)
        call atmos_add_surface_increment(atmos, 200.0_dp*wave, 2.0_dp*wave, &
            3.0_dp*spread(cos(atmos%lon*degree), 2, nlat)*spread(sin(atmos%lat*degree), 1, nlon), &
            -3.0_dp*spread(sin(atmos%lon*degree), 2, nlat), status)
        call atmos_surface(atmos, ps2, ta2, ua2, va2)
        call report('increment_returned_ta', maxval(abs(ta2 - ta - 2.0_dp*wave)), 0.0_dp, 1.0e-11_dp)
        call report('increment_returned_va', maxval(abs(va2 - va + 3.0_dp*spread(sin(atmos%lon*degree), 2, nlat))), &
            0.0_dp, 1.0e-11_dp)
        call report('increment_returned_ps', maxval(abs(ps2 - ps - 200.0_dp*wave)), 0.0_dp, 1.0_dp)
        call atmos_add_surface_increment(atmos, -2.0e5_dp + zero, zero, zero, zero, status)
        call report('increment_without_air_refused', real(status%code, dp), real(status_bad_input, dp), 0.0_dp)
    end subroutine increments

    !> Mean ps by the cell areas after 20 days, relative to the start.
    subroutine mass()
        type(atmos_type) :: atmos
        type(status_type) :: status
        real(dp) :: first

        call start(atmos, '&atmos_nml perturbation = 2.0 /', 3600.0_dp, status)
        first = mean_ps(atmos)
        call run(atmos, 480, status)
        call report('dry_mass_drift_20_days', mean_ps(atmos)/first - 1.0_dp, 0.0_dp, 1.0e-12_dp)
    end subroutine mass

    real(dp) function mean_ps(atmos)
        type(atmos_type), intent(inout) :: atmos
        real(dp), dimension(nlon, nlat) :: ps, ta, ua, va
        integer :: j
        call atmos_surface(atmos, ps, ta, ua, va)
        mean_ps = 0.0_dp
        do j = 1, nlat
            mean_ps = mean_ps + 0.5_dp*(sin(atmos%lat_bounds(j + 1)*degree) - sin(atmos%lat_bounds(j)*degree)) &
                *sum(ps(:, j))/nlon
        end do
    end function mean_ps

    subroutine refusals()
        type(atmos_type) :: atmos
        type(status_type) :: status

        call start(atmos, '&ocean_nml /', 3600.0_dp, status)
        call report('missing_group_is_default', real(status%code, dp), 0.0_dp, 0.0_dp)
        call start(atmos, '&atmos_nml k_alpha = 1.0 /', 3600.0_dp, status)
        call report('unknown_key_refused', real(status%code, dp), real(status_bad_input, dp), 0.0_dp)
        call report_that('unknown_key_named', index(status%message, 'k_alpha') > 0)
        call start(atmos, "&atmos_nml forcing = 'wet' /", 3600.0_dp, status)
        call report('unknown_forcing_refused', real(status%code, dp), real(status_bad_input, dp), 0.0_dp)
        call start(atmos, '&atmos_nml diffusion_hours = 3.0', 3600.0_dp, status)
        call report('open_group_refused', real(status%code, dp), real(status_bad_input, dp), 0.0_dp)
        call start(atmos, '&atmos_nml perturbation = 40.0 /', 36000.0_dp, status)
        call run(atmos, 200, status)
        call report('instability_found', real(status%code, dp), real(status_unstable, dp), 0.0_dp)
        write (*, '(a)') '# '//trim(status%message)
    end subroutine refusals

    !> How many numbers differ in any bit.
    pure integer function different(a, b)
        real(dp), intent(in) :: a(:), b(:)
        integer :: i
        different = 0
        do i = 1, size(a)
            if (transfer(a(i), 1_i8) /= transfer(b(i), 1_i8)) different = different + 1
        end do
    end function different
end program test_atmos_restart
