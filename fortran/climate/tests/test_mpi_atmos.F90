!> The state does not depend on the number of ranks: each rank runs the model alone and all run it together, with
!! surface fluxes, topography and an increment; the packed states are compared bit by bit, and a restart crosses over.
program test_mpi_atmos
    use kinds_mod, only: dp, i8
    use constants_mod, only: degree
    use status_mod, only: status_type
    use comm_mod, only: comm_type, traffic_type, exchange
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_add_surface_increment, &
        atmos_state_size, atmos_pack, atmos_unpack
    use report_mod, only: report, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_Comm, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    integer, parameter :: trunc = 21, nlon = 64, nlat = 32, nlev = 4, steps = 24
    type(comm_type) :: world
    type(atmos_type) :: together, alone
    type(status_type) :: status
    type(traffic_type), target :: traffic
    real(dp), allocatable :: a(:), b(:)

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call run(together, MPI_COMM_WORLD)
    call run(alone, MPI_COMM_SELF)
    allocate(a(atmos_state_size(together)), b(atmos_state_size(alone)))
    call atmos_pack(together, a)
    call atmos_pack(alone, b)
    call report('ranks', real(world%size, dp), real(world%size, dp), 0.0_dp)
    call report('numbers_differing_together_alone', real(different(a, b), dp), 0.0_dp, 0.0_dp)
    call report('grid_values_differing', real(grid_difference(), dp), 0.0_dp, 0.0_dp)

    call atmos_unpack(together, b, status)
    call atmos_pack(together, a)
    call report('numbers_differing_after_restart_on_other_ranks', real(different(a, b), dp), 0.0_dp, 0.0_dp)
    together%dynamics%transform%comm%traffic => traffic
    call step(together, steps)
    call check_messages()
    call step(alone, steps)
    call atmos_pack(together, a)
    call atmos_pack(alone, b)
    call report('numbers_differing_resumed', real(different(a, b), dp), 0.0_dp, 0.0_dp)
    call MPI_Finalize()
    call finish()

contains

    subroutine run(atmos, comm)
        type(atmos_type), intent(out) :: atmos
        type(MPI_Comm), intent(in) :: comm
        type(comm_type) :: place
        real(dp) :: mountain(nlon, nlat)
        real(dp), allocatable :: d(:, :)
        integer :: j

        do j = 1, nlat
            mountain(:, j) = 1500.0_dp*exp(-((j - 20.0_dp)/4.0_dp)**2)
        end do
        mountain(nlon/2:, :) = 0.0_dp
        call place%init(comm%mpi_val)
        call atmos_init(atmos, place, '', trunc, nlon, nlat, nlev, 3600.0_dp, mountain, status)
        if (status%failed()) error stop 'init refused'
        call step(atmos, steps)
        allocate(d, source=pattern(atmos))
        call atmos_add_surface_increment(atmos, 50.0_dp*d, d, d, -d, status)
        call step(atmos, steps)
    end subroutine run

    subroutine step(atmos, n)
        type(atmos_type), intent(inout) :: atmos
        integer, intent(in) :: n
        real(dp) :: d(nlon, size(atmos%rows))
        integer :: i
        d = pattern(atmos)
        do i = 1, n
            call atmos_step(atmos, -0.1_dp*d, 0.1_dp*d, 50.0_dp*d, status)
            if (status%failed()) error stop 'unstable'
        end do
    end subroutine step

    function pattern(atmos) result(d)
        type(atmos_type), intent(in) :: atmos
        real(dp) :: d(nlon, size(atmos%rows))
        integer :: j
        do j = 1, size(atmos%rows)
            d(:, j) = cos(3.0_dp*atmos%lon*degree)*cos(atmos%lat(atmos%rows(j))*degree)
        end do
    end function pattern

    !> Own rows of the joint run against the same rows of the lone run; the worst rank's count is judged by every rank.
    integer function grid_difference()
        real(dp), allocatable, dimension(:, :, :) :: u, v, t, u1, v1, t1
        real(dp), allocatable :: ps(:, :), ps1(:, :)
        integer :: n

        n = size(together%rows)
        allocate(u(nlon, n, nlev), v(nlon, n, nlev), t(nlon, n, nlev), ps(nlon, n))
        allocate(u1(nlon, nlat, nlev), v1(nlon, nlat, nlev), t1(nlon, nlat, nlev), ps1(nlon, nlat))
        call atmos_fields(together, u, v, t, ps)
        call atmos_fields(alone, u1, v1, t1, ps1)
        grid_difference = count(u /= u1(:, together%rows, :)) + count(v /= v1(:, together%rows, :)) &
            + count(t /= t1(:, together%rows, :)) + count(ps /= ps1(:, together%rows))
        if (grid_difference > 0) error stop 'grid fields differ'
    end function grid_difference

    !> A step has three syntheses of 5 nlev + 3 columns and one of 1, three analyses of 6 nlev + 1; four numbers per
    !! column, wavenumber and pair.
    subroutine check_messages()
        integer, parameter :: down = 3*(5*nlev + 3) + 1, up = 3*(6*nlev + 1)
        associate (l => together%dynamics%transform%layout)
            call report('bytes_received_in_transforms', real(traffic%bytes(exchange), dp), real(32*steps &
                *(down*l%npairs*(trunc + 1 - l%nm) + up*l%nm*(l%npairs_global - l%npairs)), dp), 0.0_dp)
        end associate
        call report('messages_received_in_transforms', real(traffic%messages(exchange), dp), &
            real(7*steps*(world%size - 1), dp), 0.0_dp)
    end subroutine check_messages

    !> Only rank 0 holds the joint state.
    integer function different(x, y)
        real(dp), intent(in) :: x(:), y(:)
        integer :: i
        different = 0
        if (.not. world%is_root()) return
        do i = 1, size(x)
            if (transfer(x(i), 1_i8) /= transfer(y(i), 1_i8)) different = different + 1
        end do
    end function different
end program test_mpi_atmos
