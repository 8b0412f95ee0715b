!> Message passing of the climate model: whole-array collectives whose results do not depend on the number of ranks.
!! No reduction of reals is offered on purpose: a sum that depends on the number of ranks would break bitwise
!! reproducibility. Gather the parts and add them in global order instead.
module comm_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type, message_length
    use mpi_f08, only: MPI_Comm, MPI_COMM_NULL, MPI_Comm_rank, MPI_Comm_size, MPI_Allgather, MPI_Allgatherv, &
        MPI_Gatherv, MPI_Scatterv, MPI_Bcast, MPI_Allreduce, MPI_Alltoallv, MPI_Sendrecv, MPI_Barrier, &
        MPI_DOUBLE_PRECISION, MPI_INTEGER, MPI_CHARACTER, MPI_MIN, MPI_PROC_NULL, MPI_STATUS_IGNORE
    implicit none
    private

    integer, parameter, public :: nobody = MPI_PROC_NULL    !< the neighbour where there is none
    !> Kinds of traffic: a message to a neighbour, everyone to everyone, parts to everyone, to or from rank 0, a status.
    integer, parameter, public :: neighbour = 1, exchange = 2, gathering = 3, rooted = 4, agreement = 5, kinds = 5
    character(len=*), parameter, public :: kind_names(kinds) = [character(len=10) :: 'neighbour', 'exchange', &
        'gathering', 'rooted', 'agreement']

    !> What reaches this rank from others: each rank that has something for it is one message, whatever road the
    !! library takes; an agreement is the logarithm of the ranks to base 2.
    type, public :: traffic_type
        integer(i8) :: calls(kinds) = 0, messages(kinds) = 0, bytes(kinds) = 0
    end type traffic_type

    !> A communicator with this process's place in it.
    type, public :: comm_type
        type(MPI_Comm) :: handle = MPI_COMM_NULL
        integer :: rank = 0
        integer :: size = 1
        type(traffic_type), pointer :: traffic => null()    !< who wants the traffic counted says where; copies share it
    contains
        procedure :: init
        procedure :: is_root
        procedure :: sendrecv
        procedure :: alltoallv
        procedure, private :: count_parts
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

    !> Add to the traffic what a call brings to this rank from others.
    subroutine count_parts(self, kind, parts, bytes_each)
        class(comm_type), intent(in) :: self
        integer, intent(in) :: kind
        integer, intent(in) :: parts(:)     !< elements from each of the others
        integer, intent(in) :: bytes_each   !< of one element
        if (.not. associated(self%traffic)) return
        associate (t => self%traffic)
            t%calls(kind) = t%calls(kind) + 1
            t%messages(kind) = t%messages(kind) + count(parts > 0)
            t%bytes(kind) = t%bytes(kind) + bytes_each*sum(int(parts, i8))
        end associate
    end subroutine count_parts

    !> Send to one rank and receive as much from another; either may be nobody, and its array is then left alone.
    subroutine sendrecv(self, sent, to, received, from)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: sent(:)
        integer, intent(in) :: to, from             !< ranks
        real(dp), contiguous, intent(inout) :: received(:)
        if (from /= nobody) call self%count_parts(neighbour, [size(received)], 8)
        call MPI_Sendrecv(sent, size(sent), MPI_DOUBLE_PRECISION, to, 1, received, size(received), &
            MPI_DOUBLE_PRECISION, from, 1, self%handle, MPI_STATUS_IGNORE)
    end subroutine sendrecv

    !> Give each rank its part and receive this rank's parts of all, in rank order.
    subroutine alltoallv(self, sent, sent_counts, received, received_counts)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: sent(:)
        integer, intent(in) :: sent_counts(:), received_counts(:)   !< (size)
        real(dp), contiguous, intent(inout) :: received(:)
        call self%count_parts(exchange, others(self, received_counts), 8)
        call MPI_Alltoallv(sent, sent_counts, offsets(sent_counts), MPI_DOUBLE_PRECISION, received, received_counts, &
            offsets(received_counts), MPI_DOUBLE_PRECISION, self%handle)
    end subroutine alltoallv

    !> Everyone's count, in rank order.
    subroutine counts_of(self, count, counts)
        class(comm_type), intent(in) :: self
        integer, intent(in) :: count
        integer, intent(out) :: counts(:)   !< (size)
        call self%count_parts(gathering, spread(1, 1, self%size - 1), 4)
        call MPI_Allgather(count, 1, MPI_INTEGER, counts, 1, MPI_INTEGER, self%handle)
    end subroutine counts_of

    !> Concatenate every rank's part, in rank order, on every rank.
    subroutine allgatherv(self, part, counts, whole)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: part(:)
        integer, intent(in) :: counts(:)
        real(dp), contiguous, intent(inout) :: whole(:)
        call self%count_parts(gathering, others(self, counts), 8)
        call MPI_Allgatherv(part, size(part), MPI_DOUBLE_PRECISION, whole, counts, offsets(counts), &
            MPI_DOUBLE_PRECISION, self%handle)
    end subroutine allgatherv

    !> Concatenate every rank's part, in rank order, on rank 0; whole is untouched elsewhere.
    subroutine gatherv(self, part, counts, whole)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: part(:)
        integer, intent(in) :: counts(:)
        real(dp), contiguous, intent(inout) :: whole(:)
        if (self%is_root()) call self%count_parts(rooted, others(self, counts), 8)
        call MPI_Gatherv(part, size(part), MPI_DOUBLE_PRECISION, whole, counts, offsets(counts), &
            MPI_DOUBLE_PRECISION, 0, self%handle)
    end subroutine gatherv

    !> Cut rank 0's array into parts, in rank order.
    subroutine scatterv(self, whole, counts, part)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(in) :: whole(:)
        integer, intent(in) :: counts(:)
        real(dp), contiguous, intent(inout) :: part(:)
        if (.not. self%is_root()) call self%count_parts(rooted, [size(part)], 8)
        call MPI_Scatterv(whole, counts, offsets(counts), MPI_DOUBLE_PRECISION, part, size(part), &
            MPI_DOUBLE_PRECISION, 0, self%handle)
    end subroutine scatterv

    !> Copy rank 0's array to all.
    subroutine bcast(self, array)
        class(comm_type), intent(in) :: self
        real(dp), contiguous, intent(inout) :: array(:)
        if (.not. self%is_root()) call self%count_parts(rooted, [size(array)], 8)
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
        call self%count_parts(agreement, spread(1, 1, exponent(real(self%size - 1))), 4)
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

    !> The counts without this rank's own.
    pure function others(self, counts)
        type(comm_type), intent(in) :: self
        integer, intent(in) :: counts(:)    !< (size)
        integer :: others(size(counts) - 1)
        others(:self%rank) = counts(:self%rank)
        others(self%rank + 1:) = counts(self%rank + 2:)
    end function others

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
