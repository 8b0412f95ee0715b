!> Physical constants, SI units.
module constants_mod
    use kinds_mod, only: dp
    implicit none
    private

    real(dp), parameter, public :: pi = 3.14159265358979323846_dp
    real(dp), parameter, public :: degree = pi/180.0_dp            !< one degree [rad]
    real(dp), parameter, public :: earth_radius = 6.371e6_dp       !< [m]
    real(dp), parameter, public :: earth_omega = 7.292e-5_dp       !< rotation rate [1/s]
    real(dp), parameter, public :: gravity = 9.80665_dp            !< [m/s2]
    real(dp), parameter, public :: dry_air_gas_constant = 287.04_dp !< R_d [J/kg/K]
    real(dp), parameter, public :: dry_air_cp = 1004.64_dp         !< c_p [J/kg/K]
    real(dp), parameter, public :: kappa = dry_air_gas_constant/dry_air_cp
    real(dp), parameter, public :: reference_pressure = 1.0e5_dp   !< p0 [Pa]
    real(dp), parameter, public :: vapour_gas_constant = 461.5_dp   !< R_v [J/kg/K]
    real(dp), parameter, public :: latent_heat_vaporization = 2.5e6_dp !< of water, taken as constant [J/kg]
    real(dp), parameter, public :: solar_constant = 1360.0_dp      !< at the mean distance of the sun [W/m2]
    real(dp), parameter, public :: stefan_boltzmann = 5.670374e-8_dp !< [W/m2/K4]
    real(dp), parameter, public :: seawater_density = 1035.0_dp    !< Boussinesq rho0 [kg/m3]
    real(dp), parameter, public :: seawater_cp = 3992.0_dp         !< [J/kg/K]
    real(dp), parameter, public :: celsius_zero = 273.15_dp        !< 0 degC [K]
    real(dp), parameter, public :: latent_heat_fusion = 3.34e5_dp   !< of ice [J/kg]
    real(dp), parameter, public :: seconds_per_day = 86400.0_dp
    !> Mean Gregorian year: the seasonal phase is the clock modulo this, no calendar in Fortran [s].
    real(dp), parameter, public :: seconds_per_year = 31556952.0_dp
end module constants_mod
