!> Incremental update in the coupled model: increments wait for their steps, add up to what one addition would be, go
!! through a restart in the middle of their window bit for bit, and are the same on any number of ranks. A smoother
!! start than by one addition is measured. Continents are analytic.
program test_mpi_da_update
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step
    use climate_restart_mod, only: climate_write_restart, climate_read_restart
    use climate_state_mod, only: climate_get_atmos, climate_get_ocean
    use climate_analysis_mod, only: climate_get_analysed_atmos, climate_get_analysed_ocean
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics
    use da_update_mod, only: atmos_rows, ocean_rows, add_to_atmos, add_to_ocean
    use da_pending_mod, only: pending_type
    use coupled_cases_mod, only: nlon, nlat, continents, write_grid, write_namelist, remove_files, advance, state_of, &
        differing, value_of
    use report_mod, only: report, report_that, expect_well, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    real(dp), parameter :: hours = 12.0_dp        ! the window: 6 coupling intervals, 12 atmosphere steps
    type(comm_type) :: world, self_comm
    character(len=40) :: prefix

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call self_comm%init(MPI_COMM_SELF%mpi_val)
    write (prefix, '(a, i0, a)') 'test_mpi_da_update_', world%size, '_'
    if (world%is_root()) call write_inputs()
    call world%barrier()
    call test_parts()
    call test_ranks_and_restart()
    call test_nothing_pending()
    call test_shock()
    call test_refusals()
    call world%barrier()
    if (world%is_root()) call remove_files(prefix, [character(len=12) :: 'grid.nc', 'model.nml', 'half.nc'])
    call MPI_Finalize()
    call finish()

contains

    subroutine write_inputs()
        call write_grid(trim(prefix)//'grid.nc', continents())
        call write_namelist(trim(prefix)//'model.nml', trim(prefix)//'grid.nc', '', '', '')
    end subroutine write_inputs

    !> A model that has run for some time.
    subroutine start(self, comm, intervals)
        type(climate_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        integer, intent(in) :: intervals
        type(status_type) :: status
        call climate_init(self, comm, trim(prefix)//'model.nml', status)
        call expect_well(status)
        call advance(self, intervals)
    end subroutine start

    !> Smooth increments: 300 Pa, 1 K, 2 m/s in the air, 0.5 K, 0.05 g/kg, 0.02 m/s in the sea.
    subroutine increments(self, air, sea)
        type(climate_type), intent(in) :: self
        real(dp), allocatable, intent(out) :: air(:, :), sea(:, :)
        integer :: i, j, k, n, cell
        associate (a => self%atmos, o => self%ocean)
            allocate (air(a%nlon*size(a%rows), atmos_rows(a)))
            do cell = 1, size(air, 1)
                i = modulo(cell - 1, a%nlon) + 1
                j = a%rows((cell - 1)/a%nlon + 1)
                air(cell, :) = cos(3.0_dp*a%lon(i)*degree)*cos(a%lat(j)*degree)**2
            end do
            n = a%nlev
            air(:, 1) = 300.0_dp*air(:, 1)
            air(:, n + 2:) = 2.0_dp*air(:, n + 2:)
            n = o%i_last - o%i_first + 1
            allocate (sea(n*(o%j_last - o%j_first + 1), ocean_rows(o)))
            do cell = 1, size(sea, 1)
                i = o%i_first + modulo(cell - 1, n)
                j = o%j_first + (cell - 1)/n
                sea(cell, :) = 0.5_dp*sin(2.0_dp*o%lon(i)*degree)*cos(o%lat(j)*degree)**2
            end do
            do k = 1, o%nlev
                sea(:, o%nlev + k) = 0.1_dp*sea(:, o%nlev + k)
                sea(:, 2*o%nlev + k) = 0.04_dp*sea(:, 2*o%nlev + k)
                sea(:, 3*o%nlev + k) = -0.04_dp*sea(:, 3*o%nlev + k)
            end do
        end associate
    end subroutine increments

    subroutine let_wait(self)
        type(climate_type), intent(inout) :: self
        type(status_type) :: status
        real(dp), allocatable :: air(:, :), sea(:, :)
        call increments(self, air, sea)
        call self%atmos_pending%put(air, hours, status)
        call self%ocean_pending%put(sea, hours, status)
        call expect_well(status)
    end subroutine let_wait

    !> n parts sum to the whole; a second increment joins what is left of the first.
    subroutine test_parts()
        type(pending_type) :: pending
        type(status_type) :: status
        real(dp), allocatable :: part(:, :)
        real(dp) :: total(1, 2)
        integer :: n
        pending%interval = 3600.0_dp
        call pending%put(reshape([3.0_dp, -0.7_dp], [1, 2]), 5.0_dp, status)
        total = 0.0_dp
        do n = 1, 2
            call pending%take(part)
            call report('part_is_a_fifth', part(1, 1), 0.6_dp, 1.0e-15_dp)
            total = total + part
        end do
        call pending%put(reshape([1.0_dp, 0.2_dp], [1, 2]), 3.0_dp, status)
        do n = 1, 3
            call report('steps_left', real(pending%steps, dp), 4.0_dp - n, 0.0_dp)
            call pending%take(part)
            total = total + part
        end do
        call report('parts_sum_to_the_whole', maxval(abs(total - reshape([4.0_dp, -0.5_dp], [1, 2]))), 0.0_dp, &
            1.0e-15_dp)
        call report('nothing_is_left', maxval(abs(pending%left)) + pending%steps, 0.0_dp, 0.0_dp)
    end subroutine test_parts

    !> Through a window of 12 hours without a stop, alone and together; then with a restart after 5 of its 6 intervals
    !! and the atmosphere's half of the sixth.
    subroutine test_ranks_and_restart()
        type(climate_type) :: model, alone, second
        type(status_type) :: status
        real(dp), allocatable :: through(:)
        call start(model, world, 3)
        call let_wait(model)
        call advance(model, 4)
        call climate_atmos_step(model, status)
        call report('atmosphere_steps_left', real(model%atmos_pending%steps, dp), 2.0_dp, 0.0_dp)
        call report('ocean_steps_left', real(model%ocean_pending%steps, dp), 2.0_dp, 0.0_dp)
        call climate_write_restart(model, trim(prefix)//'half.nc', status)
        call climate_ocean_step(model, status)
        call expect_well(status)
        call advance(model, 3)
        through = state_of(model)

        call start(alone, self_comm, 3)
        call let_wait(alone)
        call advance(alone, 8)
        call report('bytes_differing_from_one_rank', differing(world, through, state_of(alone)), 0.0_dp, 0.0_dp)

        call start(second, world, 0)
        call climate_read_restart(second, trim(prefix)//'half.nc', status)
        call expect_well(status)
        call report('steps_left_in_the_restart', real(second%atmos_pending%steps + second%ocean_pending%steps, dp), &
            4.0_dp, 0.0_dp)
        call climate_ocean_step(second, status)
        call advance(second, 3)
        call report('bytes_differing_after_restart', differing(world, through, state_of(second)), 0.0_dp, 0.0_dp)

        call start(second, world, 8)
        call climate_read_restart(second, trim(prefix)//'half.nc', status)
        second%atmos_pending%steps = 0
        second%ocean_pending%steps = 0
        call climate_ocean_step(second, status)
        call advance(second, 3)
        call report_that('pending_increments_matter', &
            differing(world, through, state_of(second)) > 1000.0_dp)
    end subroutine test_ranks_and_restart

    !> A restart without pending increments clears those of the reader.
    subroutine test_nothing_pending()
        type(climate_type) :: model
        type(status_type) :: status
        call start(model, world, 1)
        call climate_write_restart(model, trim(prefix)//'half.nc', status)
        call let_wait(model)
        call climate_read_restart(model, trim(prefix)//'half.nc', status)
        call expect_well(status)
        call report('pending_after_such_a_restart', real(model%atmos_pending%steps + model%ocean_pending%steps, dp), &
            0.0_dp, 0.0_dp)
    end subroutine test_nothing_pending

    !> The analysed state is that of one addition and leaves the model alone; added in parts, the same increment adds
    !! less to the tendency of surface pressure of the first interval than at once.
    subroutine test_shock()
        type(climate_type) :: slow, quick, free
        type(status_type) :: status
        real(dp), allocatable :: air(:, :), sea(:, :), before(:), x(:, :, :), y(:, :, :)
        real(dp) :: gentle, sudden, undisturbed
        call start(free, world, 13)
        undisturbed = tendency(free)
        call start(slow, world, 12)
        call start(quick, world, 12)
        call increments(quick, air, sea)
        call add_to_atmos(quick%atmos, air, status)
        call add_to_ocean(quick%ocean, sea, status)
        call let_wait(slow)
        before = state_of(slow)
        allocate (x(32, 16, 4), y(32, 16, 4), source=0.0_dp)
        call climate_get_analysed_atmos(slow, x, status)
        call climate_get_atmos(quick, y)
        call report('analysed_atmosphere', differing(world, pack(x, .true.), pack(y, .true.)), 0.0_dp, 0.0_dp)
        deallocate (x, y)
        allocate (x(nlon, nlat, 4), y(nlon, nlat, 4), source=0.0_dp)
        call climate_get_analysed_ocean(slow, x, status)
        call climate_get_ocean(quick, y)
        call report('analysed_ocean', differing(world, pack(x, .true.), pack(y, .true.)), 0.0_dp, 0.0_dp)
        call report('bytes_changed_by_looking', differing(world, before, state_of(slow)), 0.0_dp, 0.0_dp)
        call expect_well(status)
        call advance(slow, 1)
        call advance(quick, 1)
        gentle = tendency(slow)
        sudden = tendency(quick)
        if (world%is_root()) print '(a, 3(1x, es10.3))', '# rms tendency of ps, free, in parts, at once [Pa/s]:', &
            undisturbed, gentle, sudden
        call report_that('less_of_a_shock_in_parts', &
            abs(gentle - undisturbed) < 0.5_dp*abs(sudden - undisturbed))
    end subroutine test_shock

    real(dp) function tendency(self)
        type(climate_type), intent(inout) :: self
        real(dp) :: values(n_diagnostics)
        call climate_diagnostics(self, values)
        tendency = value_of('surface_pressure_tendency', values)
    end function tendency

    subroutine test_refusals()
        type(pending_type) :: pending
        type(status_type) :: status
        pending%interval = 7200.0_dp
        call pending%put(reshape([1.0_dp], [1, 1]), 3.0_dp, status)
        call report_that('refuses_half_an_interval', &
            index(status%message, 'update_hours') > 0)
        call report('nothing_waits_then', real(pending%steps, dp), 0.0_dp, 0.0_dp)
    end subroutine test_refusals
end program test_mpi_da_update
