!> One component of the filter, end to end on any number of ranks: an ensemble file is written, read and assimilated
!! on a small ocean with two basins, dealt out cell by cell in turn; every number has to be that of the same analysis on
!! one rank. Bad files have to be refused by name.
program test_mpi_da_component
    use, intrinsic :: ieee_arithmetic, only: ieee_value, ieee_quiet_nan
    use report_mod, only: report, report_that, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use netcdf_io_mod, only: netcdf_file_type
    use da_component_mod, only: component_type, tally_type, component_init, component_analyse, component_unpack, &
        level_field
    use da_ensemble_mod, only: ensembles_read
    implicit none

    integer, parameter :: nlon = 24, nlat = 13, nlev = 5, members = 8, nobs = 40
    character(len=:), allocatable :: path       ! one file per number of ranks, since the tests may run side by side
    character(len=6), parameter :: dimensions(4) = [character(len=6) :: 'lon', 'lat', 'depth', 'member']
    type(comm_type) :: world, alone
    type(status_type) :: status
    real(dp) :: lon(nlon), lat(nlat), lon_obs(nobs), lat_obs(nobs), value(nobs), error(nobs)
    real(dp) :: temp(nlon, nlat, nlev, members), salt(nlon, nlat, nlev, members), ours(nlon*nlat, nlev, 2)
    real(dp) :: reference(nlon*nlat, nlev, 2)
    logical :: wet(nlon, nlat)
    type(tally_type) :: tally
    integer :: i

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call alone%init(MPI_COMM_SELF%mpi_val)
    path = 'test_mpi_da_component_'//achar(iachar('0') + world%size)//'.nc'
    call make_world()
    if (world%is_root()) call write_ensemble()
    call world%barrier()
    call analyse(world, ours, tally)
    call report('status', real(status%code, dp), 0.0_dp, 0.0_dp)
    if (world%is_root()) then
        call analyse(alone, reference, tally)
        call report('ranks_bitwise', real(count(ours /= reference), dp), 0.0_dp, 0.0_dp)
        call report('observations_outside', real(tally%outside, dp), real(count_outside(), dp), 0.0_dp)
        call report('observations_outliers', real(tally%outliers, dp), 1.0_dp, 0.0_dp)
        call report('observations_used', real(tally%used, dp), real(nobs - 1 - count_outside(), dp), 0.0_dp)
        call report_that('temp_moves', maxval(abs(ours(:, :, 1))) > 0.1_dp)
        call report_that('salt_moves', maxval(abs(ours(:, :, 2))) > 0.01_dp)
        call report('below_ground', maxval(abs(ours(:, 4:, :))), 0.0_dp, 0.0_dp)
        call report('land', maxval(abs(pack(ours(:, 1, 1), .not. reshape(wet, [nlon*nlat])))), 0.0_dp, 0.0_dp)
        call report('nothing_is_capped', real(tally%capped, dp), 0.0_dp, 0.0_dp)
        call report('salt_is_half_temp', maxval(abs(ours(:, :, 2) - 0.5_dp*ours(:, :, 1))), 0.0_dp, 1.0e-14_dp)
    end if
    call world%barrier()
    call test_two_ensembles()
    call test_refusals()
    call MPI_Finalize()
    call finish()

contains

    !> Two basins, five levels of which the lowest two are ground; smooth anomalies; one observation far from its prior.
    subroutine make_world()
        integer :: j, k, n
        lon = [(15.0_dp*(i - 0.5_dp), i=1, nlon)]
        lat = [(-72.0_dp + 12.0_dp*(i - 1), i=1, nlat)]
        wet = .true.
        wet(5:7, 3:) = .false.
        wet(17, 3:) = .false.
        wet(:, nlat) = .false.
        do n = 1, members
            do k = 1, nlev
                do j = 1, nlat
                    temp(:, j, k, n) = exp(-0.3_dp*(k - 1))*(sin(lon*degree*n + 0.7_dp*n**2) &
                        + cos(lat(j)*degree*n + 1.3_dp*n))
                end do
            end do
        end do
        temp(:, :, 4:, :) = ieee_value(1.0_dp, ieee_quiet_nan)
        do k = 1, 3
            do n = 1, members
                where (.not. wet) temp(:, :, k, n) = 9.96921e36_dp
            end do
        end do
        salt = 0.5_dp*temp
        lon_obs = [(modulo(37.3_dp*i, 360.0_dp), i=1, nobs)]
        lat_obs = [(-66.0_dp + 132.0_dp*modulo(0.618_dp*i, 1.0_dp), i=1, nobs)]
        value = [(sin(1.7_dp*i), i=1, nobs)]
        value(nobs) = 1.0e3_dp
        error = 0.5_dp
    end subroutine make_world

    integer function count_outside()
        use da_interpolation_mod, only: interpolation_type, interpolation_find
        type(interpolation_type) :: at
        integer :: j
        count_outside = 0
        do j = 1, nobs
            at = interpolation_find(lon_obs(j), lat_obs(j), lon, lat, wet, polar=.false.)
            if (at%nearest == 0) count_outside = count_outside + 1
        end do
    end function count_outside

    subroutine write_ensemble()
        type(netcdf_file_type) :: file
        type(status_type) :: outcome
        call file%create(path, outcome)
        call file%write('temp', dimensions, shape(temp), temp, 'K', outcome)
        call file%write('salt', dimensions, shape(salt), salt, 'g/kg', outcome)
        call file%close(outcome)
        if (outcome%failed()) error stop 'the test cannot write its ensemble'
    end subroutine write_ensemble

    !> Read and assimilate with the cells dealt out in turn; whole fields on rank 0.
    subroutine analyse(comm, whole, tally)
        type(comm_type), intent(in) :: comm
        real(dp), intent(out) :: whole(:, :, :)
        type(tally_type), intent(out) :: tally
        type(component_type) :: ocean
        real(dp), allocatable :: part(:, :), surface(:, :)
        integer :: f, k
        call read_component(comm, ocean)
        if (status%failed()) return
        allocate (part(ocean%layout%n_here, nlev))
        allocate (surface(ocean%layout%n_here, 2), source=0.25_dp)
        call component_analyse(ocean, spread(1, 1, nobs), surface, lon_obs, lat_obs, value, error, tally, status)
        do f = 1, 2
            call component_unpack(ocean, f, part)
            do k = 1, nlev
                call ocean%layout%gather(part(:, k), whole(:, k, f))
            end do
        end do
    end subroutine analyse

    subroutine read_component(comm, ocean)
        type(comm_type), intent(in) :: comm
        type(component_type), intent(out) :: ocean
        call component_init(ocean, comm, lon, lat, wet, [(i, i=1 + comm%rank, nlon*nlat, comm%size)], 1, status)
        ocean%fields = [level_field('temp', huge(1.0_dp), nlev, 1, 7.0_dp), &
            level_field('salt', huge(1.0_dp), nlev, 1, 7.0_dp)]
        ocean%localization%radius = [3.0e6_dp, 3.0e6_dp]
        ocean%outlier_limit = 20.0_dp
        call ensembles_read(ocean, [path], [1.0_dp], .false., 1.1_dp, spread(3, 1, size(ocean%local)), status)
    end subroutine read_component

    !> Two files of 8 and 5 members with weights 0.5 and 1.5, and one of weight zero that is not there. One observation
    !! at a cell's centre: the increment of the summed covariance is cov/(v + r) d with cov = sum w_e cov_e and
    !! v = sum w_e v_e; that of two filters is sum w_e cov_e/(v_e + r) d.
    subroutine test_two_ensembles()
        real(dp), parameter :: d = 0.7_dp, r = 0.5_dp**2, w(2) = [0.5_dp, 1.5_dp]
        real(dp) :: second(nlon, nlat, nlev, 5), v(2), cov(2), x(nlon*nlat, nlev)
        integer :: at, other
        at = 12
        other = 13
        second = 0.3_dp*temp(:, :, :, 2:6)**2
        if (world%is_root()) call write_one(temp)
        if (world%is_root()) call write_one(second, second_path())
        call world%barrier()
        v = [covariance(temp(at, 6, 1, :), temp(at, 6, 1, :)), covariance(second(at, 6, 1, :), second(at, 6, 1, :))]
        cov = [covariance(temp(at, 6, 1, :), temp(other, 6, 2, :)), &
            covariance(second(at, 6, 1, :), second(other, 6, 2, :))]
        call one_observation(.false., at, d, r, w, v, x)
        call report('summed_covariance_here', x(at + 5*nlon, 1), sum(w*v)/(sum(w*v) + r)*d, 1.0e-13_dp)
        call report('summed_covariance_beside', x(other + 5*nlon, 2), sum(w*cov)/(sum(w*v) + r)*d, 1.0e-13_dp)
        call one_observation(.true., at, d, r, w, v, x)
        call report('summed_increments_here', x(at + 5*nlon, 1), sum(w*v/(v + r))*d, 1.0e-13_dp)
        call report('summed_increments_beside', x(other + 5*nlon, 2), sum(w*cov/(v + r))*d, 1.0e-13_dp)
        call world%barrier()
        if (world%is_root()) open (newunit=i, file=second_path())
        if (world%is_root()) close (i, status='delete')
    end subroutine test_two_ensembles

    !> Assimilate one observation, d above the model, at longitude number `at` and latitude number 6.
    subroutine one_observation(separate, at, d, r, w, v, x)
        logical, intent(in) :: separate
        integer, intent(in) :: at
        real(dp), intent(in) :: d, r, w(2), v(2)
        real(dp), intent(out) :: x(:, :)
        type(component_type) :: ocean
        type(tally_type) :: tally
        real(dp), allocatable :: part(:, :), surface(:, :)
        character(len=60) :: paths(3)
        integer :: k
        paths = 'nowhere.nc'
        paths(1) = path
        paths(2) = second_path()
        call component_init(ocean, world, lon, lat, wet, [(i, i=1 + world%rank, nlon*nlat, world%size)], 1, status)
        ocean%fields = [level_field('temp', huge(1.0_dp), nlev, 1, 1.0e9_dp)]
        ocean%localization%radius = [1.0e15_dp]
        ocean%localization%levels = 1.0e9_dp
        call ensembles_read(ocean, paths, [w, 0.0_dp], separate, &
            1.0_dp, spread(3, 1, size(ocean%local)), status)
        allocate (part(ocean%layout%n_here, nlev), surface(ocean%layout%n_here, 1), source=0.0_dp)
        call component_analyse(ocean, [1], surface, lon(at:at), lat(6:6), [d], [sqrt(r)], tally, status)
        call component_unpack(ocean, 1, part)
        do k = 1, nlev
            call ocean%layout%gather_to_all(part(:, k), x(:, k))
        end do
        call report('tally_innovation', tally%innovation, d, 1.0e-15_dp)
        call report('tally_normalized', tally%normalized, d/sqrt(sum(w*v) + r), 1.0e-13_dp)
    end subroutine one_observation

    function second_path()
        character(len=:), allocatable :: second_path
        second_path = path//'.second'
    end function second_path

    pure real(dp) function covariance(a, b)
        real(dp), intent(in) :: a(:), b(:)
        covariance = sum((a - sum(a)/size(a))*(b - sum(b)/size(b)))/(size(a) - 1)
    end function covariance

    !> Every rank has to meet the same message, which names the file, the variable, what was found and expected.
    subroutine test_refusals()
        real(dp), allocatable :: bad(:, :, :, :)
        allocate (bad, source=temp)
        bad(8, 4, 2, 3) = ieee_value(1.0_dp, ieee_quiet_nan)
        call expect_refusal('refuses_nan', bad, ': temp is missing or not a number at member 3, level 2, cell 80')
        call expect_refusal('refuses_shape', temp(:, :, :4, :), &
            ': temp has shape (8, 4, 13, 24), expected (8, 5, 13, 24)')
        call expect_refusal('refuses_one_member', temp(:, :, :, :1), ': dimension member has length 1, expected 2')
        if (world%is_root()) open (newunit=i, file=path)
        if (world%is_root()) close (i, status='delete')
        call world%barrier()
        call expect_message('refuses_missing_file', 'cannot be opened')
    end subroutine test_refusals

    subroutine expect_refusal(test, bad, message)
        character(len=*), intent(in) :: test, message
        real(dp), intent(in) :: bad(:, :, :, :)
        if (world%is_root()) call write_one(bad)
        call world%barrier()
        call expect_message(test, message)
        call world%barrier()
    end subroutine expect_refusal

    subroutine write_one(bad, name)
        real(dp), intent(in) :: bad(:, :, :, :)
        character(len=*), intent(in), optional :: name
        type(netcdf_file_type) :: file
        type(status_type) :: outcome
        if (present(name)) call file%create(name, outcome)
        if (.not. present(name)) call file%create(path, outcome)
        call file%write('temp', dimensions, shape(bad), bad, 'K', outcome)
        call file%close(outcome)
    end subroutine write_one

    subroutine expect_message(test, message)
        character(len=*), intent(in) :: test, message
        type(component_type) :: ocean
        call status%clear()
        call read_component(world, ocean)
        call report_that(test, index(status%message, path) > 0 .and. index(status%message, message) > 0)
        call status%clear()
    end subroutine expect_message
end program test_mpi_da_component
