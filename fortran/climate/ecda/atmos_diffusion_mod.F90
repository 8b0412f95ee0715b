!> Implicit vertical diffusion of momentum, dry static energy and water with the surface fluxes at its foot.
!!
!! m dX/dt = F_(k+1/2) - F_(k-1/2), F = rho K dX/dz positive upward out of the layer below, m = ps ds/g; F at the ground
!! is the surface flux, F at the top is 0. After Louis (1979), K = l^2 |dv/dz| f(Ri), 1/l = 1/(k z) + 1/lambda, with the
!! functions of Holtslag and Boville (1993): f = (1 - 18 Ri)^(1/2) unstable, f = 1/[1 + 10 Ri (1 + 8 Ri)] stable,
!! Ri = (g/T) d(s/c_p)/dz/|dv/dz|^2, s = c_p T + Phi. One tridiagonal matrix per column serves u, v, s and q; the column
!! sums change by the surface fluxes alone. The kinetic energy that mixing and the ground take becomes heat where it is
!! lost.
module atmos_diffusion_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, dry_air_cp, dry_air_gas_constant
    use atmos_vertical_mod, only: vertical_type
    implicit none
    private

    public :: diffuse, heights, solve_diffusion

    real(dp), parameter :: von_karman = 0.4_dp
    real(dp), parameter :: least_shear = 0.1_dp     !< keeps Ri finite, velocity difference [m/s]

contains

    !> Geopotential above the ground of the centres and the interfaces.
    pure subroutine heights(vertical, t, phi, phi_half)
        type(vertical_type), intent(in) :: vertical
        real(dp), intent(in), contiguous :: t(:, :)             !< (nlon, nlev) [K]
        real(dp), intent(out), contiguous :: phi(:, :)          !< (nlon, nlev) [m2/s2]
        real(dp), intent(out), contiguous :: phi_half(:, :)     !< (nlon, nlev) lower interfaces; 0 at the ground
        integer :: k

        phi_half(:, size(t, 2)) = 0.0_dp
        do k = size(t, 2), 1, -1
            phi(:, k) = phi_half(:, k) + dry_air_gas_constant*vertical%alpha(k)*t(:, k)
            if (k > 1) phi_half(:, k - 1) = phi_half(:, k) + dry_air_gas_constant*vertical%log_ratio(k)*t(:, k)
        end do
    end subroutine heights

    !> One step of one latitude row.
    pure subroutine diffuse(vertical, mixing_length, dt, ps, phi, phi_half, stress_x, stress_y, sensible, evaporation, &
        u, v, t, q)
        type(vertical_type), intent(in) :: vertical
        real(dp), intent(in) :: mixing_length                       !< lambda [m]
        real(dp), intent(in) :: dt                                  !< [s]
        real(dp), intent(in) :: ps(:)                               !< (nlon) [Pa]
        real(dp), intent(in), contiguous :: phi(:, :), phi_half(:, :)  !< from heights
        real(dp), intent(in) :: stress_x(:), stress_y(:)            !< on the air [N/m2]
        real(dp), intent(in) :: sensible(:), evaporation(:)         !< into the air [W/m2], [kg/m2/s]
        real(dp), intent(inout), contiguous :: u(:, :), v(:, :), t(:, :), q(:, :)  !< (nlon, nlev)
        real(dp), dimension(size(u, 1), size(u, 2)) :: mass, link, s, energy
        integer :: k, n

        n = size(u, 2)
        do k = 1, n
            mass(:, k) = ps*(vertical%ds(k)/gravity)
        end do
        call conductance(vertical, mixing_length, dt, ps, phi, phi_half, u, v, t, link)
        s = dry_air_cp*t + phi
        energy = 0.5_dp*(u**2 + v**2)
        call solve_diffusion(mass, link, dt, stress_x, stress_y, sensible, evaporation, u, v, s, q)
        t = (s - phi + energy - 0.5_dp*(u**2 + v**2))/dry_air_cp
    end subroutine diffuse

    !> dt rho K/dz of the lower interfaces [kg/m2].
    pure subroutine conductance(vertical, mixing_length, dt, ps, phi, phi_half, u, v, t, link)
        type(vertical_type), intent(in) :: vertical
        real(dp), intent(in) :: mixing_length, dt, ps(:)
        real(dp), intent(in), contiguous :: phi(:, :), phi_half(:, :), u(:, :), v(:, :), t(:, :)
        real(dp), intent(out), contiguous :: link(:, :)
        real(dp) :: dz, du2, rise, l, t_half, rate, mix
        integer :: i, k

        link(:, size(u, 2)) = 0.0_dp
        do k = 1, size(u, 2) - 1
            do i = 1, size(u, 1)
                dz = (phi(i, k) - phi(i, k + 1))/gravity
                t_half = 0.5_dp*(t(i, k) + t(i, k + 1))
                du2 = (u(i, k) - u(i, k + 1))**2 + (v(i, k) - v(i, k + 1))**2 + least_shear**2
                ! Ri |dv|^2 = g dz d(theta)/theta
                rise = dz*gravity/t_half*(t(i, k) - t(i, k + 1) + (phi(i, k) - phi(i, k + 1))/dry_air_cp)
                mix = von_karman*phi_half(i, k)/gravity
                l = mix*mixing_length/(mix + mixing_length)
                if (rise < 0.0_dp) then
                    rate = sqrt(du2 - 18.0_dp*rise)
                else
                    associate (ri => rise/du2)
                        rate = sqrt(du2)/(1.0_dp + 10.0_dp*ri*(1.0_dp + 8.0_dp*ri))
                    end associate
                end if
                link(i, k) = dt*ps(i)*vertical%half(k)/(dry_air_gas_constant*t_half)*(l/dz)**2*rate
            end do
        end do
    end subroutine conductance

    !> Solve m (X' - X) = link_k (X'_(k+1) - X'_k) + link_(k-1) (X'_(k-1) - X'_k) [+ dt flux at the ground] in place.
    pure subroutine solve_diffusion(mass, link, dt, flux_u, flux_v, flux_s, flux_q, u, v, s, q)
        real(dp), intent(in), contiguous :: mass(:, :)          !< (nlon, nlev) [kg/m2]
        real(dp), intent(in), contiguous :: link(:, :)          !< (nlon, nlev) of the lower interfaces [kg/m2]
        real(dp), intent(in) :: dt                              !< [s]
        real(dp), intent(in) :: flux_u(:), flux_v(:), flux_s(:), flux_q(:)  !< into the lowest layer [unit kg/m2/s]
        real(dp), intent(inout), contiguous :: u(:, :), v(:, :), s(:, :), q(:, :)
        real(dp), dimension(size(u, 1), size(u, 2)) :: ratio    !< link over the pivot of the elimination
        real(dp) :: inverse(size(u, 1))
        integer :: k, n

        n = size(u, 2)
        do k = 1, n
            u(:, k) = mass(:, k)*u(:, k)
            v(:, k) = mass(:, k)*v(:, k)
            s(:, k) = mass(:, k)*s(:, k)
            q(:, k) = mass(:, k)*q(:, k)
        end do
        u(:, n) = u(:, n) + dt*flux_u
        v(:, n) = v(:, n) + dt*flux_v
        s(:, n) = s(:, n) + dt*flux_s
        q(:, n) = q(:, n) + dt*flux_q
        do k = 1, n
            inverse = mass(:, k) + link(:, k)
            if (k > 1) then
                inverse = inverse + link(:, k - 1)*(1.0_dp - ratio(:, k - 1))
                u(:, k) = u(:, k) + link(:, k - 1)*u(:, k - 1)
                v(:, k) = v(:, k) + link(:, k - 1)*v(:, k - 1)
                s(:, k) = s(:, k) + link(:, k - 1)*s(:, k - 1)
                q(:, k) = q(:, k) + link(:, k - 1)*q(:, k - 1)
            end if
            inverse = 1.0_dp/inverse
            ratio(:, k) = link(:, k)*inverse
            u(:, k) = u(:, k)*inverse
            v(:, k) = v(:, k)*inverse
            s(:, k) = s(:, k)*inverse
            q(:, k) = q(:, k)*inverse
        end do
        do k = n - 1, 1, -1
            u(:, k) = u(:, k) + ratio(:, k)*u(:, k + 1)
            v(:, k) = v(:, k) + ratio(:, k)*v(:, k + 1)
            s(:, k) = s(:, k) + ratio(:, k)*s(:, k + 1)
            q(:, k) = q(:, k) + ratio(:, k)*q(:, k + 1)
        end do
    end subroutine solve_diffusion
end module atmos_diffusion_mod
