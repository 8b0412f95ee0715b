!> The upper air on pressure levels: u, v, T, q and the geopotential height z.
!!
!! Between two model levels u, v, q and T are linear in ln p, and z follows from the hydrostatic equation with that T,
!!     z(p) = z_k + (R/g) (T_k + T(p))/2 ln(p_k/p),
!! from the level below, whose z is the dynamics' own (Simmons and Burridge 1981). Above the highest level T is
!! constant. Below the lowest it rises by 6.5 K/km, T = T_n (p/p_n)^(R gamma/g), z = z_n - (T - T_n)/gamma, as is
!! done for pressures below the ground; u, v and q are there those of the lowest level.
module atmos_pressure_levels_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, dry_air_gas_constant
    use atmos_type_mod, only: atmos_type
    use atmos_fields_mod, only: atmos_fields, atmos_surface_height
    implicit none
    private

    public :: atmos_pressure_levels, column_to_pressure

    real(dp), parameter :: lapse = 0.0065_dp    !< gamma, below the lowest level [K/m]

contains

    !> Fields on the own rows, in the order of `pressure`. Collective.
    subroutine atmos_pressure_levels(self, pressure, u, v, t, q, z)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: pressure(:)                         !< (n) [Pa]
        real(dp), intent(out), dimension(:, :, :) :: u, v           !< (nlon, nrows, n) [m/s]
        real(dp), intent(out) :: t(:, :, :)                         !< [K]
        real(dp), intent(out) :: q(:, :, :)                         !< specific humidity, 0 of a dry atmosphere [kg/kg]
        real(dp), intent(out) :: z(:, :, :)                         !< geopotential height above sea level [m]
        real(dp), dimension(self%nlon, size(self%rows), self%nlev) :: um, vm, tm, qm
        real(dp), dimension(self%nlon, size(self%rows)) :: ps, ground
        integer :: i, j

        call atmos_fields(self, um, vm, tm, ps, qm)
        call atmos_surface_height(self, ground)
        associate (vertical => self%dynamics%vertical)
            do j = 1, size(ps, 2)
                do i = 1, size(ps, 1)
                    call column_to_pressure(ps(i, j)*vertical%full, tm(i, j, :), &
                        ground(i, j) + matmul(vertical%geopotential, tm(i, j, :))/gravity, um(i, j, :), vm(i, j, :), &
                        qm(i, j, :), pressure, t(i, j, :), z(i, j, :), u(i, j, :), v(i, j, :), q(i, j, :))
                end do
            end do
        end associate
    end subroutine atmos_pressure_levels

    !> One column.
    pure subroutine column_to_pressure(p, t, z, u, v, q, pressure, t_out, z_out, u_out, v_out, q_out)
        real(dp), intent(in) :: p(:)                                !< (nlev) of the model levels, rising [Pa]
        real(dp), intent(in) :: t(:), z(:), u(:), v(:), q(:)        !< (nlev) [K], [m], [m/s], [m/s], [kg/kg]
        real(dp), intent(in) :: pressure(:)                         !< (n) wanted [Pa]
        real(dp), intent(out), dimension(:) :: t_out, z_out, u_out, v_out, q_out  !< (n)
        real(dp), parameter :: scale = dry_air_gas_constant/gravity !< [m/K]
        real(dp) :: w
        integer :: k, n, m

        n = size(p)
        do m = 1, size(pressure)
            k = max(2, count(p < pressure(m)) + 1)                  ! the level below the wanted pressure
            if (k > n) then
                t_out(m) = t(n)*(pressure(m)/p(n))**(scale*lapse)
                z_out(m) = z(n) - (t_out(m) - t(n))/lapse
                u_out(m) = u(n)
                v_out(m) = v(n)
                q_out(m) = q(n)
                cycle
            end if
            w = min(1.0_dp, log(p(k)/pressure(m))/log(p(k)/p(k - 1)))  ! weight of the level above
            t_out(m) = t(k) + w*(t(k - 1) - t(k))
            u_out(m) = u(k) + w*(u(k - 1) - u(k))
            v_out(m) = v(k) + w*(v(k - 1) - v(k))
            q_out(m) = q(k) + w*(q(k - 1) - q(k))
            if (pressure(m) < p(1)) then
                z_out(m) = z(1) + scale*t(1)*log(p(1)/pressure(m))
            else
                z_out(m) = z(k) + scale*0.5_dp*(t(k) + t_out(m))*log(p(k)/pressure(m))
            end if
        end do
    end subroutine column_to_pressure
end module atmos_pressure_levels_mod
