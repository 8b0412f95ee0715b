!> The state an integration starts from: an analytic zonal-mean stratification at rest.
!!
!! Surface temperature close to the observed annual zonal mean, a thermocline of 150 m and a deep ocean of 1.5 degC:
!!     SST(phi) = -1.8 + 29.3 cos(pi/2 phi/78)**1.5,    T = 1.5 + (SST - 1.5) g(z),
!!     g(z) = 0.4 exp(-z/700) + 0.6 [1 - tanh((z - 150)/100)]/[1 + tanh(1.5)];
!! salinity with subtropical maxima, and polar caps fresh enough to stay stable under the colder surface:
!!     S(phi) = 34.9 + exp(-((|phi| - 25)/12)**2) - 1.8 sin(phi)**4,   S = 34.75 + (S(phi) - 34.75) exp(-z/700).
!! phi in degrees, z in metres below the surface.
module ocean_initial_mod
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree
    implicit none
    private
    public :: initial_temperature, initial_salinity

contains

    !> Temperature [degC].
    pure elemental real(dp) function initial_temperature(lat, z)
        real(dp), intent(in) :: lat      !< [degrees]
        real(dp), intent(in) :: z        !< depth [m]
        real(dp), parameter :: deep = 1.5_dp
        real(dp) :: sst, profile

        sst = -1.8_dp + 29.3_dp*cos(0.5_dp*pi*min(abs(lat)/78.0_dp, 1.0_dp))**1.5_dp
        profile = 0.4_dp*exp(-z/700.0_dp) &
            + 0.6_dp*(1.0_dp - tanh((z - 150.0_dp)/100.0_dp))/(1.0_dp + tanh(1.5_dp))
        initial_temperature = deep + (sst - deep)*profile
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
end module ocean_initial_mod
