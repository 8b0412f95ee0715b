!> Large-scale condensation: what exceeds saturation rains out at once and warms the air, c_p dT = -L dq, until
!! q = q_s(T) (two Newton steps). Rain does not evaporate on its way down.
module atmos_condensation_mod
    use kinds_mod, only: dp
    use constants_mod, only: dry_air_cp, latent_heat_vaporization
    use atmos_saturation_mod, only: saturation, saturation_row
    implicit none
    private

    public :: condense_row

contains

    !> One level of one latitude row.
    pure subroutine condense_row(p, t, q, rained)
        real(dp), intent(in), contiguous :: p(:)            !< (nlon) [Pa]
        real(dp), intent(inout), contiguous :: t(:), q(:)   !< (nlon) [K], [kg/kg]
        real(dp), intent(out), contiguous :: rained(:)      !< (nlon) vapour lost [kg/kg]
        real(dp) :: q_s(size(t))
        integer :: i

        rained = 0.0_dp
        call saturation_row(t, p, q_s)
        do i = 1, size(t)
            if (q(i) > q_s(i)) call condense(p(i), t(i), q(i), rained(i))
        end do
    end subroutine condense_row

    pure subroutine condense(p, t, q, rained)
        real(dp), intent(in) :: p           !< [Pa]
        real(dp), intent(inout) :: t        !< [K]
        real(dp), intent(inout) :: q        !< [kg/kg]
        real(dp), intent(out) :: rained     !< vapour lost [kg/kg]
        real(dp), parameter :: warming = latent_heat_vaporization/dry_air_cp
        real(dp) :: q_s, dq_s, excess
        integer :: pass

        rained = 0.0_dp
        do pass = 1, 2
            call saturation(t, p, q_s, dq_s)
            excess = (q - q_s)/(1.0_dp + warming*dq_s)
            q = q - excess
            t = t + warming*excess
            rained = rained + excess
        end do
    end subroutine condense
end module atmos_condensation_mod
