!> The restart: every prognostic number in global order, independent of the number of ranks.
!!
!! Order: for m = 0 .. trunc, n = m .. trunc: real parts, then imaginary parts of vorticity, divergence and temperature
!! (levels top down) and ln ps, with forcing = 'moist' specific humidity; then the mean ps that the dry-mass fixer holds
!! and the clock.
module atmos_restart_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type, status_bad_input
    use atmos_type_mod, only: atmos_type
    implicit none
    private

    public :: atmos_state_size, atmos_pack, atmos_unpack

    integer, parameter :: scalars = 2  !< mean ps, clock

contains

    !> Length of the buffer on rank 0.
    pure integer function atmos_state_size(self)
        type(atmos_type), intent(in) :: self
        atmos_state_size = column(self)*(self%trunc + 1)*(self%trunc + 2)/2 + scalars
    end function atmos_state_size

    !> Gather the state on rank 0; elsewhere the buffer is untouched and may be empty. Collective.
    subroutine atmos_pack(self, buffer)
        type(atmos_type), intent(in) :: self
        real(dp), intent(inout), contiguous :: buffer(:)  !< (atmos_state_size) on rank 0
        real(dp), allocatable :: whole(:)
        integer :: place((self%trunc + 1)*(self%trunc + 2)/2)
        integer :: i, n, counts(0:self%comm%size - 1)

        n = column(self)
        place = places(self)
        counts = n*columns_of_ranks(self)
        allocate(whole(merge(sum(counts), 0, self%comm%is_root())))
        call self%comm%gatherv(pack_own(self), counts, whole)
        if (.not. self%comm%is_root()) return
        do i = 1, size(place)
            buffer(n*(i - 1) + 1:n*i) = whole(n*(place(i) - 1) + 1:n*place(i))
        end do
        buffer(n*size(place) + 1) = self%mean_ps
        buffer(n*size(place) + 2) = real(self%seconds, dp)
    end subroutine atmos_pack

    !> Scatter the state from rank 0. Collective.
    subroutine atmos_unpack(self, buffer, status)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in), contiguous :: buffer(:)     !< (atmos_state_size) on rank 0
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: whole(:), own(:)
        integer :: place((self%trunc + 1)*(self%trunc + 2)/2)
        real(dp) :: ends(scalars)
        integer :: i, n, counts(0:self%comm%size - 1)
        character(len=120) :: message

        if (self%comm%is_root() .and. size(buffer) /= atmos_state_size(self)) then
            write (message, '(a,i0,a,i0,a)') 'atmosphere restart: ', size(buffer), &
                ' numbers, this configuration has ', &
                atmos_state_size(self), '; use the same truncation, levels and forcing'
            call status%set(status_bad_input, trim(message))
        end if
        call self%comm%agree(status)
        if (status%failed()) return
        n = column(self)
        place = places(self)
        counts = n*columns_of_ranks(self)
        allocate(whole(merge(sum(counts), 0, self%comm%is_root())), own(counts(self%comm%rank)))
        ends = 0.0_dp
        if (self%comm%is_root()) then
            do i = 1, size(place)
                whole(n*(place(i) - 1) + 1:n*place(i)) = buffer(n*(i - 1) + 1:n*i)
            end do
            ends = buffer(n*size(place) + 1:)
        end if
        call self%comm%scatterv(whole, counts, own)
        call unpack_own(self, own)
        call self%comm%bcast(ends)
        self%mean_ps = ends(1)
        self%seconds = nint(ends(2), i8)
    end subroutine atmos_unpack

    !> Numbers of one spectral column.
    pure integer function column(self)
        type(atmos_type), intent(in) :: self
        column = 2*size(self%x, 1)
    end function column

    !> Own state without the empty rows n = trunc + 1.
    pure function pack_own(self) result(own)
        type(atmos_type), intent(in) :: self
        real(dp), allocatable :: own(:)
        integer :: s, i, n

        n = column(self)
        associate (layout => self%dynamics%transform%layout)
            allocate(own(n*count(layout%n <= layout%trunc)))
            i = 0
            do s = 1, layout%ns
                if (layout%n(s) > layout%trunc) cycle
                own(n*i + 1:n*(i + 1)) = reshape(self%x(:, :, s), [n])
                i = i + 1
            end do
        end associate
    end function pack_own

    pure subroutine unpack_own(self, own)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: own(:)
        integer :: s, i, n

        n = column(self)
        associate (layout => self%dynamics%transform%layout)
            i = 0
            do s = 1, layout%ns
                if (layout%n(s) > layout%trunc) cycle
                self%x(:, :, s) = reshape(own(n*i + 1:n*(i + 1)), [n/2, 2])
                i = i + 1
            end do
        end associate
    end subroutine unpack_own

    !> Spectral columns of each rank, n <= trunc.
    pure function columns_of_ranks(self) result(counts)
        type(atmos_type), intent(in) :: self
        integer :: counts(0:self%comm%size - 1)
        integer :: m

        counts = 0
        associate (owner => self%dynamics%transform%layout%m_owner)
            do m = 0, self%trunc
                counts(owner(m)) = counts(owner(m)) + self%trunc + 1 - m
            end do
        end associate
    end function columns_of_ranks

    !> Where the column number i of the global order stands in the concatenation of the ranks' lists.
    pure function places(self) result(place)
        type(atmos_type), intent(in) :: self
        integer :: place((self%trunc + 1)*(self%trunc + 2)/2)
        integer :: next(0:self%comm%size - 1), counts(0:self%comm%size - 1)
        integer :: m, n, i, rank

        counts = columns_of_ranks(self)
        do rank = 0, self%comm%size - 1
            next(rank) = sum(counts(0:rank - 1))
        end do
        i = 0
        do m = 0, self%trunc
            rank = self%dynamics%transform%layout%m_owner(m)
            do n = m, self%trunc
                i = i + 1
                next(rank) = next(rank) + 1
                place(i) = next(rank)
            end do
        end do
    end function places
end module atmos_restart_mod
