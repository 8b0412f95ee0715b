!> The coupled model with a moist atmosphere, sea ice and land water at a small size: the same bytes on these ranks as
!! on one and after a restart in the middle of an interval; heat and water of all components together; ice from water
!! that an increment cools; restarts and namelists that do not fit are refused.
program test_mpi_coupled_moist
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step
    use climate_restart_mod, only: climate_write_restart, climate_read_restart
    use climate_state_mod, only: climate_write_state, climate_add_ocean
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics
    use coupled_cases_mod, only: nlon, nlat, interval, continents, write_grid, write_namelist, remove_files, &
        advance, state_of, differing, value_of, heat_of
    use report_mod, only: report, report_that, report_message, expect_well, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    type(comm_type) :: world
    type(climate_type) :: model
    character(len=40) :: prefix

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    write (prefix, '(a, i0, a)') 'test_mpi_moist_', world%size, '_'
    if (world%is_root()) call write_inputs()
    call world%barrier()
    call test_one_rank()
    call test_restart()
    call test_budgets()
    call test_refusals()
    call world%barrier()
    if (world%is_root()) call remove_files(prefix, [character(len=12) :: 'grid.nc', 'moist.nml', 'dry.nml', &
        'half.nml', 'other.nml', 'typo.nml', 'middle.nc', 'dry.nc', 'state.nc'])
    call MPI_Finalize()
    call finish()

contains

    !> A continent from pole to pole and one in the north; namelists for them.
    subroutine write_inputs()
        call write_grid(trim(prefix)//'grid.nc', continents())
        call write_case('moist', 'full', 'moist')
        call write_case('dry', 'simple', 'held_suarez')
        call write_case('half', 'full', 'held_suarez')
        call write_case('other', 'simple', 'moist')
        call write_case('typo', 'fully', 'moist')
    end subroutine write_inputs

    subroutine write_case(name, surface, forcing)
        character(len=*), intent(in) :: name, surface, forcing
        call write_namelist(trim(prefix)//name//'.nml', trim(prefix)//'grid.nc', " surface = '"//surface//"'", &
            " forcing = '"//forcing//"'", '')
    end subroutine write_case

    subroutine start(self, comm)
        type(climate_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        type(status_type) :: status
        call climate_init(self, comm, trim(prefix)//'moist.nml', status)
        call expect_well(status)
    end subroutine start

    !> An increment that cools the polar seas below freezing.
    subroutine cool_poles(self)
        type(climate_type), intent(inout) :: self
        type(status_type) :: status
        real(dp) :: dx(nlon, nlat, 4)
        dx = 0.0_dp
        dx(:, :4, 1) = -6.0_dp
        dx(:, nlat - 3:, 1) = -6.0_dp
        call climate_add_ocean(self, dx, status)
        call expect_well(status)
    end subroutine cool_poles

    subroutine test_one_rank()
        type(climate_type) :: alone
        type(comm_type) :: self_comm
        real(dp), allocatable :: ours(:)
        real(dp) :: values(n_diagnostics), values_alone(n_diagnostics)
        call self_comm%init(MPI_COMM_SELF%mpi_val)
        call start(model, world)
        call start(alone, self_comm)
        call cool_poles(model)
        call cool_poles(alone)
        call advance(model, 2)
        call climate_diagnostics(model, values)
        call report_that('there_is_ice', value_of('ice_volume', values) > 1.0e10_dp)
        call report_that('ice_is_not_everywhere', value_of('ice_area', values) < 1.0e14_dp)
        call advance(model, 40)
        call advance(alone, 42)
        ours = state_of(model)
        call report('bytes_differing_from_one_rank', differing(world, ours, state_of(alone)), 0.0_dp, 0.0_dp)
        call climate_diagnostics(model, values)
        call climate_diagnostics(alone, values_alone)
        call report('diagnostics_differing_from_one_rank', differing(world, values, values_alone), 0.0_dp, 0.0_dp)
    end subroutine test_one_rank

    !> With ice: a restart between the atmosphere's and the ocean's step, and some intervals more.
    subroutine test_restart()
        type(climate_type) :: second
        type(status_type) :: status
        real(dp), allocatable :: through(:)
        call cool_poles(model)
        call advance(model, 1)
        call climate_atmos_step(model, status)
        call climate_write_restart(model, trim(prefix)//'middle.nc', status)
        call expect_well(status)
        call climate_ocean_step(model, status)
        call advance(model, 6)
        through = state_of(model)
        call start(second, world)
        call advance(second, 2)
        call climate_read_restart(second, trim(prefix)//'middle.nc', status)
        call expect_well(status)
        call climate_ocean_step(second, status)
        call advance(second, 6)
        call report('bytes_differing_after_restart', differing(world, through, state_of(second)), 0.0_dp, 0.0_dp)
        call climate_write_state(second, trim(prefix)//'state.nc', status)
        call expect_well(status)
    end subroutine test_restart

    !> In one interval: all water with what the ocean received is kept, the sea's salt tells the same water, and heat of
    !! sea, ice and land changes by what the air gave.
    subroutine test_budgets()
        real(dp) :: before(n_diagnostics), after(n_diagnostics), first(n_diagnostics), water, gained, given, sphere
        integer :: n
        call climate_diagnostics(model, first)
        call advance(model, 40)
        call climate_diagnostics(model, before)
        water = model%ocean_water
        call report('water_of_40_intervals', value_of('total_water', before)/value_of('total_water', first), 1.0_dp, &
            1.0e-12_dp)
        do n = 1, 3
            call advance(model, 1)
            call climate_diagnostics(model, after)
            sphere = sum(model%exchange%grid%atmos_area)*model%atmos%nlon
            given = value_of('mean_surface_heat_flux', after)*sphere*interval
            gained = heat_of(model, after) - heat_of(model, before)
            call report('heat_of_all_surfaces', gained/value_of('ocean_heat_content', after), &
                given/value_of('ocean_heat_content', after), 1.0e-12_dp)
            call report('water_of_all', value_of('total_water', after)/value_of('total_water', before), 1.0_dp, &
                1.0e-13_dp)
            call report('salt_tells_the_water', (value_of('ocean_salt', after) - value_of('ocean_salt', before)) &
                /value_of('ocean_salt', before), -0.035_dp*(model%ocean_water - water)/value_of('ocean_salt', before), &
                1.0e-12_dp)
            before = after
            water = model%ocean_water
        end do
        call report_that('it_rains', value_of('mean_precipitation', after) > 1.0e-7_dp)
        call report_that('heat_is_exchanged', &
            abs(given) > 1.0e-9_dp*value_of('ocean_heat_content', before))
    end subroutine test_budgets

    subroutine test_refusals()
        type(climate_type) :: dry
        type(status_type) :: status
        call expect_refusal('half.nml', "surface = 'full' goes with forcing = 'moist'")
        call expect_refusal('other.nml', "surface = 'full' goes with forcing = 'moist'")
        call expect_refusal('typo.nml', "surface is 'fully'")
        call climate_init(dry, world, trim(prefix)//'dry.nml', status)
        call climate_write_restart(dry, trim(prefix)//'dry.nc', status)
        call expect_well(status)
        call climate_read_restart(model, trim(prefix)//'dry.nc', status)
        call report_message(world, 'old_restart', 'restart without sea ice and land water', status)
        call climate_read_restart(dry, trim(prefix)//'middle.nc', status)
        call report_message(world, 'moist_restart_of_a_dry_run', 'restart with sea ice and land water', status)
    end subroutine test_refusals

    subroutine expect_refusal(namelist, text)
        character(len=*), intent(in) :: namelist, text
        type(climate_type) :: refused
        type(status_type) :: status
        call climate_init(refused, world, trim(prefix)//namelist, status)
        call report_message(world, 'refused_'//namelist(:index(namelist, '.') - 1), text, status)
    end subroutine expect_refusal
end program test_mpi_coupled_moist
