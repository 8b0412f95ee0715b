!> What the chain remembers: in allocated arrays, in components of derived types, behind pointers.
module history_mod
    implicit none
    private

    type, public :: sums_type
        real(kind(1d0)), allocatable :: mean(:)
        real, allocatable :: squares(:, :)
    end type sums_type

    type, public :: link_type
        real(kind(1d0)) :: value = 0
        type(link_type), pointer :: next => null()
    end type link_type

    integer, parameter :: n = 40
    real(kind(1d0)), allocatable, target, public :: last(:, :)   !< (n, 3): the last three states
    type(sums_type), allocatable :: sums(:)                      !< over even and odd steps
    real(kind(1d0)), pointer :: every_second(:) => null()        !< of the latest state
    real(kind(1d0)), save :: weight = 0
    type(link_type), pointer, public :: chain => null()
    public :: move_everything, remember, remembered, start

contains

    subroutine start(depth)
        integer, intent(in) :: depth
        integer :: i
        if (allocated(last)) deallocate (last)
        allocate (last(n, depth), source=0d0)
        every_second => last(1:n:2, 1)
        if (.not. allocated(sums)) allocate (sums(2))
        do i = 1, 2
            if (.not. allocated(sums(i)%mean)) allocate (sums(i)%mean(n), sums(i)%squares(2, n))
            sums(i)%mean = 0
            sums(i)%squares = 0
        end do
        weight = 0
    end subroutine start

    subroutine remember(x, step)
        real(kind(1d0)), intent(in) :: x(n)
        integer, intent(in) :: step
        integer :: i
        i = 1 + mod(step, 2)
        last = cshift(last, -1, 2)
        last(:, 1) = x
        weight = 0.9d0 * weight + sum(every_second)
        sums(i)%mean = sums(i)%mean + x
        sums(i)%squares(1, :) = sums(i)%squares(1, :) + real(x**2)
    end subroutine remember

    !> The same values in other memory.
    subroutine move_everything()
        real(kind(1d0)), allocatable :: copy(:, :)
        type(sums_type), allocatable :: other(:)
        allocate (copy, source=last)
        call move_alloc(copy, last)
        every_second => last(1:n:2, 1)
        allocate (other, source=sums)
        call move_alloc(other, sums)
    end subroutine move_everything

    !> One number that depends on everything remembered.
    real(kind(1d0)) function remembered() result(value)
        value = weight + sum(last) + sum(sums(1)%mean) + 2 * sum(sums(2)%mean) + sum(sums(2)%squares)
    end function remembered
end module history_mod
