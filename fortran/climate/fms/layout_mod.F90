!> Which cells of a global field each rank holds, and how the parts become the whole: the one place that knows about
!! bands, blocks and lists of cells. Parts are taken as sequences, so an array of any rank may be passed.
module layout_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_internal
    use comm_mod, only: comm_type
    implicit none
    private

    type, public :: layout_type
        integer :: n_global = 0                 !< cells of the whole field
        integer :: n_here = 0                   !< cells on this rank
        type(comm_type) :: comm
        integer, allocatable :: counts(:)       !< cells on each rank
        integer, allocatable :: cells(:)        !< global index of every cell, ranks one after another
    contains
        procedure :: init
        procedure :: gather_to_all
        procedure :: gather
        procedure :: scatter
    end type layout_type

contains

    !> Collective. Every cell has to be held by exactly one rank.
    subroutine init(self, comm, n_global, cells, status)
        class(layout_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        integer, intent(in) :: n_global
        integer, intent(in) :: cells(:)         !< global indices (1 .. n_global) held here, in the order of the parts
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: all_cells(:)
        integer, allocatable :: holders(:)
        integer :: i

        self%comm = comm
        self%n_global = n_global
        self%n_here = size(cells)
        allocate (self%counts(comm%size))
        call comm%counts_of(size(cells), self%counts)
        allocate (all_cells(sum(self%counts)))
        call comm%allgatherv(real(cells, dp), self%counts, all_cells)
        self%cells = nint(all_cells)
        allocate (holders(n_global), source=0)
        do i = 1, size(self%cells)
            if (self%cells(i) < 1 .or. self%cells(i) > n_global) then
                call status%set(status_internal, 'layout: a rank claims a cell outside the field')
                return
            end if
            holders(self%cells(i)) = holders(self%cells(i)) + 1
        end do
        if (any(holders /= 1)) call status%set(status_internal, 'layout: a cell is held by no rank or by several')
    end subroutine init

    !> The whole field on every rank.
    subroutine gather_to_all(self, part, whole)
        class(layout_type), intent(in) :: self
        real(dp), intent(in) :: part(self%n_here)
        real(dp), intent(inout) :: whole(self%n_global)
        real(dp), allocatable :: buffer(:)
        integer :: i

        allocate (buffer(self%n_global))
        call self%comm%allgatherv(part, self%counts, buffer)
        do i = 1, self%n_global
            whole(self%cells(i)) = buffer(i)
        end do
    end subroutine gather_to_all

    !> The whole field on rank 0; elsewhere whole is left alone.
    subroutine gather(self, part, whole)
        class(layout_type), intent(in) :: self
        real(dp), intent(in) :: part(self%n_here)
        ! allow(C071)
        real(dp), intent(inout) :: whole(*)     !< (n_global) on rank 0
        real(dp), allocatable :: buffer(:)
        integer :: i

        allocate (buffer(merge(self%n_global, 0, self%comm%is_root())))
        call self%comm%gatherv(part, self%counts, buffer)
        do i = 1, size(buffer)
            whole(self%cells(i)) = buffer(i)
        end do
    end subroutine gather

    !> Cut rank 0's field into the parts.
    subroutine scatter(self, whole, part)
        class(layout_type), intent(in) :: self
        ! allow(C071)
        real(dp), intent(in) :: whole(*)        !< (n_global) on rank 0
        real(dp), intent(inout) :: part(self%n_here)
        real(dp), allocatable :: buffer(:)
        integer :: i

        allocate (buffer(merge(self%n_global, 0, self%comm%is_root())))
        do i = 1, size(buffer)
            buffer(i) = whole(self%cells(i))
        end do
        call self%comm%scatterv(buffer, self%counts, part)
    end subroutine scatter
end module layout_mod
