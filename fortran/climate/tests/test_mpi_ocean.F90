!> The same bytes on any number of ranks, and from a restart: the ocean on all ranks against the same ocean on one, with
!! continents, forcing and an analysis increment on the way.
program test_mpi_ocean
    use kinds_mod, only: dp
    use constants_mod, only: degree, seconds_per_day
    use comm_mod, only: comm_type, traffic_type, neighbour, nobody
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_pack, ocean_unpack, ocean_state_size, ocean_add_surface_increment
    use ocean_cases_mod, only: new_ocean, continents
    use report_mod, only: report, report_bytes, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF, MPI_COMM_WORLD
    implicit none

    integer, parameter :: nlon = 48, nlat = 36, nlev = 6     ! hourly steps of two days
    type(comm_type) :: world, alone
    type(ocean_type) :: together, single, resumed
    type(status_type) :: status
    type(traffic_type), target :: traffic
    integer :: mask(nlon, nlat)
    real(dp) :: depth(nlon, nlat)
    real(dp), allocatable :: a(:), b(:), half(:)

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call alone%init(MPI_COMM_SELF%mpi_val)
    call continents(nlon, nlat, mask, depth)
    call new_ocean(together, world, 'test_mpi_ocean', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
    allocate (a(ocean_state_size(together)), b(ocean_state_size(together)), half(ocean_state_size(together)))
    call advance(together)
    call ocean_pack(together, half)
    call advance(together)
    call ocean_pack(together, a)
    call check_messages(together)

    ! 2N = N + restart + N, the restart written on all ranks and read on all.
    call new_ocean(resumed, world, 'test_mpi_ocean', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
    call ocean_unpack(resumed, half, status)
    call advance(resumed)
    call ocean_pack(resumed, b)
    if (world%is_root()) call report_bytes('restart_on_the_same_ranks_bytes', b, a)

    if (world%is_root()) then
        call new_ocean(single, alone, 'test_mpi_ocean_alone', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        call ocean_unpack(single, half, status)
        call advance(single)
        call ocean_pack(single, b)
        call report_bytes('restart_on_one_rank_bytes', b, a)
        call new_ocean(resumed, alone, 'test_mpi_ocean_alone', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        call advance(resumed)
        call advance(resumed)
        call ocean_pack(resumed, b)
        call report_bytes('all_ranks_against_one_bytes', b, a)
        call report('the_ocean_moves', min(maxval(abs(single%u)), 0.05_dp), 0.05_dp, 0.0_dp)
        if (status%failed()) print '(a)', trim(status%message)
        call report('run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    end if
    call world%barrier()
    call MPI_Finalize()
    call finish()

contains

    !> What four steps receive against the sizes of the halos (docs/models/performance.md).
    subroutine check_messages(o)
        type(ocean_type), intent(inout) :: o
        integer, parameter :: some = 4
        real(dp) :: nothing(o%i_first:o%i_last, o%j_first:o%j_last)
        integer :: exchanges, bytes
        nothing = 0.0_dp
        o%halo%comm%traffic => traffic
        call ocean_step(o, nothing, nothing, nothing, nothing, some*3600.0_dp, status)
        o%halo%comm%traffic => null()
        associate (w => o%halo%width)
            exchanges = (o%grid%substeps + w - 3)/(w - 2)
            bytes = received(1, 2) + some*((1 + exchanges)*received(w, 3) + received(1, 2*nlev) + received(2, 2*nlev) &
                + received(w, 1))
        end associate
        call report('bytes_received_from_neighbours', real(traffic%bytes(neighbour), dp), real(bytes, dp), 0.0_dp)
    end subroutine check_messages

    !> Bytes of one update of so many columns' halos.
    integer function received(w, levels)
        integer, intent(in) :: w, levels
        associate (h => together%halo)
            received = 8*levels*w*(merge(2*h%ny, 0, h%px > 1) + (h%nx + 2*w)*count([h%south, h%north] /= nobody))
        end associate
    end function received

    !> One day of wind, heat and rain with an increment in the middle.
    subroutine advance(o)
        type(ocean_type), intent(inout) :: o
        real(dp), dimension(o%i_first:o%i_last, o%j_first:o%j_last) :: tx, ty, heat, rain, bump
        integer :: i, j
        do j = o%j_first, o%j_last
            do i = o%i_first, o%i_last
                tx(i, j) = -0.1_dp*cos(3.0_dp*o%lat(j)*degree)
                ty(i, j) = 0.02_dp*sin(2.0_dp*o%lon(i)*degree)
                heat(i, j) = 100.0_dp*cos(2.0_dp*o%lat(j)*degree)
                rain(i, j) = 3.0e-5_dp*sin(6.0_dp*o%lat(j)*degree)
                bump(i, j) = 0.1_dp*cos(3.0_dp*o%lon(i)*degree)*cos(o%lat(j)*degree)
            end do
        end do
        call ocean_step(o, tx, ty, heat, rain, 0.5_dp*seconds_per_day, status)
        call ocean_add_surface_increment(o, bump, bump, -bump, bump, status)
        call ocean_step(o, tx, ty, heat, rain, 0.5_dp*seconds_per_day, status)
    end subroutine advance
end program test_mpi_ocean
