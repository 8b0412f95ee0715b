!> Sunlight at the top of the atmosphere from the geometry of the Earth's orbit.
!!
!! Mean anomaly M = 2 pi (t - t_perihelion)/year; true anomaly nu = M + 2 e sin M + (5/4) e^2 sin 2M; distance r/a =
!! (1 - e^2)/(1 + e cos nu); sin(declination) = sin(obliquity) sin(lambda), lambda = nu + perihelion, zero on 20 March.
!! Cosine of the zenith distance: sin(lat) sin(dec) + cos(lat) cos(dec) cos(h), h = 0 at local noon. It is integrated in
!! closed form, over the day,
!!     (1/pi) [h_0 sin(lat) sin(dec) + cos(lat) cos(dec) sin(h_0)],   cos(h_0) = -tan(lat) tan(dec) (Berger 1978),
!! or over one time step, so that the steps of a day add up to the daily mean.
module atmos_solar_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, seconds_per_day, seconds_per_year
    implicit none
    private

    type, public :: solar_type
        real(dp) :: sin_obliquity = 0.0_dp
        real(dp) :: eccentricity = 0.0_dp
        real(dp) :: perihelion = 0.0_dp         !< its longitude from the vernal equinox [rad]
        real(dp) :: anomaly_at_equinox = 0.0_dp !< mean anomaly on 20 March [rad]
        logical :: diurnal = .false.            !< follow the hour of the day; otherwise daily means
        ! The sun of the present step:
        real(dp) :: sin_dec = 0.0_dp, cos_dec = 1.0_dp
        real(dp) :: nearness = 1.0_dp           !< (a/r)^2
        real(dp) :: hour_angle = 0.0_dp         !< at longitude 0, middle of the step [rad]
        real(dp) :: half_step = 0.0_dp          !< half of the step as an hour angle [rad]
    contains
        procedure :: init => solar_init
        procedure :: set_time
        procedure :: cosine_row
    end type solar_type

    public :: daily_mean_cosine

contains

    subroutine solar_init(self, obliquity, eccentricity, perihelion, diurnal)
        class(solar_type), intent(out) :: self
        real(dp), intent(in) :: obliquity       !< [degrees]
        real(dp), intent(in) :: eccentricity
        real(dp), intent(in) :: perihelion      !< longitude from the vernal equinox [degrees]
        logical, intent(in) :: diurnal
        real(dp) :: nu

        self%sin_obliquity = sin(obliquity*degree)
        self%eccentricity = eccentricity
        self%perihelion = perihelion*degree
        self%diurnal = diurnal
        nu = -self%perihelion
        self%anomaly_at_equinox = nu - 2.0_dp*eccentricity*sin(nu) + 0.75_dp*eccentricity**2*sin(2.0_dp*nu)
    end subroutine solar_init

    !> Place the sun for the step from `seconds` to `seconds + dt`; declination and distance are those of its middle.
    pure subroutine set_time(self, seconds, dt)
        class(solar_type), intent(inout) :: self
        integer(i8), intent(in) :: seconds      !< since 2000-01-01
        real(dp), intent(in) :: dt              !< [s]
        real(dp), parameter :: equinox_day = 79.0_dp
        real(dp) :: middle, anomaly, nu

        middle = real(seconds, dp) + 0.5_dp*dt
        anomaly = self%anomaly_at_equinox &
            + 2.0_dp*pi*modulo(middle - equinox_day*seconds_per_day, seconds_per_year)/seconds_per_year
        associate (e => self%eccentricity)
            nu = anomaly + 2.0_dp*e*sin(anomaly) + 1.25_dp*e**2*sin(2.0_dp*anomaly)
            self%nearness = ((1.0_dp + e*cos(nu))/(1.0_dp - e**2))**2
        end associate
        self%sin_dec = self%sin_obliquity*sin(nu + self%perihelion)
        self%cos_dec = sqrt(1.0_dp - self%sin_dec**2)
        self%hour_angle = 2.0_dp*pi*modulo(middle, seconds_per_day)/seconds_per_day - pi
        self%half_step = pi*min(dt/seconds_per_day, 1.0_dp)
    end subroutine set_time

    !> Mean cosine of the zenith distance over the step (diurnal) or the day, 0 at night, one latitude row.
    pure subroutine cosine_row(self, sin_lat, cosine)
        class(solar_type), intent(in) :: self
        real(dp), intent(in) :: sin_lat
        real(dp), intent(out) :: cosine(:)      !< (nlon), longitudes from 0 in equal steps
        real(dp) :: steady, swing, h0, h, first, second
        integer :: i, turn

        if (.not. self%diurnal) then
            cosine = daily_mean_cosine(sin_lat, self%sin_dec)
            return
        end if
        steady = sin_lat*self%sin_dec
        swing = sqrt(1.0_dp - sin_lat**2)*self%cos_dec
        h0 = half_day(steady, swing)
        do i = 1, size(cosine)
            h = modulo(self%hour_angle + 2.0_dp*pi*real(i - 1, dp)/real(size(cosine), dp) + pi, 2.0_dp*pi) - pi
            cosine(i) = 0.0_dp
            do turn = -1, 1  ! the step may reach over midnight
                first = min(max(h - self%half_step + 2.0_dp*pi*turn, -h0), h0)
                second = min(max(h + self%half_step + 2.0_dp*pi*turn, -h0), h0)
                if (second > first) cosine(i) = cosine(i) + steady*(second - first) + swing*(sin(second) - sin(first))
            end do
            cosine(i) = max(0.0_dp, cosine(i)/(2.0_dp*self%half_step))
        end do
    end subroutine cosine_row

    !> The closed form of the head.
    elemental real(dp) function daily_mean_cosine(sin_lat, sin_dec)
        real(dp), intent(in) :: sin_lat, sin_dec
        real(dp) :: steady, swing, h0

        steady = sin_lat*sin_dec
        swing = sqrt((1.0_dp - sin_lat**2)*(1.0_dp - sin_dec**2))
        h0 = half_day(steady, swing)
        daily_mean_cosine = (h0*steady + swing*sin(h0))/pi
    end function daily_mean_cosine

    !> Hour angle of sunset, 0 in polar night, pi in polar day.
    elemental real(dp) function half_day(steady, swing)
        real(dp), intent(in) :: steady, swing   !< zenith cosine = steady + swing cos(h)

        if (abs(steady) >= swing) then
            half_day = merge(pi, 0.0_dp, steady > 0.0_dp)
        else
            half_day = acos(-steady/swing)
        end if
    end function half_day
end module atmos_solar_mod
