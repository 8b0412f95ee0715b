!> The weakly coupled filter on the real atmosphere and ocean: every rank runs the models and the filter alone and all
!! run them together; the packed states have to agree bit by bit. Analyses draw the model towards the observations, and
!! observations that equal the model change no bit.
program test_mpi_da_mshea
    use report_mod, only: report_judged, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use netcdf_io_mod, only: netcdf_file_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_surface, atmos_state_size, atmos_pack
    use ocean_mod, only: ocean_type, ocean_init, ocean_step, ocean_surface, ocean_state_size, ocean_pack
    use da_mshea_mod, only: mshea_type, mshea_init, mshea_atmos, mshea_ocean
    implicit none

    integer, parameter :: nlon = 64, nlat = 32, nlev = 4, io = 36, jo = 20, ko = 5, members = 10, nobs = 60

    !> Both models and the filter on one communicator.
    type :: set_type
        type(atmos_type) :: atmos
        type(ocean_type) :: ocean
        type(mshea_type) :: filter
    end type set_type

    type(comm_type) :: world, self
    type(set_type) :: together, alone
    type(status_type) :: status
    real(dp), allocatable :: a(:), b(:)
    real(dp) :: lon(nobs), lat(nobs), before, after
    character(len=:), allocatable :: stem
    integer :: i

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call self%init(MPI_COMM_SELF%mpi_val)
    stem = 'test_mpi_da_mshea_'//achar(iachar('0') + world%size)
    lon = [(modulo(222.5_dp*i, 360.0_dp), i=1, nobs)]
    lat = [(-70.0_dp + 140.0_dp*modulo(0.618_dp*i, 1.0_dp), i=1, nobs)]
    if (world%is_root()) call write_files()
    call world%barrier()
    call run(together, world)
    call run(alone, self)
    call compare('atmos_ranks_bitwise', packed_atmos(together), packed_atmos(alone))
    call compare('ocean_ranks_bitwise', packed_ocean(together), packed_ocean(alone))
    call test_pull()
    call test_zero_innovation()
    call test_refusal()
    call MPI_Finalize()
    call finish()

contains

    subroutine compare(test, a, b)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: a(:), b(:)
        call report_judged(test, real(count(a /= b), dp), 0.0_dp, all(a == b))
    end subroutine compare

    !> Start, step, assimilate, step.
    subroutine run(set, comm)
        type(set_type), intent(inout) :: set
        type(comm_type), intent(in) :: comm
        real(dp) :: flat(nlon, nlat), depth(io, jo)
        flat = 0.0_dp
        depth = 4000.0_dp
        call atmos_init(set%atmos, comm, '', 21, nlon, nlat, nlev, 3600.0_dp, flat, status)
        call ocean_init(set%ocean, comm, '', io, jo, ko, 3600.0_dp, sea(), depth, status)
        call mshea_init(set%filter, comm, stem//'.nml', set%atmos, set%ocean, status)
        if (status%failed()) print '(a)', trim(status%message)
        if (status%failed()) error stop 'init refused'
        call step(set)
        call assimilate(set, 1.0_dp)
        call step(set)
        if (status%failed()) print '(a)', trim(status%message)
        if (status%failed()) error stop 'the run failed'
    end subroutine run

    subroutine step(set)
        type(set_type), intent(inout) :: set
        real(dp) :: zero(nlon, size(set%atmos%rows))
        real(dp), allocatable :: still(:, :), wind(:, :)
        integer :: n
        zero = 0.0_dp
        allocate (still(set%ocean%i_last - set%ocean%i_first + 1, set%ocean%j_last - set%ocean%j_first + 1))
        still = 0.0_dp
        wind = still + 0.05_dp
        do n = 1, 6
            call atmos_step(set%atmos, zero, zero, zero, status)
            call ocean_step(set%ocean, wind, still, still, still, 3600.0_dp, status)
        end do
    end subroutine step

    !> Observations on no grid, some way from the initial state: a wave in ps, a pattern in SST.
    subroutine assimilate(set, amplitude)
        type(set_type), intent(inout) :: set
        real(dp), intent(in) :: amplitude
        call mshea_atmos(set%filter, set%atmos, spread(1, 1, nobs), lon, lat, &
            1.0e5_dp + 300.0_dp*amplitude*cos(2.0_dp*lon*degree), spread(100.0_dp, 1, nobs), status)
        call mshea_ocean(set%filter, set%ocean, spread(5, 1, nobs), lon, lat, &
            25.0_dp - 25.0_dp*sin(lat*degree)**2 + amplitude*cos(lon*degree), spread(0.5_dp, 1, nobs), status)
    end subroutine assimilate

    !> The same observation again and again draws the model to it. One observation of each kind, on a cell's centre.
    subroutine test_pull()
        integer :: j_sea
        j_sea = jo/2
        call pull_atmos(nlat/2, before, after)
        call report_judged('ps_drawn_to_observation', after, before, &
            abs(after) < 0.5_dp*abs(before) .and. before /= 0.0_dp)
        call pull_ocean(j_sea, before, after)
        call report_judged('sst_drawn_to_observation', after, before, &
            abs(after) < 0.5_dp*abs(before) .and. before /= 0.0_dp)
    end subroutine test_pull

    subroutine pull_atmos(j, before, after)
        integer, intent(in) :: j
        real(dp), intent(out) :: before, after
        real(dp) :: ps(nlon, nlat), target
        call whole_ps(alone%atmos, ps)
        target = ps(1, j) + 200.0_dp
        before = target - ps(1, j)
        call mshea_atmos(alone%filter, alone%atmos, [1], [0.0_dp], [alone%atmos%lat(j)], [target], [20.0_dp], status)
        call whole_ps(alone%atmos, ps)
        after = target - ps(1, j)
    end subroutine pull_atmos

    subroutine pull_ocean(j, before, after)
        integer, intent(in) :: j
        real(dp), intent(out) :: before, after
        real(dp) :: sst(io, jo), target
        call whole_sst(alone%ocean, sst)
        target = sst(1, j) + 0.5_dp
        before = target - sst(1, j)
        call mshea_ocean(alone%filter, alone%ocean, [5], [alone%ocean%lon(1)], [alone%ocean%lat(j)], [target], &
            [0.05_dp], status)
        call whole_sst(alone%ocean, sst)
        after = target - sst(1, j)
    end subroutine pull_ocean

    !> Observations of the first cell of every row, equal to the model, so that interpolation is exact.
    subroutine test_zero_innovation()
        real(dp) :: ps(nlon, nlat), sst(io, jo)
        integer, allocatable :: rows(:)
        integer :: n
        call whole_ps(alone%atmos, ps)
        call whole_sst(alone%ocean, sst)
        a = packed_atmos(alone)
        b = packed_ocean(alone)
        rows = pack([(i, i=1, jo)], alone%ocean%wet(1, :))
        n = size(rows)
        call mshea_atmos(alone%filter, alone%atmos, spread(1, 1, nlat), spread(0.0_dp, 1, nlat), alone%atmos%lat, &
            ps(1, :), spread(50.0_dp, 1, nlat), status)
        call mshea_ocean(alone%filter, alone%ocean, spread(5, 1, n), spread(alone%ocean%lon(1), 1, n), &
            alone%ocean%lat(rows), sst(1, rows), spread(0.1_dp, 1, n), status)
        call report_judged('zero_innovation_used', real(alone%filter%ocean_tally%used, dp), real(n, dp), &
            alone%filter%ocean_tally%used == n .and. alone%filter%atmos_tally%used == nlat)
        call compare('zero_innovation_atmos_bitwise', packed_atmos(alone), a)
        call compare('zero_innovation_ocean_bitwise', packed_ocean(alone), b)
    end subroutine test_zero_innovation

    subroutine test_refusal()
        call mshea_atmos(alone%filter, alone%atmos, [5], [0.0_dp], [0.0_dp], [1.0e5_dp], [1.0_dp], status)
        call report_judged('refuses_sst_in_atmosphere', real(status%code, dp), 1.0_dp, &
            index(status%message, 'kind 5') > 0)
        call status%clear()
    end subroutine test_refusal

    subroutine whole_ps(atmos, ps)
        type(atmos_type), intent(inout) :: atmos
        real(dp), intent(out) :: ps(nlon, nlat)
        real(dp), dimension(nlon, nlat) :: part, t, u, v
        integer :: r
        call atmos_surface(atmos, part, t, u, v)
        do r = 1, nlat
            ps(:, atmos%rows(r)) = part(:, r)
        end do
    end subroutine whole_ps

    subroutine whole_sst(ocean, sst)
        type(ocean_type), intent(in) :: ocean
        real(dp), intent(out) :: sst(io, jo)
        real(dp), dimension(io, jo) :: u, v, h
        call ocean_surface(ocean, sst, u, v, h)
    end subroutine whole_sst

    function packed_atmos(set) result(x)
        type(set_type), intent(in) :: set
        real(dp), allocatable :: x(:)
        allocate (x(atmos_state_size(set%atmos)), source=0.0_dp)
        call atmos_pack(set%atmos, x)
        call world%bcast(x)
    end function packed_atmos

    function packed_ocean(set) result(x)
        type(set_type), intent(in) :: set
        real(dp), allocatable :: x(:)
        allocate (x(ocean_state_size(set%ocean)), source=0.0_dp)
        call ocean_pack(set%ocean, x)
        call world%bcast(x)
    end function packed_ocean

    !> Two continents from 50S to the north.
    function sea()
        integer :: sea(io, jo)
        sea = 1
        sea(10:12, 4:) = 0
        sea(26:28, 4:) = 0
        sea(:, 1) = 0
        sea(:, jo) = 0
    end function sea

    !> Smooth anomalies in which all fields of a component vary together.
    subroutine write_files()
        type(netcdf_file_type) :: file
        type(status_type) :: outcome
        real(dp), allocatable :: air(:, :, :, :), water(:, :, :, :)
        integer :: unit, n
        allocate (air(nlon, nlat, nlev, members), water(io, jo, ko, members))
        open (newunit=unit, file=stem//'.nml')
        write (unit, '(a)') '&da_nml', "ensemble_file = '"//stem//".nc'", 'outlier_limit = 0.0', &
            'update_currents = .true.', '/'
        close (unit)
        do n = 1, members
            call pattern(n, air(:, :, :, n))
            call pattern(n, water(:, :, :, n))
        end do
        call file%create(stem//'.nc', outcome)
        call write_field(file, 'ps', 300.0_dp*air(:, :, 1, :), outcome)
        call write_levels(file, 't', 'level', 1.5_dp*air, outcome)
        call write_levels(file, 'u', 'level', 3.0_dp*air, outcome)
        call write_levels(file, 'v', 'level', -2.0_dp*air, outcome)
        call write_levels(file, 'temp', 'depth', water, outcome)
        call write_levels(file, 'salt', 'depth', 0.1_dp*water, outcome)
        call write_levels(file, 'uo', 'depth', 0.02_dp*water, outcome)
        call write_levels(file, 'vo', 'depth', -0.01_dp*water, outcome)
        call file%close(outcome)
        if (outcome%failed()) error stop 'the test cannot write its ensemble'
    end subroutine write_files

    subroutine pattern(n, x)
        integer, intent(in) :: n
        real(dp), intent(out) :: x(:, :, :)
        real(dp) :: east, north
        integer :: i, j, k
        do k = 1, size(x, 3)
            do j = 1, size(x, 2)
                do i = 1, size(x, 1)
                    east = 360.0_dp*degree*(i - 1)/size(x, 1)
                    north = 180.0_dp*degree*j/size(x, 2)
                    x(i, j, k) = exp(-0.2_dp*(k - 1)) &
                        *(sin(east*(1 + mod(n, 3)) + 0.7_dp*n**2) + cos(north*n + 1.3_dp*n))
                end do
            end do
        end do
    end subroutine pattern

    subroutine write_field(file, name, x, outcome)
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: x(:, :, :)
        type(status_type), intent(inout) :: outcome
        call file%write(name, [character(len=6) :: 'lon', 'lat', 'member'], shape(x), x, '1', outcome)
    end subroutine write_field

    subroutine write_levels(file, name, level, x, outcome)
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name, level
        real(dp), intent(in) :: x(:, :, :, :)
        type(status_type), intent(inout) :: outcome
        if (level == 'depth') then
            call file%write(name, [character(len=6) :: 'io', 'jo', level, 'member'], shape(x), x, '1', outcome)
        else
            call file%write(name, [character(len=6) :: 'lon', 'lat', level, 'member'], shape(x), x, '1', outcome)
        end if
    end subroutine write_levels
end program test_mpi_da_mshea
