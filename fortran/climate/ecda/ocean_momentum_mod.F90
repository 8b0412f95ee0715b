!> Explicit forces on the currents: pressure of the density anomalies, advection and metric terms,
!!
!!     G = -grad(p')/rho0 - div(u v) + u tan(phi)/a (v, -u).
!! The surface pressure g eta, the Coriolis force and friction are treated elsewhere.
!! Advection is in flux form, with the fluxes of a velocity cell the means of the four T cells it overlaps. Its volume
!! is balanced by the same fluxes, so subtracting v div(u) = 0 leaves
!!     div(u v) = 1/(2 V) sum over faces of (outflow * (v_neighbour - v)),
!! which conserves kinetic energy; the lid moves with the water and carries none.
module ocean_momentum_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, seawater_density
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_eos_mod, only: density_row
    use ocean_transport_mod, only: volume_fluxes, lift_through_top
    implicit none
    private
    public :: momentum_tendency

contains

    !> G on the owned velocity points; t, s, eta need one halo cell, u and v too.
    subroutine momentum_tendency(g, config, reference, pressure, t, s, u, v, eta, gu, gv)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: reference(g%nk)     !< reference density of the levels [kg/m3]
        real(dp), intent(in) :: pressure(g%nk)      !< pressure at the level centres [Pa]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s, u, v   !< degC, g/kg, m/s
        real(dp), intent(in) :: eta(g%is:g%ie, g%js:g%je)                           !< [m]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: gu, gv    !< [m/s2]
        integer :: k
        real(dp), dimension(g%is:g%ie, g%js:g%je) :: anomaly, p, east, north, lift, lift_below

        p = 0.0_dp
        anomaly = 0.0_dp
        do k = 1, g%nk
            call pressure_force(g, config, k, reference(k), pressure(k), t(:, :, k), s(:, :, k), eta, anomaly, p, &
                gu(:, :, k), gv(:, :, k))
        end do
        east = 0.0_dp
        north = 0.0_dp
        lift = 0.0_dp
        do k = g%nk, 1, -1
            if (config%momentum_advection) then
                call volume_fluxes(g, k, eta, u(:, :, k), v(:, :, k), east, north)
                lift_below = lift
                call lift_through_top(g, k, east, north, lift_below, lift)
                call advect(g, k, eta, east, north, lift, lift_below, u, gu(:, :, k))
                call advect(g, k, eta, east, north, lift, lift_below, v, gv(:, :, k))
                call add_curvature(g, g%mask_u(:, :, k), u(:, :, k), v(:, :, k), gu(:, :, k), gv(:, :, k))
            end if
        end do
    end subroutine momentum_tendency

    !> -grad(p')/rho0 at level k; p' is carried down from level to level, the top cell's half includes eta.
    subroutine pressure_force(g, config, k, reference, pressure, t, s, eta, anomaly, p, gu, gv)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        integer, intent(in) :: k
        real(dp), intent(in) :: reference, pressure
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: t, s, eta
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: anomaly  !< of the level above [kg/m3]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: p        !< p'/rho0 [m2/s2]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: gu, gv
        integer :: i, j
        real(dp) :: rho(g%nx + 1), above, scale, x_factor, y_factor

        if (.not. config%baroclinic_pressure) then
            gu = 0.0_dp
            gv = 0.0_dp
            return
        end if
        scale = 0.5_dp*gravity/seawater_density
        do j = 1, g%ny + 1
            call density_row(g%nx + 1, t(1:g%nx + 1, j), s(1:g%nx + 1, j), pressure, rho)
            do i = 1, g%nx + 1
                above = anomaly(i, j)
                anomaly(i, j) = rho(i) - reference
                if (k == 1) then
                    p(i, j) = scale*anomaly(i, j)*(g%dz(1) + 2.0_dp*eta(i, j))
                else
                    p(i, j) = p(i, j) + scale*(above*g%dz(k - 1) + anomaly(i, j)*g%dz(k))
                end if
            end do
        end do
        y_factor = 0.5_dp/g%dy
        do j = 1, g%ny
            x_factor = 0.5_dp/g%dx_u(j)
            do i = 1, g%nx
                gu(i, j) = -x_factor*g%mask_u(i, j, k)*((p(i + 1, j) - p(i, j)) + (p(i + 1, j + 1) - p(i, j + 1)))
                gv(i, j) = -y_factor*g%mask_u(i, j, k)*((p(i, j + 1) - p(i, j)) + (p(i + 1, j + 1) - p(i + 1, j)))
            end do
        end do
    end subroutine pressure_force

    !> Subtract div(u c) of one velocity component c at level k.
    subroutine advect(g, k, eta, east, north, lift, below, c, tendency)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta, east, north, lift, below
        real(dp), intent(in) :: c(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: tendency
        integer :: i, j, up, down
        real(dp) :: fe, fw, fn, fs, ft, fb, volume, eta_part, has_below

        up = max(k - 1, 1)
        down = min(k + 1, g%nk)
        has_below = merge(1.0_dp, 0.0_dp, k < g%nk)
        eta_part = merge(0.25_dp, 0.0_dp, k == 1)
        do j = 1, g%ny
            do i = 1, g%nx
                fe = (east(i, j) + east(i + 1, j)) + (east(i, j + 1) + east(i + 1, j + 1))
                fw = (east(i - 1, j) + east(i, j)) + (east(i - 1, j + 1) + east(i, j + 1))
                fn = (north(i, j) + north(i + 1, j)) + (north(i, j + 1) + north(i + 1, j + 1))
                fs = (north(i, j - 1) + north(i + 1, j - 1)) + (north(i, j) + north(i + 1, j))
                ft = (lift(i, j) + lift(i + 1, j)) + (lift(i, j + 1) + lift(i + 1, j + 1))
                fb = (below(i, j) + below(i + 1, j)) + (below(i, j + 1) + below(i + 1, j + 1))
                volume = g%area_u(j)*(g%dz(k) &
                    + eta_part*((eta(i, j) + eta(i + 1, j)) + (eta(i, j + 1) + eta(i + 1, j + 1))))
                tendency(i, j) = tendency(i, j) - 0.125_dp*g%mask_u(i, j, k)/volume*( &
                    (fe*(c(i + 1, j, k) - c(i, j, k)) - fw*(c(i - 1, j, k) - c(i, j, k))) &
                    + (fn*(c(i, j + 1, k) - c(i, j, k)) - fs*(c(i, j - 1, k) - c(i, j, k))) &
                    + (ft*(c(i, j, up) - c(i, j, k)) - fb*(has_below*c(i, j, down) - c(i, j, k))))
            end do
        end do
    end subroutine advect

    !> Add the metric terms of advection.
    subroutine add_curvature(g, mask, u, v, gu, gv)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mask, u, v
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: gu, gv
        integer :: i, j

        do j = 1, g%ny
            do i = 1, g%nx
                gu(i, j) = gu(i, j) + mask(i, j)*g%tan_u(j)*u(i, j)*v(i, j)
                gv(i, j) = gv(i, j) - mask(i, j)*g%tan_u(j)*u(i, j)*u(i, j)
            end do
        end do
    end subroutine add_curvature
end module ocean_momentum_mod
