!> Saturation over liquid water with a constant latent heat (Clausius-Clapeyron):
!!     e_s = 610.78 Pa exp[L/R_v (1/273.16 K - 1/T)],   q_s = eps e_s/(p - (1 - eps) e_s),   eps = R/R_v.
!! e_s is read from a table by linear interpolation over 1/8 K, right to 4e-5 of itself from 150 to 400 K.
module atmos_saturation_mod
    use kinds_mod, only: dp
    use constants_mod, only: dry_air_gas_constant, vapour_gas_constant, latent_heat_vaporization
    implicit none
    private

    public :: saturation, saturation_row

    real(dp), parameter :: eps = dry_air_gas_constant/vapour_gas_constant
    real(dp), parameter :: slope_factor = latent_heat_vaporization/vapour_gas_constant  !< [K]
    real(dp), parameter :: t_first = 100.0_dp, per_kelvin = 8.0_dp
    integer, parameter :: last = 2400
    integer :: i
    real(dp), parameter :: table(0:last) = [(610.78_dp*exp(slope_factor*(1.0_dp/273.16_dp &
        - 1.0_dp/(t_first + real(i, dp)/per_kelvin))), i=0, last)]                      !< e_s [Pa]

contains

    !> q_s and its derivative at constant pressure. Where e_s nears p, the denominator stays at e_s.
    elemental subroutine saturation(t, p, q_s, dq_s)
        real(dp), intent(in) :: t           !< [K]
        real(dp), intent(in) :: p           !< [Pa]
        real(dp), intent(out) :: q_s        !< [kg/kg]
        real(dp), intent(out) :: dq_s       !< dq_s/dT [1/K]
        real(dp) :: place, e_s, air
        integer :: k

        place = min(max((t - t_first)*per_kelvin, 0.0_dp), real(last, dp) - 0.5_dp)
        k = int(place)
        place = place - real(k, dp)
        e_s = table(k) + place*(table(k + 1) - table(k))
        air = max(p - (1.0_dp - eps)*e_s, e_s)
        q_s = eps*e_s/air
        dq_s = q_s*slope_factor/t**2*(p/air)
    end subroutine saturation

    !> q_s alone along a row.
    pure subroutine saturation_row(t, p, q_s)
        real(dp), intent(in), contiguous :: t(:), p(:)      !< (n) [K], [Pa]
        real(dp), intent(out), contiguous :: q_s(:)         !< (n) [kg/kg]
        real(dp) :: place, e_s
        integer :: n, k

        do n = 1, size(t)
            place = min(max((t(n) - t_first)*per_kelvin, 0.0_dp), real(last, dp) - 0.5_dp)
            k = int(place)
            e_s = table(k) + (place - real(k, dp))*(table(k + 1) - table(k))
            q_s(n) = eps*e_s/max(p(n) - (1.0_dp - eps)*e_s, e_s)
        end do
    end subroutine saturation_row
end module atmos_saturation_mod
