!> A year of the moist coupled model with sea, ice and land at a small size: dry air, all water, the sea's volume,
!! and the heat of sea, ice and land, each against what passed, to 1e-12 of the whole.
program test_coupled_year_long
    use kinds_mod, only: dp
    use constants_mod, only: seconds_per_day, seconds_per_year
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use climate_mod, only: climate_type, climate_init
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics
    use coupled_cases_mod, only: interval, continents, write_grid, write_namelist, remove_files, advance, value_of, &
        heat_of
    use report_mod, only: report, report_series, report_that, expect_well, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    character(len=*), parameter :: prefix = 'test_coupled_year_'
    type(comm_type) :: comm
    type(climate_type) :: model
    type(status_type) :: status
    real(dp), dimension(n_diagnostics) :: first, now, last
    real(dp) :: given, most_ice, sphere, days(12), drift(12, 4)
    integer :: n, month
    integer, parameter :: intervals = nint(seconds_per_year/interval)

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call write_grid(prefix//'grid.nc', continents())
    call write_namelist(prefix//'year.nml', prefix//'grid.nc', " surface = 'full'", " forcing = 'moist'", &
        "&ocean_nml initial_state = 'bowls' /")
    call climate_init(model, comm, prefix//'year.nml', status)
    call expect_well(status)
    sphere = sum(model%exchange%grid%atmos_area)*model%atmos%nlon
    ! total_water is complete after an ocean step, so the account begins after the first interval.
    call advance(model, 1)
    call climate_diagnostics(model, first)
    given = 0.0_dp
    most_ice = 0.0_dp
    do n = 2, intervals
        call advance(model, 1)
        call climate_diagnostics(model, now)
        given = given + value_of('mean_surface_heat_flux', now)*sphere*interval
        most_ice = max(most_ice, value_of('ice_volume', now))
        if (n == 2) last = now
        if (mod(n, intervals/12) > 0) cycle
        month = n/(intervals/12)
        days(month) = n*interval/seconds_per_day
        drift(month, :) = [ratio('dry_air_mass') - 1.0_dp, ratio('total_water') - 1.0_dp, &
            ratio('ocean_volume') - 1.0_dp, heat_left_over()]
    end do
    call report('year_dry_air', ratio('dry_air_mass'), 1.0_dp, 1.0e-12_dp)
    call report('year_total_water', ratio('total_water'), 1.0_dp, 1.0e-12_dp)
    call report('year_ocean_volume', ratio('ocean_volume'), 1.0_dp, 1.0e-12_dp)
    call report('year_heat_of_all_surfaces', heat_left_over(), 0.0_dp, 1.0e-12_dp)
    call report_series('coupled_dry_air', days, drift(:, 1))
    call report_series('coupled_total_water', days, drift(:, 2))
    call report_series('coupled_ocean_volume', days, drift(:, 3))
    call report_series('coupled_heat_of_all_surfaces', days, drift(:, 4))
    call report_that('there_was_ice', most_ice > 1.0e10_dp)
    call report_that('water_moved', abs(value_of('air_water', now) - value_of('air_water', last)) &
        > 1.0e-6_dp*value_of('air_water', last))
    print '(a, 3es12.4)', '# heat that passed, of the sea''s; ice at most [m3]; water of the air [kg]: ', &
        given/value_of('ocean_heat_content', first), most_ice, value_of('air_water', now)
    call remove_files(prefix, [character(len=8) :: 'grid.nc', 'year.nml'])
    call MPI_Finalize()
    call finish()

contains

    real(dp) function ratio(name)
        character(len=*), intent(in) :: name
        ratio = value_of(name, now)/value_of(name, first)
    end function ratio

    !> Heat of the surfaces beyond what came to them, of the sea's.
    real(dp) function heat_left_over()
        heat_left_over = (heat_of(model, now) - heat_of(model, first) - given)/value_of('ocean_heat_content', first)
    end function heat_left_over
end program test_coupled_year_long
