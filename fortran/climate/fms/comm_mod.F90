!> Message passing of the climate model: whole-array collectives whose results do not depend on the number of ranks.
!! No reduction of reals is offered on purpose: a sum that depends on the number of ranks would break bitwise
!! reproducibility. Gather the parts and add them in global order instead.
module comm_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, message_length
    use mpi_f08, only: MPI_Comm, MPI_COMM_NULL, MPI_Comm_rank, MPI_Comm_size, MPI_Allgather, MPI_Allgatherv, &
        MPI_Gatherv, MPI_Scatterv, MPI_Bcast, MPI_Allreduce, MPI_Barrier, MPI_DOUBLE_PRECISION, MPI_INTEGER, &
        MPI_CHARACTER, MPI_MIN
    implicit none
    private

    !> A communicator with this process's place in it.
    type, public :: comm_type
        type(MPI_Comm) :: handle = MPI_COMM_NULL
        integer :: rank = 0
        integer :: size = 1
    contains
        procedure :: init
        procedure :: is_root
        procedure :: counts_of
        procedure :: allgatherv
        procedure :: gatherv
        procedure :: scatterv
        procedure :: bcast
        procedure :: agree
        procedure :: barrier
    end type comm_type

contains

    subroutine init(self, fortran_handle)
        class(comm_type), intent(out) :: self
        integer, intent(in) :: fortran_handle  !< as given by mpi4py's comm.py2f()
        self%handle%mpi_val = fortran_handle
        call MPI_Comm_rank(self%handle, self%rank)
        call MPI_Comm_size(self%handle, self%size)
    end subroutine init

    logical pure function is_root(self)
        class(comm_type), intent(in) :: self
        is_root = self%rank == 0
    end function is_root

    !> Everyone's count, in rank order.
    subroutine counts_of(self, count, counts)
        class(comm_type), intent(in) :: self
        integer, intent(in) :: count
        integer, intent(out) :: counts(:)   !< (size)
        call MPI_Allgather(count, 1, MPI_INTEGER, counts, 1, MPI_INTEGER, self%handle)
    end subroutine counts_of

    !> Concatenate every rank's part, in rank order, on every rank.
    subroutine allgatherv(self, part, counts, whole)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: part(:)
        integer, intent(in) :: counts(:)
        real(dp), contiguous, intent(inout) :: whole(:)
        call MPI_Allgatherv(part, size(part), MPI_DOUBLE_PRECISION, whole, counts, offsets(counts), &
            MPI_DOUBLE_PRECISION, self%handle)
    end subroutine allgatherv

    !> Concatenate every rank's part, in rank order, on rank 0; whole is untouched elsewhere.
    subroutine gatherv(self, part, counts, whole)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: part(:)
        integer, intent(in) :: counts(:)
        real(dp), contiguous, intent(inout) :: whole(:)
        call MPI_Gatherv(part, size(part), MPI_DOUBLE_PRECISION, whole, counts, offsets(counts), &
            MPI_DOUBLE_PRECISION, 0, self%handle)
    end subroutine gatherv

    !> Cut rank 0's array into parts, in rank order.
    subroutine scatterv(self, whole, counts, part)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: whole(:)
        integer, intent(in) :: counts(:)
        real(dp), contiguous, intent(inout) :: part(:)
        call MPI_Scatterv(whole, counts, offsets(counts), MPI_DOUBLE_PRECISION, part, size(part), &
            MPI_DOUBLE_PRECISION, 0, self%handle)
    end subroutine scatterv

    !> Copy rank 0's array to all.
    subroutine bcast(self, array)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(inout) :: array(:)
        call MPI_Bcast(array, size(array), MPI_DOUBLE_PRECISION, 0, self%handle)
    end subroutine bcast

    !> Make one rank's error everyone's: after this call all ranks hold the status of the lowest failing rank.
    subroutine agree(self, status)
        class(comm_type), intent(in) :: self
        type(status_type), intent(inout) :: status
        integer :: candidate, first, code
        character(len=message_length) :: message

        candidate = self%size
        if (status%failed()) candidate = self%rank
        call MPI_Allreduce(candidate, first, 1, MPI_INTEGER, MPI_MIN, self%handle)
        if (first == self%size) return
        code = status%code
        message = status%message
        call MPI_Bcast(code, 1, MPI_INTEGER, first, self%handle)
        call MPI_Bcast(message, message_length, MPI_CHARACTER, first, self%handle)
        status%code = code
        status%message = message
    end subroutine agree

    subroutine barrier(self)
        class(comm_type), intent(in) :: self
        call MPI_Barrier(self%handle)
    end subroutine barrier

    pure function offsets(counts)
        integer, intent(in) :: counts(:)
        integer :: offsets(size(counts))
        integer :: i
        offsets(1) = 0
        do i = 2, size(counts)
            offsets(i) = offsets(i - 1) + counts(i - 1)
        end do
    end function offsets
end module comm_mod
