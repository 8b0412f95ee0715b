!> The coupled model at a small size: the same bytes on these ranks as on one, after a restart as without one, after
!! adding nothing as before; heat and salt budgets; errors that are told instead of hanging. Continents are analytic.
program test_mpi_coupled_model
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use netcdf_io_mod, only: netcdf_file_type
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step, climate_seconds
    use climate_restart_mod, only: climate_write_restart, climate_read_restart
    use climate_state_mod, only: climate_write_state, climate_get_ocean, climate_add_atmos, climate_add_ocean
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics
    use coupled_cases_mod, only: nlon, nlat, nlev, interval, continents, write_grid, write_namelist, remove_files, &
        advance, state_of, differing, value_of
    use report_mod, only: report, report_that, report_message, expect_well, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    type(comm_type) :: world
    type(climate_type) :: model
    character(len=40) :: prefix

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    write (prefix, '(a, i0, a)') 'test_mpi_coupled_', world%size, '_'
    if (world%is_root()) call write_inputs()
    call world%barrier()
    call test_one_rank()
    call test_restart()
    call test_zero_increment()
    call test_increment()
    call test_budgets()
    call test_errors()
    call world%barrier()
    if (world%is_root()) call remove_files(prefix, [character(len=12) :: 'grid.nc', 'narrow.nc', 'good.nml', &
        'typo.nml', 'group.nml', 'narrow.nml', 'missing.nml', 'wild.nml', 'half.nc', 'wrong.nc', 'state.nc'])
    call MPI_Finalize()
    call finish()

contains

    !> Two continents and polar land; a namelist for them; namelists and files that are wrong.
    subroutine write_inputs()
        real(dp) :: mask(nlon, nlat)
        mask = continents()
        call write_grid(trim(prefix)//'grid.nc', mask)
        call write_grid(trim(prefix)//'narrow.nc', mask(:nlon - 1, :))
        call write_case('good', 'grid.nc', '')
        call write_case('typo', 'grid.nc', '&flux_nml'//new_line('a')//' gustines = 2.0'//new_line('a')//'/')
        call write_case('group', 'grid.nc', '&flux_nlm'//new_line('a')//' gustiness = 2.0'//new_line('a')//'/')
        call write_case('narrow', 'narrow.nc', '')
        call write_case('missing', 'nowhere.nc', '')
        call write_case('wild', 'grid.nc', &
            '&land_nml'//new_line('a')//' equator_temperature = 500.0'//new_line('a')//'/')
    end subroutine write_inputs

    subroutine write_case(name, grid, groups)
        character(len=*), intent(in) :: name, grid, groups
        call write_namelist(trim(prefix)//name//'.nml', trim(prefix)//grid, '', '', groups)
    end subroutine write_case

    subroutine start(self, comm)
        type(climate_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        type(status_type) :: status
        call climate_init(self, comm, trim(prefix)//'good.nml', status)
        call expect_well(status)
    end subroutine start

    !> The same state on these ranks as on one rank alone, which every rank computes for itself.
    subroutine test_one_rank()
        type(climate_type) :: alone
        type(comm_type) :: self_comm
        real(dp), allocatable :: ours(:)
        real(dp) :: values(n_diagnostics), values_alone(n_diagnostics)
        call self_comm%init(MPI_COMM_SELF%mpi_val)
        call start(model, world)
        call start(alone, self_comm)
        call advance(model, 24)
        call advance(alone, 24)
        ours = state_of(model)
        call report('bytes_differing_from_one_rank', differing(world, ours, state_of(alone)), 0.0_dp, 0.0_dp)
        call climate_diagnostics(model, values)
        call climate_diagnostics(alone, values_alone)
        call report('diagnostics_differing_from_one_rank', differing(world, values, values_alone), 0.0_dp, 0.0_dp)
        call report('clock', real(climate_seconds(model), dp), 86400.0_dp + 24*interval, 0.0_dp)
        call report_that('the_air_moves', value_of('max_wind', values) > 0.1_dp)
        call report_that('the_sea_moves', value_of('max_current', values) > 1.0e-3_dp)
    end subroutine test_one_rank

    !> 2 N steps equal N steps, a restart in the middle of an interval, and N steps; the reader starts elsewhere.
    subroutine test_restart()
        type(climate_type) :: second
        type(status_type) :: status
        real(dp), allocatable :: through(:)
        call start(model, world)
        call advance(model, 6)
        call climate_atmos_step(model, status)
        call climate_write_restart(model, trim(prefix)//'half.nc', status)
        call expect_well(status)
        call climate_ocean_step(model, status)
        call advance(model, 6)
        through = state_of(model)
        call start(second, world)
        call advance(second, 2)
        call climate_read_restart(second, trim(prefix)//'half.nc', status)
        call expect_well(status)
        call report('restart_clock', real(climate_seconds(second), dp), 86400.0_dp + 6*interval, 0.0_dp)
        call climate_ocean_step(second, status)
        call advance(second, 6)
        call report('bytes_differing_after_restart', differing(world, through, state_of(second)), 0.0_dp, 0.0_dp)
        call climate_write_state(second, trim(prefix)//'state.nc', status)
        call expect_well(status)
        call test_state_file(second)
    end subroutine test_restart

    !> The top level of temp in the file is the SST of the interface.
    subroutine test_state_file(self)
        type(climate_type), intent(inout) :: self
        type(netcdf_file_type) :: file
        type(status_type) :: status
        real(dp), allocatable :: x(:, :, :), temp(:, :, :)
        allocate (x(nlon, nlat, 4), temp(nlon, nlat, nlev), source=0.0_dp)
        call climate_get_ocean(self, x)
        if (world%is_root()) then
            call file%open_to_read(trim(prefix)//'state.nc', status)
            call file%read('temp', shape(temp), temp, status)
            call file%close(status)
            call expect_well(status)
        end if
        call report('sst_is_top_level', differing(world, pack(x(:, :, 1), .true.), pack(temp(:, :, 1), .true.)), &
            0.0_dp, 0.0_dp)
    end subroutine test_state_file

    subroutine test_zero_increment()
        type(status_type) :: status
        real(dp), allocatable :: before(:), air(:, :, :), sea(:, :, :)
        before = state_of(model)
        allocate (air(32, 16, 4), sea(nlon, nlat, 4), source=0.0_dp)
        call climate_add_atmos(model, air, status)
        call climate_add_ocean(model, sea, status)
        call expect_well(status)
        call report('bytes_changed_by_nothing', differing(world, before, state_of(model)), 0.0_dp, 0.0_dp)
    end subroutine test_zero_increment

    !> An SST increment of rank 0 arrives in its cell and nowhere else.
    subroutine test_increment()
        type(status_type) :: status
        real(dp) :: before(nlon, nlat, 4), after(nlon, nlat, 4), dx(nlon, nlat, 4), box(2)
        before = 0.0_dp
        after = 0.0_dp
        call climate_get_ocean(model, before)
        dx = 0.0_dp
        if (world%is_root()) dx(15, 12, 1) = 0.5_dp
        call climate_add_ocean(model, dx, status)
        call expect_well(status)
        call climate_get_ocean(model, after)
        after = after - before
        box = [after(15, 12, 1), real(count(after(:, :, 1) /= 0.0_dp), dp)]
        call world%bcast(box)
        call report('increment_arrives', box(1), 0.5_dp, 1.0e-12_dp)
        call report('increment_stays_in_place', box(2), 1.0_dp, 0.0_dp)
    end subroutine test_increment

    !> The ocean's heat changes by what the coupler gave it, its salt and volume not at all, the air's mass not at all.
    subroutine test_budgets()
        type(climate_type) :: fresh
        real(dp) :: before(n_diagnostics), after(n_diagnostics), given, area
        call start(fresh, world)
        call advance(fresh, 12)
        call climate_diagnostics(fresh, before)
        call advance(fresh, 1)
        call climate_diagnostics(fresh, after)
        area = sum(merge(spread(fresh%ocean%grid%area, 1, nlon), 0.0_dp, fresh%ocean%wet))
        given = value_of('mean_ocean_heat_flux', after)*area*interval
        call report('ocean_heat_gain', (value_of('ocean_heat_content', after) - value_of('ocean_heat_content', &
            before)) &
            /value_of('ocean_heat_content', before), given/value_of('ocean_heat_content', before), 1.0e-12_dp)
        call report_that('heat_is_exchanged', &
            abs(given) > 1.0e-8_dp*value_of('ocean_heat_content', before))
        call report('ocean_salt_kept', value_of('ocean_salt', after)/value_of('ocean_salt', before), 1.0_dp, 1.0e-12_dp)
        call report('ocean_volume_kept', value_of('ocean_volume', after)/value_of('ocean_volume', before), 1.0_dp, &
            1.0e-13_dp)
        call report('air_mass_kept', value_of('dry_air_mass', after)/value_of('dry_air_mass', before), 1.0_dp, &
            1.0e-12_dp)
    end subroutine test_budgets

    !> Each mistake gives its message on every rank.
    subroutine test_errors()
        type(status_type) :: status
        type(climate_type) :: wild
        real(dp) :: small(3, 3, 4)

        call expect_refusal('typo.nml', 'gustines')
        call expect_refusal('group.nml', 'unknown group &flux_nlm')
        call expect_refusal('narrow.nml', 'ocean_mask has shape (io=35, jo=24), expected (36, 24)')
        call expect_refusal('missing.nml', 'nowhere.nc')
        call expect_refusal('absent.nml', 'absent.nml')
        small = 1.0_dp
        call climate_add_ocean(model, small, status)
        call report_message(world, 'wrong_increment', 'increment of shape 3 x 3 x 4, expected 36 x 24 x 4', status)
        if (world%is_root()) call write_grid(trim(prefix)//'wrong.nc', small(:, :, 1))
        call climate_read_restart(model, trim(prefix)//'wrong.nc', status)
        call report_message(world, 'wrong_restart', 'restart of another size', status)
        call climate_ocean_step(model, status)
        call report_message(world, 'ocean_before_atmosphere', 'the atmosphere step is next', status)
        call climate_init(wild, world, trim(prefix)//'wild.nml', status)
        call climate_atmos_step(wild, status)
        call report_message(world, 'wild_land', 'land: a surface temperature left', status)
    end subroutine test_errors

    subroutine expect_refusal(namelist, text)
        character(len=*), intent(in) :: namelist, text
        type(climate_type) :: refused
        type(status_type) :: status
        call climate_init(refused, world, trim(prefix)//namelist, status)
        call report_message(world, 'refused_'//namelist(:index(namelist, '.') - 1), text, status)
    end subroutine expect_refusal
end program test_mpi_coupled_model
