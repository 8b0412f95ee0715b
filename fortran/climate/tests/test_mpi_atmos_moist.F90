!> The moist atmosphere over a mountain under a day's sun: its state does not depend on the number of ranks, a restart
!! goes on with the same bytes, an increment of nothing changes none, and water and dry mass are kept.
program test_mpi_atmos_moist
    use kinds_mod, only: dp, i8
    use constants_mod, only: degree, gravity
    use status_mod, only: status_type, status_bad_input
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_add_increment, atmos_state_size, &
        atmos_pack, atmos_unpack, surface_air_type, surface_flux_type
    use aquaplanet_mod, only: aquaplanet_step
    use report_mod, only: report, report_that, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_Comm, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    integer, parameter :: trunc = 21, nlon = 64, nlat = 32, nlev = 5, steps = 36
    real(dp), parameter :: dt = 3600.0_dp
    character(len=40) :: path
    type(comm_type) :: world
    type(atmos_type) :: together, alone, again
    type(surface_air_type) :: air, air_alone
    type(surface_flux_type) :: flux, flux_alone
    type(status_type) :: status
    real(dp), allocatable :: a(:), b(:)
    integer :: unit

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    write (path, '(a,i0,a)') 'test_mpi_atmos_moist_', world%size, '.nml'
    if (world%is_root()) then
        open (newunit=unit, file=path)
        write (unit, '(a)') "&atmos_nml forcing = 'moist', diurnal_cycle = .true., perturbation = 2.0 /"
        close (unit)
    end if
    call world%barrier()
    call start(together, MPI_COMM_WORLD)
    call start(alone, MPI_COMM_SELF)
    call run(together, air, flux, steps)
    call run(alone, air_alone, flux_alone, steps)
    allocate(a(atmos_state_size(together)), b(atmos_state_size(alone)))
    call compare('moist_numbers_differing_on_ranks')
    call report('moist_rain_differing_on_ranks', &
        real(count(together%precipitation /= alone%precipitation(:, together%rows)) &
        + count(together%olr /= alone%olr(:, together%rows)), dp), 0.0_dp, 0.0_dp)
    call report_that('moist_rains', maxval(alone%precipitation) > 1.0e-5_dp)
    call nothing()
    call restart()
    call budgets()
    call refusals()
    call world%barrier()
    if (world%is_root()) then
        open (newunit=unit, file=path)
        close (unit, status='delete')
    end if
    call MPI_Finalize()
    call finish()

contains

    subroutine start(atmos, comm)
        type(atmos_type), intent(out) :: atmos
        type(MPI_Comm), intent(in) :: comm
        type(comm_type) :: place
        real(dp) :: mountain(nlon, nlat)
        integer :: j

        do j = 1, nlat
            mountain(:, j) = 3000.0_dp*exp(-((j - 20.0_dp)/4.0_dp)**2)
        end do
        mountain(nlon/2:, :) = 0.0_dp
        call place%init(comm%mpi_val)
        call atmos_init(atmos, place, path, trunc, nlon, nlat, nlev, dt, mountain, status)
        if (status%failed()) error stop 'init refused'
    end subroutine start

    subroutine run(atmos, air, flux, n)
        type(atmos_type), intent(inout) :: atmos
        type(surface_air_type), intent(inout) :: air
        type(surface_flux_type), intent(inout) :: flux
        integer, intent(in) :: n
        integer :: i
        do i = 1, n
            call aquaplanet_step(atmos, air, flux, status)
            if (status%failed()) error stop 'unstable'
        end do
    end subroutine run

    subroutine compare(name)
        character(len=*), intent(in) :: name
        call atmos_pack(together, a)
        call atmos_pack(alone, b)
        call report(name, real(different(a, b), dp), 0.0_dp, 0.0_dp)
    end subroutine compare

    subroutine nothing()
        real(dp), allocatable :: zero(:, :, :)
        allocate(zero(nlon, nlat, nlev), source=0.0_dp)
        call atmos_pack(alone, a(:size(b)))
        call atmos_add_increment(alone, zero, zero, zero, zero(:, :, 1), status, zero)
        call atmos_pack(alone, b)
        call report('moist_zero_increment_bits_differing', real(different(a, b), dp), 0.0_dp, 0.0_dp)
    end subroutine nothing

    !> The joint state in a fresh object on one rank; both go on.
    subroutine restart()
        call atmos_pack(together, a)
        call world%bcast(a)
        call start(again, MPI_COMM_SELF)
        call atmos_unpack(again, a, status)
        call run(together, air, flux, steps/2)
        call run(alone, air_alone, flux_alone, steps/2)
        call run(again, air_alone, flux_alone, steps/2)
        call compare('moist_numbers_differing_later')
        call atmos_pack(again, a)
        call report('moist_numbers_differing_after_restart', real(different(a, b), dp), 0.0_dp, 0.0_dp)
    end subroutine restart

    !> Every step: total water after = before + dt (E - P); the dry mass over all steps.
    subroutine budgets()
        real(dp) :: worst, mass, before, after, correction
        integer :: i

        worst = 0.0_dp
        correction = 0.0_dp
        call totals(mass, before)
        associate (mass_before => mass + 0.0_dp)
            do i = 1, 24
                call run(alone, air_alone, flux_alone, 1)
                call totals(mass, after)
                worst = max(worst, abs((after - before)/dt - mean(flux_alone%evaporation - alone%precipitation)) &
                    /mean(flux_alone%evaporation))
                correction = max(correction, abs(alone%water_correction))
                before = after
            end do
            call report('moist_water_budget_relative', worst, 0.0_dp, 1.0e-10_dp)
            call report('moist_water_corrected_per_step', correction, 0.0_dp, 1.0e-4_dp)
            call report('moist_dry_mass_drift', mass/mass_before - 1.0_dp, 0.0_dp, 1.0e-13_dp)
        end associate
    end subroutine budgets

    !> Global means of ps/g and of the water [kg/m2].
    subroutine totals(mass, water)
        real(dp), intent(out) :: mass, water
        real(dp), allocatable, dimension(:, :, :) :: u, v, t, q
        real(dp) :: ps(nlon, nlat)

        allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev), q(nlon, nlat, nlev))
        call atmos_fields(alone, u, v, t, ps, q)
        mass = mean(ps)/gravity
        water = mean(ps*sum(q, 3)/nlev)/gravity
    end subroutine totals

    real(dp) function mean(field)
        real(dp), intent(in) :: field(:, :)
        mean = dot_product(0.5_dp*(sin(alone%lat_bounds(2:)*degree) - sin(alone%lat_bounds(:nlat)*degree)), &
            sum(field, 1)/nlon)
    end function mean

    !> A caller that knows no evaporation is turned away.
    subroutine refusals()
        real(dp) :: zero(nlon, nlat)
        type(status_type) :: answer
        zero = 0.0_dp
        call atmos_step(alone, zero, zero, zero, answer)
        call report('moist_step_without_evaporation_refused', real(answer%code, dp), real(status_bad_input, dp), 0.0_dp)
    end subroutine refusals

    !> Only rank 0 holds the joint state.
    integer function different(x, y)
        real(dp), intent(in) :: x(:), y(:)
        integer :: i
        different = 0
        if (.not. world%is_root()) return
        do i = 1, size(x)
            if (transfer(x(i), 1_i8) /= transfer(y(i), 1_i8)) different = different + 1
        end do
    end function different
end program test_mpi_atmos_moist
