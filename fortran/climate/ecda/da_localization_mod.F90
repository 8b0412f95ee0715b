!> How far an observation is believed: the product of a horizontal and a vertical taper.
!!
!!     weight = GC(distance/c) GC(|level - observed level|/(L/2)),   c = radius max(cos(lat), floor)
!!
!! GC is the fifth-order compactly supported function of Gaspari and Cohn (1999, Q. J. R. Meteorol. Soc. 125, 723-757,
!! eq. 4.10), zero from distance 2c and from L levels on; lat is the latitude of the observation, so that the radius
!! shrinks towards the poles as the Rossby radius and the zonal grid length do.
module da_localization_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree, earth_radius
    implicit none
    private

    public :: gaspari_cohn, unit_vector, chord_squared, great_circle

    !> Tapers of one component; a field is named by its place in `radius`.
    type, public :: localization_type
        real(dp), allocatable :: radius(:)       !< per field, c at the equator; the weight is zero beyond 2c [m]
        real(dp) :: cosine_floor = 0.2_dp        !< smallest factor cos(lat) may put on the radius [1]
        real(dp) :: levels = 7.0_dp              !< the weight is zero this many levels away [levels]
    contains
        procedure :: length
        procedure :: reach
        procedure :: horizontal
        procedure :: vertical
    end type localization_type

contains

    !> Half-width c of the horizontal taper around an observation [m].
    elemental real(dp) function length(self, field, lat)
        class(localization_type), intent(in) :: self
        integer, intent(in) :: field             !< which field is corrected
        real(dp), intent(in) :: lat              !< latitude of the observation [degrees]
        length = self%radius(field)*max(cos(lat*degree), self%cosine_floor)
    end function length

    !> Squared chord on the unit sphere beyond which no field feels an observation [1].
    pure real(dp) function reach(self, lat)
        class(localization_type), intent(in) :: self
        real(dp), intent(in) :: lat              !< latitude of the observation [degrees]
        real(dp) :: farthest                     ! [m]
        farthest = 2.0_dp*maxval(self%radius)*max(cos(lat*degree), self%cosine_floor)
        reach = 4.0_dp*sin(0.5_dp*min(farthest/earth_radius, 180.0_dp*degree))**2
    end function reach

    elemental real(dp) function horizontal(self, field, lat, distance)
        class(localization_type), intent(in) :: self
        integer, intent(in) :: field
        real(dp), intent(in) :: lat              !< latitude of the observation [degrees]
        real(dp), intent(in) :: distance         !< great-circle distance [m]
        horizontal = gaspari_cohn(distance/self%length(field, lat))
    end function horizontal

    elemental real(dp) function vertical(self, difference)
        class(localization_type), intent(in) :: self
        real(dp), intent(in) :: difference       !< level of the state minus level of the observation [levels]
        vertical = gaspari_cohn(2.0_dp*abs(difference)/self%levels)
    end function vertical

    !> Gaspari and Cohn's (1999) fifth-order correlation function of r = distance/c: 1 at 0, 5/24 at 1, 0 from 2 on.
    elemental real(dp) function gaspari_cohn(r)
        real(dp), intent(in) :: r                !< [1], not negative
        if (r <= 1.0_dp) then
            gaspari_cohn = (((-0.25_dp*r + 0.5_dp)*r + 0.625_dp)*r - 5.0_dp/3.0_dp)*r**2 + 1.0_dp
        else if (r < 2.0_dp) then
            gaspari_cohn = ((((r/12.0_dp - 0.5_dp)*r + 0.625_dp)*r + 5.0_dp/3.0_dp)*r - 5.0_dp)*r + 4.0_dp &
                - 2.0_dp/(3.0_dp*r)
        else
            gaspari_cohn = 0.0_dp
        end if
    end function gaspari_cohn

    !> Place on the unit sphere.
    pure function unit_vector(lon, lat)
        real(dp), intent(in) :: lon, lat         !< [degrees]
        real(dp) :: unit_vector(3)
        unit_vector = [cos(lat*degree)*cos(lon*degree), cos(lat*degree)*sin(lon*degree), sin(lat*degree)]
    end function unit_vector

    pure real(dp) function chord_squared(a, b)
        real(dp), intent(in) :: a(3), b(3)       !< unit vectors
        chord_squared = (a(1) - b(1))**2 + (a(2) - b(2))**2 + (a(3) - b(3))**2
    end function chord_squared

    !> Great-circle distance from the squared chord of the unit sphere, exact for small distances too [m].
    elemental real(dp) function great_circle(chord2)
        real(dp), intent(in) :: chord2           !< [1]
        great_circle = 2.0_dp*earth_radius*asin(min(1.0_dp, 0.5_dp*sqrt(chord2)))
    end function great_circle
end module da_localization_mod
