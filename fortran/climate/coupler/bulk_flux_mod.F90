!> Turbulent fluxes of momentum and sensible heat between the lowest model level and a surface, after Louis (1979):
!!     u*^2 = a^2 U^2 F_m(z/z0, Ri),   w'theta' = a^2/R U (theta_s - theta_a) F_h(z/z0, Ri),   a = k/ln(z/z0),
!!     Ri = g z (theta_a - theta_s)/(theta U^2),
!!     F = 1/(1 + b'Ri)^2  (Ri >= 0),      F = 1 - b Ri/(1 + c |Ri|^(1/2)),  c = C a^2 b (z/z0)^(1/2)  (Ri < 0).
!! U is the wind relative to the surface, so that a current feels and makes less stress. Without the stability functions
!! (F = 1) these are constant neutral coefficients, the choice for a lowest level some hundred metres up, where the bulk
!! Richardson number of the layer would switch the exchange off under any inversion.
module bulk_flux_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, dry_air_gas_constant, dry_air_cp, kappa
    implicit none
    private
    public :: bulk_flux, stability_functions

    real(dp), parameter, public :: von_karman = 0.4_dp
    real(dp), parameter, public :: neutral_prandtl = 0.74_dp        !< Louis's R
    real(dp), parameter :: b = 9.4_dp, b_stable = 4.7_dp            !< Louis's b and b'
    real(dp), parameter :: c_momentum = 7.4_dp, c_heat = 5.3_dp     !< Louis's C*

contains

    !> Fluxes over one tile.
    elemental subroutine bulk_flux(z0, gustiness, louis, sigma, ps, ta, ua, va, ts, us, vs, tau_x, tau_y, sensible)
        real(dp), intent(in) :: z0                  !< roughness length [m]
        real(dp), intent(in) :: gustiness           !< [m/s]
        logical, intent(in) :: louis                !< use the stability functions
        real(dp), intent(in) :: sigma               !< pressure of the lowest level over surface pressure
        real(dp), intent(in) :: ps                  !< surface pressure [Pa]
        real(dp), intent(in) :: ta, ua, va          !< lowest level: temperature [K], wind [m/s]
        real(dp), intent(in) :: ts, us, vs          !< surface: temperature [K], current [m/s]
        real(dp), intent(out) :: tau_x, tau_y       !< stress on the surface [N/m2]
        real(dp), intent(out) :: sensible           !< heat into the atmosphere [W/m2]
        real(dp) :: z, theta, wind, ri, a2, rho, f_momentum, f_heat

        z = -log(sigma)*dry_air_gas_constant*ta/gravity     ! hydrostatic height of the level
        theta = ta*sigma**(-kappa)                          ! brought down dry-adiabatically
        wind = sqrt((ua - us)**2 + (va - vs)**2 + gustiness**2)
        a2 = (von_karman/log(z/z0))**2
        f_momentum = 1.0_dp
        f_heat = 1.0_dp
        if (louis) then
            ri = gravity*z*(theta - ts)/(theta*wind**2)
            call stability_functions(ri, z/z0, f_momentum, f_heat)
        end if
        rho = ps/(dry_air_gas_constant*theta)               ! at the surface
        tau_x = rho*a2*f_momentum*wind*(ua - us)
        tau_y = rho*a2*f_momentum*wind*(va - vs)
        sensible = rho*dry_air_cp*a2/neutral_prandtl*f_heat*wind*(ts - theta)
    end subroutine bulk_flux

    !> F_m and F_h.
    elemental subroutine stability_functions(ri, z_over_z0, f_momentum, f_heat)
        real(dp), intent(in) :: ri                  !< bulk Richardson number
        real(dp), intent(in) :: z_over_z0
        real(dp), intent(out) :: f_momentum, f_heat
        real(dp) :: c_over_c_star

        if (ri >= 0.0_dp) then
            f_momentum = 1.0_dp/(1.0_dp + b_stable*ri)**2
            f_heat = f_momentum
        else
            c_over_c_star = (von_karman/log(z_over_z0))**2*b*sqrt(z_over_z0)*sqrt(-ri)
            f_momentum = 1.0_dp - b*ri/(1.0_dp + c_momentum*c_over_c_star)
            f_heat = 1.0_dp - b*ri/(1.0_dp + c_heat*c_over_c_star)
        end if
    end subroutine stability_functions
end module bulk_flux_mod
