!> The state an integration starts from: an analytic zonal-mean stratification at rest.
!!
!! Surface temperature close to the observed annual zonal mean, a thermocline of 150 m and a deep ocean of 1.5 degC:
!!     SST(phi) = -1.8 + 29.3 cos(pi/2 phi/78)**1.5,    T = 1.5 + (SST - 1.5) g(z),
!!     g(z) = 0.4 exp(-z/700) + 0.6 [1 - tanh((z - 150)/100)]/[1 + tanh(1.5)];
!! salinity with subtropical maxima, and polar caps fresh enough to stay stable under the colder surface:
!!     S(phi) = 34.9 + exp(-((|phi| - 25)/12)**2) - 1.8 sin(phi)**4,   S = 34.75 + (S(phi) - 34.75) exp(-z/700).
!! phi in degrees, z in metres below the surface.
!!
!! 'bowls' is nearer to the observed ocean: thermoclines deeper under the subtropical gyres, a Southern Ocean colder
!! than the northern seas, and fresh caps above haloclines, which let the polar seas freeze before they are cold to the
!! floor:
!!     SST(phi) = -1.8 + 29.3 cos(pi/2 |phi|/w)**p,   w, p = 66, 1.2 in the south, 78, 1.5 in the north,
!!     g(z) = 0.4 exp(-z/700) + 0.6 [1 - tanh(r (z - h)/h)]/[1 + tanh(r)],   r = 1.4,
!!     h(phi) = 150 + 200 exp(-((|phi| - 28)/12)**2),
!!     S(phi, z) = the above - F exp(-z/100),   F = 1.0 [1 + tanh((phi - 68)/4)] + 0.25 [1 + tanh((-phi - 60)/4)].
module ocean_initial_mod
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree
    implicit none
    private
    public :: initial_temperature, initial_salinity, bowl_temperature, bowl_salinity

    real(dp), parameter :: deep_temperature = 1.5_dp    !< [degC]

contains

    !> Temperature [degC].
    pure elemental real(dp) function initial_temperature(lat, z)
        real(dp), intent(in) :: lat      !< [degrees]
        real(dp), intent(in) :: z        !< depth [m]
        real(dp) :: sst, profile

        sst = -1.8_dp + 29.3_dp*cos(0.5_dp*pi*min(abs(lat)/78.0_dp, 1.0_dp))**1.5_dp
        profile = 0.4_dp*exp(-z/700.0_dp) &
            + 0.6_dp*(1.0_dp - tanh((z - 150.0_dp)/100.0_dp))/(1.0_dp + tanh(1.5_dp))
        initial_temperature = deep_temperature + (sst - deep_temperature)*profile
    end function initial_temperature

    !> Salinity [g/kg].
    pure elemental real(dp) function initial_salinity(lat, z)
        real(dp), intent(in) :: lat      !< [degrees]
        real(dp), intent(in) :: z        !< depth [m]
        real(dp), parameter :: deep = 34.75_dp
        real(dp) :: surface

        surface = 34.9_dp + exp(-((abs(lat) - 25.0_dp)/12.0_dp)**2) - 1.8_dp*sin(lat*degree)**4
        initial_salinity = deep + (surface - deep)*exp(-z/700.0_dp)
    end function initial_salinity

    !> Temperature of the state with bowls [degC].
    pure elemental real(dp) function bowl_temperature(lat, z)
        real(dp), intent(in) :: lat      !< [degrees]
        real(dp), intent(in) :: z        !< depth [m]
        real(dp), parameter :: steepness = 1.4_dp
        real(dp) :: sst, profile, thermocline, edge, power

        edge = merge(66.0_dp, 78.0_dp, lat < 0.0_dp)
        power = merge(1.2_dp, 1.5_dp, lat < 0.0_dp)
        sst = -1.8_dp + 29.3_dp*max(cos(0.5_dp*pi*min(abs(lat)/edge, 1.0_dp)), 0.0_dp)**power
        thermocline = 150.0_dp + 200.0_dp*exp(-((abs(lat) - 28.0_dp)/12.0_dp)**2)
        profile = 0.4_dp*exp(-z/700.0_dp) &
            + 0.6_dp*(1.0_dp - tanh(steepness*(z - thermocline)/thermocline))/(1.0_dp + tanh(steepness))
        bowl_temperature = deep_temperature + (sst - deep_temperature)*profile
    end function bowl_temperature

    !> Salinity of the state with bowls [g/kg].
    pure elemental real(dp) function bowl_salinity(lat, z)
        real(dp), intent(in) :: lat      !< [degrees]
        real(dp), intent(in) :: z        !< depth [m]
        real(dp) :: fresh

        fresh = 1.0_dp + tanh((lat - 68.0_dp)/4.0_dp) + 0.25_dp*(1.0_dp + tanh((-lat - 60.0_dp)/4.0_dp))
        bowl_salinity = initial_salinity(lat, z) - fresh*exp(-z/100.0_dp)
    end function bowl_salinity
end module ocean_initial_mod
