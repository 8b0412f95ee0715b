!> Which cells an observation can reach over water: a flood over wet cells inside a disc.
!!
!! Distance alone would let an observation in the Caribbean correct the Pacific. Two places belong together when a path
!! over wet cells joins them without leaving the disc within which the observation matters, so that a narrow land bridge
!! separates oceans although they are joined around the world. Where all cells are open, as in the atmosphere, nothing
!! is flooded and everything is reached.
module da_connection_mod
    use kinds_mod, only: dp
    use da_localization_mod, only: unit_vector, chord_squared
    implicit none
    private

    !> A global grid, periodic in longitude, and the latest flood on it; cells are numbered along longitude first.
    type, public :: connection_type
        logical :: everywhere = .true.             !< no barriers: every cell is reached
        integer :: nlon = 0, nlat = 0
        logical, allocatable :: open(:)            !< (cell) not a barrier
        real(dp), allocatable :: position(:, :)    !< (3, cell) unit vectors
        integer, allocatable :: next(:, :)         !< (4, cell) open cells west, east, south, north; 0: none
        integer, allocatable :: visit(:)           !< (cell) number of the latest flood that reached it
        integer, allocatable :: queue(:)           !< (cell) work space
        integer :: flood_number = 0
    contains
        procedure :: init
        procedure :: flood
        procedure :: joined
    end type connection_type

contains

    subroutine init(self, lon, lat, open)
        class(connection_type), intent(out) :: self
        real(dp), intent(in) :: lon(:), lat(:)     !< centres of the global grid [degrees]
        logical, intent(in) :: open(:, :)          !< (lon, lat) .false. on land
        integer :: i, j, side

        self%everywhere = .false.
        self%nlon = size(lon)
        self%nlat = size(lat)
        self%open = reshape(open, [size(open)])
        allocate (self%position(3, size(open)), self%queue(size(open)))
        allocate (self%visit(size(open)), source=0)
        do j = 1, self%nlat
            do i = 1, self%nlon
                self%position(:, i + (j - 1)*self%nlon) = unit_vector(lon(i), lat(j))
            end do
        end do
        allocate (self%next(4, size(open)))
        do i = 1, size(open)
            self%next(:, i) = neighbours(i, self%nlon, self%nlat)
            do side = 1, 4
                if (self%next(side, i) == 0) cycle
                if (.not. self%open(self%next(side, i))) self%next(side, i) = 0
            end do
        end do
    end subroutine init

    !> Reach every open cell that open cells join to `start` without leaving the disc around it.
    subroutine flood(self, start, chord2_limit)
        class(connection_type), intent(inout) :: self
        integer, intent(in) :: start               !< cell
        real(dp), intent(in) :: chord2_limit       !< squared chord of the disc's edge on the unit sphere [1]
        integer :: head, tail, side, next
        real(dp) :: centre(3)

        if (self%everywhere) return
        centre = self%position(:, start)
        self%flood_number = self%flood_number + 1
        tail = 1
        self%queue(1) = start
        self%visit(start) = self%flood_number
        head = 0
        do while (head < tail)
            head = head + 1
            do side = 1, 4
                next = self%next(side, self%queue(head))
                if (next == 0) cycle
                if (self%visit(next) == self%flood_number) cycle
                if (chord_squared(self%position(:, next), centre) > chord2_limit) cycle
                self%visit(next) = self%flood_number
                tail = tail + 1
                self%queue(tail) = next
            end do
        end do
    end subroutine flood

    !> Whether the latest flood reached the cell.
    logical pure function joined(self, cell)
        class(connection_type), intent(in) :: self
        integer, intent(in) :: cell
        joined = self%everywhere
        if (.not. joined) joined = self%visit(cell) == self%flood_number
    end function joined

    !> West, east, south, north of a cell; 0 beyond the first and last latitude.
    pure function neighbours(cell, nlon, nlat)
        integer, intent(in) :: cell, nlon, nlat
        integer :: neighbours(4)
        integer :: i, row                          ! both counted from 0

        i = modulo(cell - 1, nlon)
        row = (cell - 1)/nlon
        neighbours(1) = modulo(i - 1, nlon) + row*nlon + 1
        neighbours(2) = modulo(i + 1, nlon) + row*nlon + 1
        neighbours(3) = merge(cell - nlon, 0, row > 0)
        neighbours(4) = merge(cell + nlon, 0, row < nlat - 1)
    end function neighbours
end module da_connection_mod
