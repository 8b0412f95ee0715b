!> Observations sorted into boxes of longitude and latitude, so that those near a place are found without a look at all.
!!
!! A cap of angular radius a around latitude p spans asin(sin a/cos p) of longitude to either side, or all of it when it
!! holds a pole. What `around` returns holds every observation whose reach, or the given one, extends to the place, and
!! some more; the caller looks at distances. The cost of finding all pairs is linear in the number of pairs.
module da_bins_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree
    implicit none
    private

    integer, parameter :: nlon = 72, nlat = 36     ! boxes
    real(dp), parameter :: width = 360.0_dp/nlon   ! of a box in both directions [degrees]
    real(dp), parameter :: margin = 1.0e-6_dp      ! beyond the rounding of any angle [degrees]

    type, public :: bins_type
        integer, allocatable :: first(:)           !< (box) its first place in number; one more for the end
        integer, allocatable :: number(:)          !< observations, box by box, ascending inside a box
        real(dp) :: reach(nlat) = 0.0_dp           !< largest reach of an observation of each band [degrees]
    contains
        procedure :: init
        procedure :: around
    end type bins_type

    public :: box_of, box_centre, sort

    !> From the centre of a box no place in it is farther away [degrees].
    real(dp), parameter, public :: half_diagonal = 0.5_dp*width*sqrt(2.0_dp)

contains

    subroutine init(self, lon, lat, used, reach)
        class(bins_type), intent(out) :: self
        real(dp), intent(in) :: lon(:), lat(:)     !< of the observations [degrees]
        logical, intent(in) :: used(:)             !< the others are left out
        real(dp), intent(in) :: reach(:)           !< squared chord within which each is felt, unit sphere [1]
        integer :: box(size(lon)), next(nlon*nlat)
        integer :: j, band

        do j = 1, size(lon)
            box(j) = box_of(lon(j), lat(j))
        end do
        allocate (self%first(nlon*nlat + 1), source=0)
        allocate (self%number(count(used)))
        do j = 1, size(lon)
            if (.not. used(j)) cycle
            self%first(box(j) + 1) = self%first(box(j) + 1) + 1
            band = (box(j) - 1)/nlon + 1
            self%reach(band) = max(self%reach(band), angle_of(reach(j)))
        end do
        self%first(1) = 1
        do j = 1, nlon*nlat
            self%first(j + 1) = self%first(j + 1) + self%first(j)
        end do
        next = self%first(:nlon*nlat)
        do j = 1, size(lon)
            if (.not. used(j)) cycle
            self%number(next(box(j))) = j
            next(box(j)) = next(box(j)) + 1
        end do
    end subroutine init

    !> Observations that may be felt within `slack` of a place; with `reach`, those that may lie within that reach.
    subroutine around(self, lon, lat, slack, found, n, reach)
        class(bins_type), intent(in) :: self
        real(dp), intent(in) :: lon, lat           !< [degrees]
        real(dp), intent(in) :: slack              !< [degrees]
        integer, intent(inout) :: found(:)         !< room for all observations; box by box
        integer, intent(out) :: n                  !< how many there are in found
        real(dp), intent(in), optional :: reach    !< squared chord on the unit sphere [1]
        real(dp) :: angle, half
        integer :: band, i, i_first, box, count

        n = 0
        do band = 1, nlat
            angle = self%reach(band)
            if (present(reach)) angle = angle_of(reach)
            angle = angle + slack + margin
            if (max(band_south(band) - lat, lat - band_south(band + 1)) > angle) cycle
            half = 180.0_dp
            if (abs(lat) + angle < 90.0_dp) half = asin(min(1.0_dp, sin(angle*degree)/cos(lat*degree)))/degree + margin
            i_first = floor((lon - half)/width)
            do i = i_first, min(floor((lon + half)/width), i_first + nlon - 1)
                box = modulo(i, nlon) + 1 + (band - 1)*nlon
                count = self%first(box + 1) - self%first(box)
                found(n + 1:n + count) = self%number(self%first(box):self%first(box + 1) - 1)
                n = n + count
            end do
        end do
    end subroutine around

    !> The box of a place.
    pure integer function box_of(lon, lat)
        real(dp), intent(in) :: lon, lat           !< [degrees]
        integer :: i, band
        i = min(int(modulo(lon, 360.0_dp)/width), nlon - 1)
        band = min(int((lat + 90.0_dp)/width), nlat - 1)
        box_of = i + 1 + band*nlon
    end function box_of

    !> Longitude and latitude of a box's centre [degrees].
    pure function box_centre(box) result(centre)
        integer, intent(in) :: box
        real(dp) :: centre(2)
        centre = [(modulo(box - 1, nlon) + 0.5_dp)*width, -90.0_dp + ((box - 1)/nlon + 0.5_dp)*width]
    end function box_centre

    pure real(dp) function band_south(band)
        integer, intent(in) :: band
        band_south = -90.0_dp + (band - 1)*width
    end function band_south

    !> Angle of a squared chord of the unit sphere [degrees].
    elemental real(dp) function angle_of(chord2)
        real(dp), intent(in) :: chord2             !< [1]
        angle_of = 2.0_dp*asin(min(1.0_dp, 0.5_dp*sqrt(chord2)))/degree
    end function angle_of

    !> Ascending order, by heapsort.
    pure subroutine sort(list)
        integer, intent(inout) :: list(:)
        integer :: i, last, keep

        do i = size(list)/2, 1, -1
            call sift(list, i, size(list))
        end do
        do last = size(list), 2, -1
            keep = list(last)
            list(last) = list(1)
            list(1) = keep
            call sift(list, 1, last - 1)
        end do
    end subroutine sort

    !> Let the number at `top` sink to its place among the first `last`.
    pure subroutine sift(list, top, last)
        integer, intent(inout) :: list(:)
        integer, intent(in) :: top, last
        integer :: i, child, sinking

        i = top
        sinking = list(i)
        do while (2*i <= last)
            child = 2*i
            if (child < last) then
                if (list(child + 1) > list(child)) child = child + 1
            end if
            if (sinking >= list(child)) exit
            list(i) = list(child)
            i = child
        end do
        list(i) = sinking
    end subroutine sift
end module da_bins_mod
