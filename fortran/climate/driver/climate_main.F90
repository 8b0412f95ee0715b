!> The coupled model as a plain program: `climate_main NAMELIST`. &driver_nml says how long to run and which files to
!! read and write; the state is the same, byte for byte, as that of the model stepped through its plugs.
program climate_main
    use, intrinsic :: iso_fortran_env, only: error_unit
    use kinds_mod, only: dp, i8
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use namelist_mod, only: namelist_open, namelist_close
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step, climate_seconds
    use climate_restart_mod, only: climate_read_restart, climate_write_restart
    use climate_state_mod, only: climate_write_state
    use climate_means_mod, only: climate_means_type, climate_means_init, climate_means_add
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics, diagnostic_names
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_Abort, MPI_Wtime, MPI_COMM_WORLD
    implicit none

    type :: driver_type
        real(dp) :: days = 1.0_dp                   !< length of the run
        real(dp) :: report_days = 10.0_dp           !< interval of the progress lines
        character(len=512) :: restart_in = ''       !< restart to start from; blank: the initial state
        character(len=512) :: restart_out = ''      !< restart to leave; blank: none
        character(len=512) :: state_out = ''        !< three-dimensional fields of the end; blank: none
        real(dp) :: state_days = 0.0_dp             !< also write them so often, named by their day; 0: at the end alone
        character(len=512) :: means_out = ''        !< monthly means, named by their month since 2000; blank: none
    end type driver_type

    type(comm_type) :: comm
    type(climate_type) :: climate
    type(climate_means_type) :: means
    type(driver_type) :: driver
    type(status_type) :: status
    character(len=512) :: path
    integer(i8) :: step, steps, report_every, state_every
    real(dp) :: started
    real(dp) :: spent(2) = 0.0_dp       !< processor time of atmosphere and ocean on this rank [s]
    real(dp) :: mark(3)

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    call get_command_argument(1, path)
    if (path == '') call status%set(status_bad_input, 'usage: climate_main NAMELIST')
    call read_driver(driver, status)
    call stop_if_failed()
    call climate_init(climate, comm, trim(path), status)
    call stop_if_failed()
    if (driver%restart_in /= '') call climate_read_restart(climate, trim(driver%restart_in), status)
    call stop_if_failed()
    if (driver%means_out /= '') call climate_means_init(means, climate, trim(driver%means_out), status)
    call stop_if_failed()
    steps = nint(driver%days*86400.0_dp/climate%config%coupling_dt, i8)
    report_every = max(1_i8, nint(driver%report_days*86400.0_dp/climate%config%coupling_dt, i8))
    state_every = max(1_i8, nint(driver%state_days*86400.0_dp/climate%config%coupling_dt, i8))
    started = MPI_Wtime()
    call report()
    do step = 1, steps
        call cpu_time(mark(1))
        call climate_atmos_step(climate, status)
        call stop_if_failed()
        call cpu_time(mark(2))
        call climate_ocean_step(climate, status)
        call stop_if_failed()
        call cpu_time(mark(3))
        spent = spent + (mark(2:) - mark(:2))
        if (driver%means_out /= '') call climate_means_add(means, climate, status)
        call stop_if_failed()
        if (mod(step, report_every) == 0 .or. step == steps) call report()
        if (driver%state_days > 0.0_dp .and. mod(step, state_every) == 0) call write_dated_state()
    end do
    if (driver%restart_out /= '') call climate_write_restart(climate, trim(driver%restart_out), status)
    call stop_if_failed()
    if (driver%state_out /= '') call climate_write_state(climate, trim(driver%state_out), status)
    call stop_if_failed()
    if (steps > 0) call report_speed()
    call MPI_Finalize()

contains

    subroutine read_driver(settings, outcome)
        type(driver_type), intent(inout) :: settings
        type(status_type), intent(inout) :: outcome
        real(dp) :: days, report_days, state_days
        character(len=512) :: restart_in, restart_out, state_out, means_out
        namelist /driver_nml/ days, report_days, restart_in, restart_out, state_out, state_days, means_out
        character(len=256) :: message
        integer :: unit, code
        logical :: found

        days = settings%days
        report_days = settings%report_days
        restart_in = settings%restart_in
        restart_out = settings%restart_out
        state_out = settings%state_out
        state_days = settings%state_days
        means_out = settings%means_out
        call namelist_open(path, 'driver_nml', unit, found, outcome)
        if (found) read (unit, nml=driver_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'driver_nml', code, message, outcome)
        if (state_days > 0.0_dp .and. state_out == '') call outcome%set(status_bad_input, &
            trim(path)//': &driver_nml: state_days needs a name in state_out')
        if (days < 0.0_dp .or. report_days <= 0.0_dp) call outcome%set(status_bad_input, &
            trim(path)//': &driver_nml: days must not be negative and report_days must be positive')
        settings = driver_type(days, report_days, restart_in, restart_out, state_out, state_days, means_out)
    end subroutine read_driver

    !> A line of names first, then a line of numbers.
    subroutine report()
        real(dp) :: values(n_diagnostics)
        integer :: k
        logical, save :: first = .true.
        call climate_diagnostics(climate, values)
        if (.not. comm%is_root()) return
        if (first) print '(a, *(1x, a))', 'days wall_seconds', (trim(diagnostic_names(k)), k=1, n_diagnostics)
        first = .false.
        print '(f0.3, 1x, f0.2, *(1x, es14.7))', climate_seconds(climate)/86400.0_dp, MPI_Wtime() - started, values
        flush (6)
    end subroutine report

    !> Of the busiest rank; what a rank waits for a message counts as well.
    subroutine report_speed()
        real(dp) :: all_spent(2*comm%size), days
        integer :: k
        days = steps*climate%config%coupling_dt/86400.0_dp
        call comm%allgatherv(spent/days, [(2, k=1, comm%size)], all_spent)
        if (comm%is_root()) print '(a, 2(1x, f0.5))', '# CPU seconds per model day, atmosphere and ocean:', &
            maxval(all_spent(1::2)), maxval(all_spent(2::2))
    end subroutine report_speed

    !> state_out with the day of the clock before its ending.
    subroutine write_dated_state()
        character(len=12) :: day
        integer :: dot
        write (day, '(i0.6)') climate_seconds(climate)/86400
        dot = index(driver%state_out, '.', back=.true.)
        if (dot == 0) dot = len_trim(driver%state_out) + 1
        call climate_write_state(climate, driver%state_out(:dot - 1)//'_'//trim(day)//trim(driver%state_out(dot:)), &
            status)
        call stop_if_failed()
    end subroutine write_dated_state

    subroutine stop_if_failed()
        call comm%agree(status)
        if (.not. status%failed()) return
        if (comm%is_root()) write (error_unit, '(a)') 'climate_main: '//trim(status%message)
        call comm%barrier()
        call MPI_Abort(MPI_COMM_WORLD, 1)
    end subroutine stop_if_failed
end program climate_main
