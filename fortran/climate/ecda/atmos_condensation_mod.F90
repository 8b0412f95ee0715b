!> Large-scale condensation: what exceeds saturation rains out at once and warms the air, c_p dT = -L dq, until
!! q = q_s(T) (two Newton steps). Rain does not evaporate on its way down.
module atmos_condensation_mod
    use kinds_mod, only: dp
    use constants_mod, only: dry_air_cp, latent_heat_vaporization
    use atmos_saturation_mod, only: saturation
    implicit none
    private

    public :: condense

contains

    elemental subroutine condense(p, t, q, rained)
        real(dp), intent(in) :: p           !< [Pa]
        real(dp), intent(inout) :: t        !< [K]
        real(dp), intent(inout) :: q        !< [kg/kg]
        real(dp), intent(out) :: rained     !< vapour lost [kg/kg]
        real(dp), parameter :: warming = latent_heat_vaporization/dry_air_cp
        real(dp) :: q_s, dq_s, excess
        integer :: pass

        rained = 0.0_dp
        call saturation(t, p, q_s, dq_s)
        if (q <= q_s) return
        do pass = 1, 2
            excess = (q - q_s)/(1.0_dp + warming*dq_s)
            q = q - excess
            t = t + warming*excess
            rained = rained + excess
            call saturation(t, p, q_s, dq_s)
        end do
    end subroutine condense
end module atmos_condensation_mod
