!> Lower library of the small model: sums over ranks, and the call out to whoever analyses the field.
module base_mod
    use, intrinsic :: iso_c_binding, only: c_double
    use mpi
    use callback_mod, only: callback_call, callback_ok
    implicit none
    private

    integer, save :: comm = MPI_COMM_NULL
    character(len=200), save :: message = ''

    public :: base_abort, base_init, base_send, global_sum, analyse, complain, last_message, my_rank

contains

    subroutine base_init(fcomm)
        integer, intent(in) :: fcomm
        comm = fcomm
        message = ''
    end subroutine base_init

    integer function my_rank()
        integer :: ierr
        call MPI_Comm_rank(comm, my_rank, ierr)
    end function my_rank

    subroutine base_abort(code)
        integer, intent(in) :: code
        integer :: ierr
        call MPI_Abort(comm, code, ierr)
    end subroutine base_abort

    !> A message to somebody, without a look at the error code, as is usual.
    subroutine base_send(rank)
        integer, intent(in) :: rank
        integer :: ierr
        call MPI_Send([1], 1, MPI_INTEGER, rank, 0, comm, ierr)
    end subroutine base_send

    real(c_double) function global_sum(x)
        real(c_double), intent(in) :: x(:, :)
        integer :: ierr
        call MPI_Allreduce(sum(x), global_sum, 1, MPI_DOUBLE_PRECISION, MPI_SUM, comm, ierr)
    end function global_sum

    subroutine analyse(x, ok)
        real(c_double), intent(inout) :: x(:, :)
        logical, intent(out) :: ok
        real(c_double), allocatable :: work(:, :)
        integer :: rc
        work = x  ! lost if anything jumps over this frame
        call callback_call('analysis', x, rc)
        ok = rc == callback_ok
        if (.not. ok) call complain('the analysis failed')
    end subroutine analyse

    subroutine complain(text)
        character(len=*), intent(in) :: text
        message = text
    end subroutine complain

    function last_message()
        character(len=200) :: last_message
        last_message = message
    end function last_message
end module base_mod
