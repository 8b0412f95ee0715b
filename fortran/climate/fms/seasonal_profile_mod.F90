!> A quantity that varies smoothly with latitude and season,
!!     X(phi, t) = pole + (equator - pole) cos(phi)^2 + amplitude shape(phi) cos(2 pi (t - t_peak)/year),
!! with shape = sin(phi) over land (the season grows to the pole) or sin(2 phi) over the sea (it is largest at 45
!! degrees).
module seasonal_profile_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, seconds_per_day, seconds_per_year
    implicit none
    private

    type, public :: seasonal_profile_type
        real(dp) :: equator = 0.0_dp        !< annual mean at the equator
        real(dp) :: pole = 0.0_dp           !< annual mean at both poles
        real(dp) :: amplitude = 0.0_dp      !< largest departure in summer
        real(dp) :: peak_day = 200.0_dp     !< day of the year of the northern maximum
        logical :: sea = .true.             !< the season is largest at 45 degrees, not at the pole
    contains
        procedure :: value
    end type seasonal_profile_type

contains

    pure real(dp) function value(self, latitude, seconds)
        class(seasonal_profile_type), intent(in) :: self
        real(dp), intent(in) :: latitude    !< [degrees]
        integer(i8), intent(in) :: seconds  !< clock
        real(dp) :: phi, season, shape

        phi = latitude*degree
        season = cos(2.0_dp*pi*(modulo(real(seconds, dp), seconds_per_year) - self%peak_day*seconds_per_day) &
            /seconds_per_year)
        shape = merge(sin(2.0_dp*phi), sin(phi), self%sea)
        value = self%pole + (self%equator - self%pole)*cos(phi)**2 + self%amplitude*shape*season
    end function value
end module seasonal_profile_mod
