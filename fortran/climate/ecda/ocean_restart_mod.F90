!> The whole prognostic state as one sequence of numbers in global order, on rank 0: the restart, independent of the
!! number of ranks. Order: t, s, u, v, gu_old, gv_old (each level after level), eta, whether there is a history, elapsed
!! time.
module ocean_restart_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use ocean_type_mod, only: ocean_type
    use ocean_step_mod, only: update_halos
    implicit none
    private
    public :: ocean_state_size, ocean_pack, ocean_unpack

contains

    !> Length of the packed state.
    pure integer function ocean_state_size(self)
        type(ocean_type), intent(in) :: self
        ocean_state_size = (6*self%nlev + 1)*self%nlon*self%nlat + 2
    end function ocean_state_size

    !> Gather the state on rank 0. Collective.
    subroutine ocean_pack(self, buffer)
        type(ocean_type), intent(in) :: self
        real(dp), intent(inout) :: buffer(:)        !< (ocean_state_size) on rank 0, untouched elsewhere
        real(dp), allocatable :: whole(:)
        integer :: n, next, k

        n = merge(self%nlon*self%nlat, 0, self%comm%is_root())
        allocate (whole(n))
        next = 1
        do k = 1, self%nlev
            call put(self%t(:, :, k))
        end do
        do k = 1, self%nlev
            call put(self%s(:, :, k))
        end do
        do k = 1, self%nlev
            call put(self%u(:, :, k))
        end do
        do k = 1, self%nlev
            call put(self%v(:, :, k))
        end do
        do k = 1, self%nlev
            call put(self%gu_old(:, :, k))
        end do
        do k = 1, self%nlev
            call put(self%gv_old(:, :, k))
        end do
        call put(self%eta)
        if (self%comm%is_root()) buffer(next:next + 1) = [merge(1.0_dp, 0.0_dp, self%has_history), self%elapsed]

    contains

        subroutine put(field)
            real(dp), intent(in) :: field(self%grid%is:, self%grid%js:)
            real(dp) :: part(self%grid%nx, self%grid%ny)
            part = field(1:self%grid%nx, 1:self%grid%ny)
            call self%layout%gather(part, whole)
            if (n > 0) buffer(next:next + n - 1) = whole
            next = next + n
        end subroutine put
    end subroutine ocean_pack

    !> Scatter the state from rank 0. Collective.
    subroutine ocean_unpack(self, buffer, status)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(in) :: buffer(:)           !< (ocean_state_size) on rank 0, ignored elsewhere
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: whole(:)
        real(dp) :: scalars(2)
        integer :: n, next, k
        character(len=160) :: text

        if (self%comm%is_root() .and. size(buffer) /= ocean_state_size(self)) then
            write (text, '(a,i0,a,i0,a)') 'ocean restart: ', size(buffer), ' numbers for a state of ', &
                ocean_state_size(self), '; it was written on another grid'
            call status%set(status_bad_input, text)
        end if
        call self%comm%agree(status)
        if (status%failed()) return
        n = merge(self%nlon*self%nlat, 0, self%comm%is_root())
        allocate (whole(n))
        next = 1
        do k = 1, self%nlev
            call get(self%t(:, :, k))
        end do
        do k = 1, self%nlev
            call get(self%s(:, :, k))
        end do
        do k = 1, self%nlev
            call get(self%u(:, :, k))
        end do
        do k = 1, self%nlev
            call get(self%v(:, :, k))
        end do
        do k = 1, self%nlev
            call get(self%gu_old(:, :, k))
        end do
        do k = 1, self%nlev
            call get(self%gv_old(:, :, k))
        end do
        call get(self%eta)
        scalars = 0.0_dp
        if (self%comm%is_root()) scalars = buffer(next:next + 1)
        call self%comm%bcast(scalars)
        self%has_history = scalars(1) > 0.5_dp
        self%elapsed = scalars(2)
        call update_halos(self)

    contains

        subroutine get(field)
            real(dp), intent(inout) :: field(self%grid%is:, self%grid%js:)
            real(dp) :: part(self%grid%nx, self%grid%ny)
            if (n > 0) whole = buffer(next:next + n - 1)
            call self%layout%scatter(whole, part)
            field(1:self%grid%nx, 1:self%grid%ny) = part
            next = next + n
        end subroutine get
    end subroutine ocean_unpack
end module ocean_restart_mod
