!> Simplified Betts-Miller convection (Frierson 2007), one column, with its two ways of conserving enthalpy.
!!
!! A parcel from the lowest level rises with its moist static energy c_p T + Phi + L q in the geopotential of its
!! surroundings, dry until it saturates, then saturated (in a neutral column this is the pseudoadiabat). From its level
!! of zero buoyancy down, T relaxes to the parcel's T_ref and q to q_ref = RH q_s(T_ref), both over tau. With
!!     P_T = c_p sum (T_ref - T) ds,   P_q = L sum (q - q_ref) ds     (both over tau and times ps/g):
!! deep, P_T > 0 and P_q > 0: T_ref is shifted by one number so that the heating equals the drying, which rains out;
!! shallow, P_T > 0 >= P_q: the top is lowered until P_q vanishes, its highest level taking only the rest of the
!! moisture, and T_ref is shifted so that the heating vanishes: nothing rains, water and heat are mixed.
module atmos_convection_mod
    use kinds_mod, only: dp
    use constants_mod, only: dry_air_cp, latent_heat_vaporization
    use atmos_saturation_mod, only: saturation
    implicit none
    private

    public :: convect_column, parcel_ascent

    real(dp), parameter :: cp = dry_air_cp, latent = latent_heat_vaporization
    real(dp), parameter :: inhibition = 10.0_dp     !< a parcel so much colder than its surroundings is given up [K]

contains

    !> Change of T and q over one step.
    pure subroutine convect_column(share, humidity, p, ds, phi, t, q, rained)
        real(dp), intent(in) :: share                   !< min(1, dt/tau)
        real(dp), intent(in) :: humidity                !< RH of the reference
        real(dp), intent(in), contiguous :: p(:)        !< (nlev) [Pa]
        real(dp), intent(in), contiguous :: ds(:)       !< (nlev) thickness in sigma
        real(dp), intent(in), contiguous :: phi(:)      !< (nlev) geopotential above the ground [J/kg]
        real(dp), intent(inout), contiguous :: t(:)     !< (nlev) [K]
        real(dp), intent(inout), contiguous :: q(:)     !< (nlev) [kg/kg]
        real(dp), intent(out) :: rained                 !< sum over the column of -dq ds [kg/kg]
        real(dp), dimension(size(t)) :: t_ref, q_ref, dt, dq
        real(dp) :: heating, drying
        integer :: top, n

        n = size(t)
        rained = 0.0_dp
        call parcel_ascent(humidity, p, phi, t, q, t_ref, q_ref, top)
        if (top >= n) return
        dt(top:) = share*(t_ref(top:) - t(top:))
        dq(top:) = share*(q_ref(top:) - q(top:))
        heating = cp*sum(dt(top:)*ds(top:))
        if (heating <= 0.0_dp) return
        drying = -latent*sum(dq(top:)*ds(top:))
        if (drying > 0.0_dp) then
            dt(top:) = dt(top:) + (drying - heating)/(cp*sum(ds(top:)))
            rained = drying/latent
        else
            call lower_top(ds, top, dq, drying)
            if (top >= n) return
            dt(top:) = dt(top:) - sum(dt(top:)*ds(top:))/sum(ds(top:))
        end if
        t(top:) = t(top:) + dt(top:)
        q(top:) = q(top:) + dq(top:)
    end subroutine convect_column

    !> Temperature of the parcel, its reference humidity, and the highest level where it is buoyant (n: nowhere).
    pure subroutine parcel_ascent(humidity, p, phi, t, q, t_ref, q_ref, top)
        real(dp), intent(in) :: humidity
        real(dp), intent(in), contiguous :: p(:), phi(:), t(:), q(:)
        real(dp), intent(out), contiguous :: t_ref(:)   !< (nlev) set from top down [K]
        real(dp), intent(out), contiguous :: q_ref(:)   !< (nlev) likewise
        integer, intent(out) :: top
        real(dp) :: energy, q_s, dq_s, step
        logical :: saturated
        integer :: k, n

        n = size(t)
        top = n
        energy = cp*t(n) + phi(n) + latent*q(n)
        t_ref(n) = t(n)
        call saturation(t(n), p(n), q_s, dq_s)
        q_ref(n) = humidity*q_s
        saturated = .false.
        do k = n - 1, 1, -1
            ! The first guess of a saturated parcel follows the slope of q_s(T) below.
            t_ref(k) = t_ref(k + 1) - (phi(k) - phi(k + 1))/(cp + merge(latent*dq_s, 0.0_dp, saturated))
            call saturation(t_ref(k), p(k), q_s, dq_s)
            saturated = saturated .or. q(n) > q_s
            if (saturated) then
                ! Newton, twice; the second step is so short that q_s follows its tangent
                t_ref(k) = t_ref(k) + (energy - phi(k) - cp*t_ref(k) - latent*q_s)/(cp + latent*dq_s)
                call saturation(t_ref(k), p(k), q_s, dq_s)
                step = (energy - phi(k) - cp*t_ref(k) - latent*q_s)/(cp + latent*dq_s)
                t_ref(k) = t_ref(k) + step
                q_s = q_s + dq_s*step
            end if
            q_ref(k) = humidity*q_s
            if (t_ref(k) > t(k)) then
                top = k
            else if (top < n .or. t(k) - t_ref(k) > inhibition) then
                exit
            end if
        end do
    end subroutine parcel_ascent

    !> Lower the top until the levels below dry as much as the top level is to be moistened.
    pure subroutine lower_top(ds, top, dq, drying)
        real(dp), intent(in), contiguous :: ds(:)
        integer, intent(inout) :: top                   !< size(ds): no level is left
        real(dp), intent(inout), contiguous :: dq(:)
        real(dp), intent(in) :: drying                  !< -L sum dq ds of all levels, not positive [J/kg]
        real(dp) :: water                               !< -sum dq ds of the levels below the top
        integer :: n

        n = size(ds)
        water = drying/latent + dq(top)*ds(top)
        do while (water <= 0.0_dp .and. top < n)
            top = top + 1
            water = water + dq(top)*ds(top)
        end do
        dq(top) = water/ds(top)
    end subroutine lower_top
end module atmos_convection_mod
