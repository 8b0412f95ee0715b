!> The coupled model with a moist atmosphere, sea ice and land water at a small size: the same bytes on these ranks as
!! on one and after a restart in the middle of an interval; heat and water of all components together; ice from water
!! that an increment cools; restarts and namelists that do not fit are refused.
program test_mpi_coupled_moist
    use kinds_mod, only: dp, i8
    use constants_mod, only: degree, latent_heat_fusion
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use netcdf_io_mod, only: netcdf_file_type
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step
    use climate_restart_mod, only: climate_write_restart, climate_read_restart
    use climate_state_mod, only: climate_write_state, climate_add_ocean
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics, diagnostic_names
    use atmos_mod, only: atmos_state_size, atmos_pack
    use ocean_mod, only: ocean_state_size, ocean_pack
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 36, nlat = 24    ! ocean
    real(dp), parameter :: interval = 7200.0_dp
    type(comm_type) :: world
    type(climate_type) :: model
    character(len=40) :: prefix
    logical :: failed = .false.

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
    if (world%is_root()) call remove_files()
    call MPI_Finalize()
    if (failed) error stop 1

contains

    !> One row of the verification table.
    subroutine report(test, ours, reference, gate)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: ours, reference, gate
        logical :: passed
        passed = abs(ours - reference) <= gate
        if (.not. passed) failed = .true.
        if (world%is_root()) print '(a, 3(1x, es23.15), 1x, l1)', test, ours, reference, gate, passed
    end subroutine report

    !> A continent from pole to pole and one in the north; namelists for them.
    subroutine write_inputs()
        real(dp) :: mask(nlon, nlat), lon, lat
        type(netcdf_file_type) :: file
        type(status_type) :: status
        integer :: i, j
        do j = 1, nlat
            do i = 1, nlon
                lon = (i - 0.5_dp)*360.0_dp/nlon
                lat = -78.0_dp + (j - 0.5_dp)*156.0_dp/nlat
                mask(i, j) = merge(0.0_dp, 1.0_dp, (lon > 20.0_dp .and. lon < 70.0_dp .and. lat > -35.0_dp) .or. &
                    (abs(lon - 260.0_dp) < 15.0_dp + 10.0_dp*sin(2.0_dp*lat*degree) .and. lat > -50.0_dp))
            end do
        end do
        call file%create(trim(prefix)//'grid.nc', status)
        call file%write('ocean_mask', ['io', 'jo'], shape(mask), mask, '1', status)
        call file%write('ocean_depth', ['io', 'jo'], shape(mask), 4000.0_dp*mask, 'm', status)
        call file%close(status)
        if (status%failed()) error stop 'the test cannot write its grid file'
        call write_namelist('moist', 'full', 'moist')
        call write_namelist('dry', 'simple', 'held_suarez')
        call write_namelist('half', 'full', 'held_suarez')
        call write_namelist('other', 'simple', 'moist')
        call write_namelist('typo', 'fully', 'moist')
    end subroutine write_inputs

    subroutine write_namelist(name, surface, forcing)
        character(len=*), intent(in) :: name, surface, forcing
        integer :: unit
        open (newunit=unit, file=trim(prefix)//name//'.nml', action='write', status='replace')
        write (unit, '(a)') '&climate_nml', " grid_file = '"//trim(prefix)//"grid.nc', surface = '"//surface//"'", &
            ' atmos_trunc = 10, atmos_nlon = 32, atmos_nlat = 16, atmos_nlev = 5, atmos_dt = 3600', &
            ' ocean_nlon = 36, ocean_nlat = 24, ocean_nlev = 5, ocean_dt = 3600', &
            ' coupling_dt = 7200, start_seconds = 86400', &
            '/', '&atmos_nml', ' rayleigh_friction = .false., perturbation = 5.0', " forcing = '"//forcing//"'", '/'
        close (unit)
    end subroutine write_namelist

    subroutine remove_files()
        character(len=*), parameter :: names(9) = [character(len=12) :: 'grid.nc', 'moist.nml', 'dry.nml', &
            'half.nml', 'other.nml', 'typo.nml', 'middle.nc', 'dry.nc', 'state.nc']
        integer :: k, unit, code
        do k = 1, size(names)
            open (newunit=unit, file=trim(prefix)//trim(names(k)), iostat=code)
            if (code == 0) close (unit, status='delete')
        end do
    end subroutine remove_files

    subroutine start(self, comm)
        type(climate_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        type(status_type) :: status
        call climate_init(self, comm, trim(prefix)//'moist.nml', status)
        call expect_well(status)
    end subroutine start

    subroutine advance(self, intervals)
        type(climate_type), intent(inout) :: self
        integer, intent(in) :: intervals
        type(status_type) :: status
        integer :: n
        do n = 1, intervals
            call climate_atmos_step(self, status)
            call climate_ocean_step(self, status)
        end do
        call expect_well(status)
    end subroutine advance

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

    subroutine expect_well(status)
        type(status_type), intent(in) :: status
        if (.not. status%failed()) return
        print '(a)', trim(status%message)
        error stop 1
    end subroutine expect_well

    !> Every prognostic number on rank 0 (of the model's communicator).
    function state_of(self) result(state)
        type(climate_type), intent(inout) :: self
        real(dp), allocatable :: state(:), land(:, :), ice(:)
        integer :: na, no
        na = atmos_state_size(self%atmos)
        no = ocean_state_size(self%ocean)
        allocate (state(na + no), land(self%atmos_layout%n_global, 3), ice(nlon*nlat), source=0.0_dp)
        call atmos_pack(self%atmos, state(:na))
        call ocean_pack(self%ocean, state(na + 1:))
        call self%atmos_layout%gather(self%land%temperature, land(:, 1))
        call self%atmos_layout%gather(self%land%water, land(:, 2))
        call self%atmos_layout%gather(self%land%runoff, land(:, 3))
        call self%ocean%layout%gather(self%ice%volume, ice)
        state = [state, [land], ice, self%ocean_water]
    end function state_of

    !> Numbers of two states that differ in any bit; agreed on all ranks.
    real(dp) function differing(a, b)
        real(dp), intent(in) :: a(:), b(:)
        real(dp) :: box(1)
        box = real(count(transfer(a, 1_i8, size(a)) /= transfer(b, 1_i8, size(b))), dp)
        call world%bcast(box)
        differing = box(1)
    end function differing

    pure real(dp) function value_of(name, values)
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: values(n_diagnostics)
        value_of = values(findloc(diagnostic_names == name, .true., dim=1))
    end function value_of

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
        call report('there_is_ice', merge(1.0_dp, 0.0_dp, value_of('ice_volume', values) > 1.0e10_dp), 1.0_dp, 0.0_dp)
        call report('ice_is_not_everywhere', merge(1.0_dp, 0.0_dp, value_of('ice_area', values) < 1.0e14_dp), 1.0_dp, &
            0.0_dp)
        call advance(model, 40)
        call advance(alone, 42)
        ours = state_of(model)
        call report('bytes_differing_from_one_rank', differing(ours, state_of(alone)), 0.0_dp, 0.0_dp)
        call climate_diagnostics(model, values)
        call climate_diagnostics(alone, values_alone)
        call report('diagnostics_differing_from_one_rank', differing(values, values_alone), 0.0_dp, 0.0_dp)
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
        call report('bytes_differing_after_restart', differing(through, state_of(second)), 0.0_dp, 0.0_dp)
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
            gained = heat_of(after) - heat_of(before)
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
        call report('it_rains', merge(1.0_dp, 0.0_dp, value_of('mean_precipitation', after) > 1.0e-7_dp), 1.0_dp, &
            0.0_dp)
        call report('heat_is_exchanged', merge(1.0_dp, 0.0_dp, &
            abs(given) > 1.0e-9_dp*value_of('ocean_heat_content', before)), 1.0_dp, 0.0_dp)
    end subroutine test_budgets

    !> Heat of sea and land less the latent heat of the ice [J].
    real(dp) function heat_of(values)
        real(dp), intent(in) :: values(n_diagnostics)
        heat_of = value_of('ocean_heat_content', values) &
            - model%ice%density*latent_heat_fusion*value_of('ice_volume', values) &
            + model%land%heat_capacity*value_of('mean_land_temperature', values)*sum(model%exchange%grid%land_area)
    end function heat_of

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
        call expect_message('old_restart', 'restart without sea ice and land water', status)
        call climate_read_restart(dry, trim(prefix)//'middle.nc', status)
        call expect_message('moist_restart_of_a_dry_run', 'restart with sea ice and land water', status)
    end subroutine test_refusals

    subroutine expect_refusal(namelist, text)
        character(len=*), intent(in) :: namelist, text
        type(climate_type) :: refused
        type(status_type) :: status
        call climate_init(refused, world, trim(prefix)//namelist, status)
        call expect_message('refused_'//namelist(:index(namelist, '.') - 1), text, status)
    end subroutine expect_refusal

    !> All ranks hold an error that holds the text; the status is cleared.
    subroutine expect_message(test, text, status)
        character(len=*), intent(in) :: test, text
        type(status_type), intent(inout) :: status
        real(dp) :: found(1), all_found(world%size)
        integer :: k
        found = merge(1.0_dp, 0.0_dp, status%code /= 0 .and. index(status%message, text) > 0)
        if (found(1) < 1.0_dp) print '(a)', trim(status%message)
        call world%allgatherv(found, [(1, k=1, world%size)], all_found)
        call report(test, sum(all_found), real(world%size, dp), 0.0_dp)
        call status%clear()
    end subroutine expect_message
end program test_mpi_coupled_moist
