!> Counts the messages of the coupled model: `climate_messages NAMELIST`, under mpirun. Each line says for one part of
!! the model and one kind of traffic (comm_mod) what a rank receives: calls, messages and bytes per step, the least, the
!! mean and the most of the ranks. One coupling interval starts the model, the second is counted. Where the atmosphere
!! cannot have so many ranks the ocean is counted alone. On two ranks the time of a message is measured first.
program climate_messages
    use, intrinsic :: iso_fortran_env, only: error_unit
    use kinds_mod, only: dp
    use comm_mod, only: comm_type, traffic_type, kinds, kind_names, nobody
    use status_mod, only: status_type, status_bad_input
    use climate_config_mod, only: climate_config_type, climate_config_read, grid_file_read
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step
    use ocean_mod, only: ocean_type, ocean_init, ocean_step
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_Abort, MPI_Wtime, MPI_COMM_WORLD
    implicit none

    type(comm_type) :: comm
    type(climate_type) :: climate
    type(ocean_type) :: ocean
    type(climate_config_type) :: config
    type(status_type) :: status
    type(traffic_type), target :: air, sea, between
    real(dp), allocatable :: mask(:, :), depth(:, :), topography(:, :)
    character(len=512) :: path
    real(dp) :: interval
    integer :: turn

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    call get_command_argument(1, path)
    if (path == '') call status%set(status_bad_input, 'usage: climate_messages NAMELIST')
    call climate_config_read(config, trim(path), status)
    call stop_if_failed()
    if (comm%size == 2) call time_messages()
    interval = real(config%coupling_dt, dp)
    if (comm%is_root()) print '(a, i0)', '# ranks ', comm%size
    if (comm%is_root()) print '(a)', '# part kind per calls messages_min mean max kilobytes_min mean max'
    if (comm%size <= config%atmos_nlat/2) then
        call climate_init(climate, comm, trim(path), status)
        call stop_if_failed()
        do turn = 1, 2
            if (turn == 2) call count_parts()
            call climate_atmos_step(climate, status)
            call climate_ocean_step(climate, status)
            call stop_if_failed()
        end do
        call report('atmosphere', 'step', air, config%coupling_dt/config%atmos_dt)
        call report('between', 'interval', between, 1)
    else
        call grid_file_read(config, comm, mask, depth, topography, status)
        call stop_if_failed()
        call ocean_init(ocean, comm, trim(path), config%ocean_nlon, config%ocean_nlat, config%ocean_nlev, &
            real(config%ocean_dt, dp), mask, depth, status)
        call stop_if_failed()
        do turn = 1, 2
            if (turn == 2) ocean%comm%traffic => sea
            if (turn == 2) ocean%halo%comm%traffic => sea
            call step_alone(ocean)
        end do
    end if
    call report('ocean', 'step', sea, nint(interval/config%ocean_dt))
    call MPI_Finalize()

contains

    !> The copies of the communicator tell the parts apart; the layouts serve what goes between them.
    subroutine count_parts()
        climate%atmos%comm%traffic => air
        climate%atmos%dynamics%transform%comm%traffic => air
        climate%ocean%comm%traffic => sea
        climate%ocean%halo%comm%traffic => sea
        climate%comm%traffic => between
        climate%atmos_layout%comm%traffic => between
        climate%ocean%layout%comm%traffic => between
        climate%exchange%layout%comm%traffic => between
    end subroutine count_parts

    !> One coupling interval of an ocean without fluxes.
    subroutine step_alone(o)
        type(ocean_type), intent(inout) :: o
        real(dp) :: nothing(o%i_first:o%i_last, o%j_first:o%j_last)
        nothing = 0.0_dp
        call ocean_step(o, nothing, nothing, nothing, nothing, interval, status)
        call stop_if_failed()
    end subroutine step_alone

    subroutine report(part, per, traffic, steps)
        character(len=*), intent(in) :: part, per
        type(traffic_type), intent(in) :: traffic
        integer, intent(in) :: steps                    !< that were counted
        real(dp) :: own(2), all_own(2, comm%size), flat(2*comm%size)
        integer :: kind, i

        do kind = 1, kinds
            own = [real(traffic%messages(kind), dp), 1.0e-3_dp*real(traffic%bytes(kind), dp)]/steps
            call comm%allgatherv(own, [(2, i=1, comm%size)], flat)
            all_own = reshape(flat, [2, comm%size])
            if (comm%is_root() .and. traffic%calls(kind) > 0) print '(a, 2(1x, a), 4(1x, f0.1), 3(1x, f0.2))', part, &
                trim(kind_names(kind)), per, real(traffic%calls(kind), dp)/steps, &
                (minval(all_own(i, :)), sum(all_own(i, :))/comm%size, maxval(all_own(i, :)), i=1, 2)
        end do
    end subroutine report

    !> Ping-pong of growing messages: half the time there and back, the least of several tries.
    subroutine time_messages()
        integer, parameter :: sizes(5) = [1, 1000, 10000, 100000, 1000000], tries = 10, trips = 10
        real(dp), allocatable :: ball(:)
        real(dp) :: started, least
        integer :: i, try, trip

        if (comm%is_root()) print '(a)', '# ping-pong: bytes microseconds'
        do i = 1, size(sizes)
            allocate (ball(sizes(i)), source=0.0_dp)
            least = huge(least)
            do try = 1, tries
                started = MPI_Wtime()
                do trip = 1, trips
                    ! Rank 0 sends and waits for its return; rank 1 returns what has come.
                    if (comm%is_root()) call comm%sendrecv(ball, 1, ball(:0), nobody)
                    call comm%sendrecv(ball(:0), nobody, ball, 1 - comm%rank)
                    if (.not. comm%is_root()) call comm%sendrecv(ball, 0, ball(:0), nobody)
                end do
                least = min(least, (MPI_Wtime() - started)/(2*trips))
            end do
            if (comm%is_root()) print '(a, i0, 1x, f0.2)', '# ', 8*sizes(i), 1.0e6_dp*least
            deallocate (ball)
        end do
    end subroutine time_messages

    subroutine stop_if_failed()
        call comm%agree(status)
        if (.not. status%failed()) return
        if (comm%is_root()) write (error_unit, '(a)') 'climate_messages: '//trim(status%message)
        call comm%barrier()
        call MPI_Abort(MPI_COMM_WORLD, 1)
    end subroutine stop_if_failed
end program climate_messages
