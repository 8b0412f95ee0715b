!> Explicit forces on the currents: pressure of the density anomalies, advection and metric terms,
!!
!!     G = -grad(p')/rho0 - div(u v) + u tan(phi)/a (v, -u).
!! The surface pressure g eta, the Coriolis force and friction are treated elsewhere.
!! Advection is in flux form, with the fluxes of a velocity cell the means of the four T cells it overlaps. Its volume
!! is balanced by the same fluxes, so subtracting v div(u) = 0 leaves
!!     div(u v) = 1/(2 V) sum over faces of (outflow * (v_neighbour - v)),
!! which conserves kinetic energy; the lid moves with the water and carries none.
!!
!! Rows are worked on from south to north, each through all levels, so that a row's arrays stay in the cache. What the
!! next row needs of this one is kept in two planes (longitude, level), that of T row j being number mod(j, 2).
module ocean_momentum_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, seawater_density
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_eos_mod, only: density_row
    use ocean_transport_mod, only: row_fluxes, row_lift, corner_thickness
    implicit none
    private
    public :: momentum_tendency, momentum_start, momentum_row

    type, public :: momentum_work_type
        private
        real(dp), allocatable :: p(:, :, :)             !< p'/rho0 at T points (nx + 1, nlev, 0:1) [m2/s2]
        real(dp), allocatable :: east(:, :, :)          !< volume fluxes of the T cells (0:nx+1, nlev, 0:1) [m3/s]
        real(dp), allocatable :: north(:, :, :), lift(:, :, :)
        real(dp), allocatable :: south(:, :)            !< into the velocity row from the south (nx, nlev) [m3/s]
    end type momentum_work_type

contains

    !> G on the owned velocity points; t, s, eta need one halo cell, u and v too.
    subroutine momentum_tendency(w, g, config, reference, pressure, t, s, u, v, eta, gu, gv)
        type(momentum_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: reference(g%nk)     !< reference density of the levels [kg/m3]
        real(dp), intent(in) :: pressure(g%nk)      !< pressure at the level centres [Pa]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s, u, v   !< degC, g/kg, m/s
        real(dp), intent(in) :: eta(g%is:g%ie, g%js:g%je)                           !< [m]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: gu, gv    !< [m/s2]
        real(dp) :: h(g%is:g%ie, g%js:g%je)
        integer :: j

        call corner_thickness(g, eta, h)
        call momentum_start(w, g, config, reference, pressure, t, s, u, v, eta, h)
        do j = 1, g%ny
            call momentum_row(w, g, config, reference, pressure, j, t, s, u, v, eta, h, gu, gv)
        end do
    end subroutine momentum_tendency

    !> What the first row of velocity points needs from the T rows south of it.
    subroutine momentum_start(w, g, config, reference, pressure, t, s, u, v, eta, h)
        type(momentum_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in), dimension(g%nk) :: reference, pressure
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s, u, v
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta, h
        integer :: i, k

        if (.not. allocated(w%p)) then
            allocate (w%p(g%nx + 1, g%nk, 0:1), w%east(0:g%nx + 1, g%nk, 0:1), w%north(0:g%nx + 1, g%nk, 0:1), &
                w%lift(0:g%nx + 1, g%nk + 1, 0:1), w%south(g%nx, g%nk), source=0.0_dp)
        end if
        if (config%baroclinic_pressure) call row_pressure(g, reference, pressure, t, s, eta, 1, w%p(:, :, 1))
        if (.not. config%momentum_advection) return
        w%north(:, :, 1) = 0.0_dp
        call row_transport(g, u, v, h, 0, w%north(:, :, 1), w%east(:, :, 0), w%north(:, :, 0), w%lift(:, :, 0))
        call row_transport(g, u, v, h, 1, w%north(:, :, 0), w%east(:, :, 1), w%north(:, :, 1), w%lift(:, :, 1))
        do k = 1, g%nk
            do i = 1, g%nx
                w%south(i, k) = (w%north(i, k, 0) + w%north(i + 1, k, 0)) + (w%north(i, k, 1) + w%north(i + 1, k, 1))
            end do
        end do
    end subroutine momentum_start

    !> G on the velocity points of row j. Rows come in the order 1, 2, ..., after momentum_start.
    subroutine momentum_row(w, g, config, reference, pressure, j, t, s, u, v, eta, h, gu, gv)
        type(momentum_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in), dimension(g%nk) :: reference, pressure
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s, u, v
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta, h     !< h: of the top velocity cells [m]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: gu, gv
        integer :: here, next

        here = mod(j, 2)
        next = 1 - here
        if (config%baroclinic_pressure) then
            call row_pressure(g, reference, pressure, t, s, eta, j + 1, w%p(:, :, next))
            call pressure_force(g, j, w%p(:, :, here), w%p(:, :, next), gu, gv)
        else
            gu(1:g%nx, j, :) = 0.0_dp
            gv(1:g%nx, j, :) = 0.0_dp
        end if
        if (.not. config%momentum_advection) return
        call row_transport(g, u, v, h, j + 1, w%north(:, :, here), w%east(:, :, next), w%north(:, :, next), &
            w%lift(:, :, next))
        call advect(g, j, h, w%east(:, :, here), w%east(:, :, next), w%north(:, :, here), w%north(:, :, next), &
            w%lift(:, :, here), w%lift(:, :, next), w%south, u, v, gu, gv)
    end subroutine momentum_row

    !> p'/rho0 of T row j, integrated down from the surface; the top cell's half includes eta.
    subroutine row_pressure(g, reference, pressure, t, s, eta, j, p)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%nk) :: reference, pressure
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s
        real(dp), intent(in) :: eta(g%is:g%ie, g%js:g%je)
        integer, intent(in) :: j
        real(dp), intent(inout) :: p(g%nx + 1, g%nk)
        real(dp), dimension(g%nx + 1) :: rho, anomaly
        real(dp) :: above, scale
        integer :: i, k

        scale = 0.5_dp*gravity/seawater_density
        call density_row(g%nx + 1, t(1:g%nx + 1, j, 1), s(1:g%nx + 1, j, 1), pressure(1), rho)
        do i = 1, g%nx + 1
            anomaly(i) = rho(i) - reference(1)
            p(i, 1) = scale*anomaly(i)*(g%dz(1) + 2.0_dp*eta(i, j))
        end do
        do k = 2, g%nk
            call density_row(g%nx + 1, t(1:g%nx + 1, j, k), s(1:g%nx + 1, j, k), pressure(k), rho)
            do i = 1, g%nx + 1
                above = anomaly(i)
                anomaly(i) = rho(i) - reference(k)
                p(i, k) = p(i, k - 1) + scale*(above*g%dz(k - 1) + anomaly(i)*g%dz(k))
            end do
        end do
    end subroutine row_pressure

    !> -grad(p')/rho0 at the velocity points of row j, from the T rows south and north of it.
    subroutine pressure_force(g, j, south, north, gu, gv)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%nx + 1, g%nk) :: south, north
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: gu, gv
        real(dp) :: x_factor, y_factor
        integer :: i, k

        x_factor = 0.5_dp/g%dx_u(j)
        y_factor = 0.5_dp/g%dy
        do k = 1, g%nk
            do i = 1, g%nx
                gu(i, j, k) = -x_factor*g%mask_u(i, j, k)*((south(i + 1, k) - south(i, k)) &
                    + (north(i + 1, k) - north(i, k)))
                gv(i, j, k) = -y_factor*g%mask_u(i, j, k)*((north(i, k) - south(i, k)) &
                    + (north(i + 1, k) - south(i + 1, k)))
            end do
        end do
    end subroutine pressure_force

    !> Volume fluxes of T row j through all levels, given those through its southern faces.
    subroutine row_transport(g, u, v, h, j, south, east, north, lift)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v
        real(dp), intent(in) :: h(g%is:g%ie, g%js:g%je)
        integer, intent(in) :: j
        real(dp), intent(in) :: south(0:g%nx + 1, g%nk)
        real(dp), intent(inout), dimension(0:g%nx + 1, g%nk) :: east, north
        real(dp), intent(inout) :: lift(0:g%nx + 1, g%nk + 1)   !< level nlev + 1 stays 0
        integer :: k

        do k = g%nk, 1, -1
            call row_fluxes(g, k, j, h, u(:, j - 1, k), u(:, j, k), v(:, j, k), east(:, k), north(:, k))
            call row_lift(g, k, east(:, k), south(:, k), north(:, k), lift(:, k + 1), lift(:, k))
        end do
    end subroutine row_transport

    !> Subtract div(u v) at the velocity points of row j and add the metric terms.
    subroutine advect(g, j, h, east_s, east_n, north_s, north_n, lift_s, lift_n, south, u, v, gu, gv)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j
        real(dp), intent(in) :: h(g%is:g%ie, g%js:g%je)
        !> Of the T rows south and north of the velocity points [m3/s].
        real(dp), intent(in), dimension(0:g%nx + 1, g%nk) :: east_s, east_n, north_s, north_n
        real(dp), intent(in), dimension(0:g%nx + 1, g%nk + 1) :: lift_s, lift_n
        real(dp), intent(inout) :: south(g%nx, g%nk)    !< flux through the southern faces, then the northern ones
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: gu, gv
        real(dp), dimension(g%nx) :: fn, ft, fb, scale
        real(dp) :: fe(0:g%nx), below
        integer :: i, k, up, down

        fb = 0.0_dp
        do k = g%nk, 1, -1
            up = max(k - 1, 1)
            down = min(k + 1, g%nk)
            below = merge(1.0_dp, 0.0_dp, k < g%nk)
            do i = 0, g%nx
                fe(i) = (east_s(i, k) + east_s(i + 1, k)) + (east_n(i, k) + east_n(i + 1, k))
            end do
            do i = 1, g%nx
                fn(i) = (north_s(i, k) + north_s(i + 1, k)) + (north_n(i, k) + north_n(i + 1, k))
                ft(i) = (lift_s(i, k) + lift_s(i + 1, k)) + (lift_n(i, k) + lift_n(i + 1, k))
            end do
            if (k > 1) then
                scale = 0.125_dp*g%mask_u(1:g%nx, j, k)/(g%area_u(j)*g%dz(k))
            else
                scale = 0.125_dp*g%mask_u(1:g%nx, j, k)/(g%area_u(j)*h(1:g%nx, j))
            end if
            call advect_one(g, scale, below, fe, fn, south(:, k), ft, fb, u(:, j, k), u(:, j + 1, k), u(:, j - 1, k), &
                u(:, j, up), u(:, j, down), gu(:, j, k))
            call advect_one(g, scale, below, fe, fn, south(:, k), ft, fb, v(:, j, k), v(:, j + 1, k), v(:, j - 1, k), &
                v(:, j, up), v(:, j, down), gv(:, j, k))
            do i = 1, g%nx
                gu(i, j, k) = gu(i, j, k) + g%mask_u(i, j, k)*g%tan_u(j)*u(i, j, k)*v(i, j, k)
                gv(i, j, k) = gv(i, j, k) - g%mask_u(i, j, k)*g%tan_u(j)*u(i, j, k)*u(i, j, k)
                south(i, k) = fn(i)
                fb(i) = ft(i)
            end do
        end do
    end subroutine advect

    !> Subtract the divergence of the flux of one component c, given the volume that leaves through the six faces.
    subroutine advect_one(g, scale, below, fe, fn, fs, ft, fb, c, c_north, c_south, c_up, c_down, tendency)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: scale(g%nx)             !< 1/(8 V), 0 on land [1/m3]
        real(dp), intent(in) :: below                   !< 0 at the deepest level, which loses to a floor at rest
        real(dp), intent(in) :: fe(0:g%nx)              !< four times the flux through the eastern faces [m3/s]
        real(dp), intent(in), dimension(g%nx) :: fn, fs, ft, fb
        real(dp), intent(in), dimension(g%is:g%ie) :: c, c_north, c_south, c_up, c_down     !< [m/s]
        real(dp), intent(inout) :: tendency(g%is:g%ie)  !< [m/s2]
        integer :: i

        do i = 1, g%nx
            tendency(i) = tendency(i) - scale(i)*((fe(i)*(c(i + 1) - c(i)) - fe(i - 1)*(c(i - 1) - c(i))) &
                + (fn(i)*(c_north(i) - c(i)) - fs(i)*(c_south(i) - c(i))) &
                + (ft(i)*(c_up(i) - c(i)) - fb(i)*(below*c_down(i) - c(i))))
        end do
    end subroutine advect_one
end module ocean_momentum_mod
