!> Rows `test ours reference gate passed` of the verification table. On several ranks rank 0 prints, and any rank on
!! which a row fails; every rank that saw a failure stops with an error in `finish`. Curves and fields for the figures
!! are lines `series name x ours [reference [gate]]` and `field name y values...`, the first of a field its x.
module report_mod
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use mpi_f08, only: MPI_Initialized, MPI_Finalized, MPI_Comm_rank, MPI_COMM_WORLD
    implicit none
    private
    public :: report, report_that, report_judged, report_bytes, report_message, report_series, report_field, &
        expect_well, finish

    logical :: any_failed = .false.

contains

    !> Passed if ours is within the gate of the reference; a NaN never is.
    subroutine report(test, ours, reference, gate)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: ours, reference, gate
        logical :: passed
        passed = abs(ours - reference) <= gate
        if (.not. passed) any_failed = .true.
        if (is_root() .or. .not. passed) print '(a, 3(1x, es23.15), 1x, l1)', test, ours, reference, gate, passed
    end subroutine report

    !> A row of something that holds or not.
    subroutine report_that(test, holds)
        character(len=*), intent(in) :: test
        logical, intent(in) :: holds
        call report(test, merge(1.0_dp, 0.0_dp, holds), 1.0_dp, 0.0_dp)
    end subroutine report_that

    !> A row without a gate, which the caller has judged.
    subroutine report_judged(test, ours, reference, passed)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: ours, reference
        logical, intent(in) :: passed
        if (.not. passed) any_failed = .true.
        if (is_root() .or. .not. passed) print '(a, 2(1x, es23.15), 1x, l1)', test, ours, reference, passed
    end subroutine report_judged

    !> A row that counts the numbers whose bytes differ.
    subroutine report_bytes(test, a, b)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: a(:), b(:)
        integer :: i, differ
        differ = abs(size(a) - size(b))
        do i = 1, min(size(a), size(b))
            if (any(transfer(a(i), [0]) /= transfer(b(i), [0]))) differ = differ + 1
        end do
        call report(test, real(differ, dp), 0.0_dp, 0.0_dp)
    end subroutine report_bytes

    !> A row that counts the ranks on which the status is an error that holds the text; the status is cleared.
    subroutine report_message(comm, test, text, status)
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: test, text
        type(status_type), intent(inout) :: status
        real(dp) :: found(1), all_found(comm%size)
        integer :: k
        found = merge(1.0_dp, 0.0_dp, status%code /= 0 .and. index(status%message, text) > 0)
        if (found(1) < 1.0_dp) print '(a)', trim(status%message)
        call comm%allgatherv(found, [(1, k=1, comm%size)], all_found)
        call report(test, sum(all_found), real(comm%size, dp), 0.0_dp)
        call status%clear()
    end subroutine report_message

    !> A curve of the figures, judged by the rows beside it; where its gate is 0 nothing is asked of it.
    subroutine report_series(name, x, ours, reference, gate)
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: x(:), ours(:)
        real(dp), intent(in), optional :: reference(:), gate(:)
        integer :: i
        if (.not. is_root()) return
        do i = 1, size(x)
            if (present(gate)) then
                print '(2a, 4(1x, es15.7e3))', 'series ', name, x(i), ours(i), reference(i), gate(i)
            else if (present(reference)) then
                print '(2a, 3(1x, es15.7e3))', 'series ', name, x(i), ours(i), reference(i)
            else
                print '(2a, 2(1x, es15.7e3))', 'series ', name, x(i), ours(i)
            end if
        end do
    end subroutine report_series

    !> A field of the figures.
    subroutine report_field(name, x, y, values)
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: x(:), y(:), values(:, :)
        integer :: j
        if (.not. is_root()) return
        print '(2a, 1x, a, *(1x, es13.6))', 'field ', name, 'x', x
        do j = 1, size(y)
            print '(2a, *(1x, es13.6))', 'field ', name, y(j), values(:, j)
        end do
    end subroutine report_field

    !> Stop with the message of a status that should not be there.
    subroutine expect_well(status)
        type(status_type), intent(in) :: status
        if (.not. status%failed()) return
        print '(a)', trim(status%message)
        error stop 1
    end subroutine expect_well

    !> Stop with an error if any row failed.
    subroutine finish()
        if (any_failed) error stop 1
    end subroutine finish

    logical function is_root()
        logical :: begun, ended
        integer :: rank
        rank = 0
        call MPI_Initialized(begun)
        call MPI_Finalized(ended)
        if (begun .and. .not. ended) call MPI_Comm_rank(MPI_COMM_WORLD, rank)
        is_root = rank == 0
    end function is_root
end module report_mod
