!> The part of the currents that departs from their depth mean, and the forces handed to the depth mean.
module ocean_baroclinic_mod
    use kinds_mod, only: dp
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_type_mod, only: ocean_type
    use ocean_momentum_mod, only: momentum_start, momentum_row
    use ocean_mixing_mod, only: mixing_start, mixing_row, mix_momentum_row
    use ocean_friction_mod, only: friction_row
    implicit none
    private
    public :: baroclinic_step, column_depth

contains

    !> Currents without their depth mean at the new time in o%u_new, o%v_new; eta and the depth means of the old time in
    !! bt; depth-mean forces (all but surface pressure, Coriolis and the depth mean's own friction) in force(:, :, 1:2);
    !! the diffusivity of the tracers. One sweep from south to north, each row through all levels.
    subroutine baroclinic_step(o, top, depth, stress_x, stress_y, force, bt)
        type(ocean_type), intent(inout) :: o
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: top, depth, stress_x, stress_y
        real(dp), intent(inout), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je, 3) :: force, bt
        integer :: j

        associate (g => o%grid, c => o%config)
            call momentum_start(o%momentum_work, g, c, o%reference, o%pressure, o%t, o%s, o%u, o%v, o%eta, top)
            call mixing_start(o%mixing_work, g)
            call mixing_row(o%mixing_work, g, c, o%pressure_w, 1, o%t, o%s, o%u, o%v, o%diffusivity)
            bt(:, :, 1) = o%eta
            do j = 0, 1
                call depth_mean(g, j, top, depth, o%u, bt(:, j, 2))
                call depth_mean(g, j, top, depth, o%v, bt(:, j, 3))
            end do
            do j = 1, g%ny
                call momentum_row(o%momentum_work, g, c, o%reference, o%pressure, j, o%t, o%s, o%u, o%v, o%eta, top, &
                    o%gu, o%gv)
                call mixing_row(o%mixing_work, g, c, o%pressure_w, j + 1, o%t, o%s, o%u, o%v, o%diffusivity)
                call depth_mean(g, j + 1, top, depth, o%u, bt(:, j + 1, 2))
                call depth_mean(g, j + 1, top, depth, o%v, bt(:, j + 1, 3))
                call explicit_row(o, j)
                call mix_momentum_row(o%mixing_work, g, c, o%dt, j, top, stress_x, stress_y, o%u, o%v, o%u_new, &
                    o%v_new)
                call depart_row(o, j, top, depth, bt(:, :, 2), bt(:, :, 3), force)
            end do
        end associate
    end subroutine baroclinic_step

    !> u_new = u + dt (Adams-Bashforth of G) + dt F at the velocity points of row j.
    subroutine explicit_row(o, j)
        type(ocean_type), intent(inout) :: o
        integer, intent(in) :: j
        real(dp), dimension(o%grid%is:o%grid%ie) :: du, dv
        real(dp) :: now, past
        integer :: k

        now = 1.0_dp
        past = 0.0_dp
        if (o%has_history) then
            now = 1.5_dp + o%config%ab_epsilon
            past = -(0.5_dp + o%config%ab_epsilon)
        end if
        associate (g => o%grid, dt => o%dt)
            du = 0.0_dp
            dv = 0.0_dp
            do k = 1, g%nk
                if (friction_acts(g, j)) call friction_row(g, o%config, dt, j, 1, g%nx, g%mask_u(:, j, k), &
                    o%u(:, j - 1, k), o%u(:, j, k), o%u(:, j + 1, k), o%v(:, j - 1, k), o%v(:, j, k), &
                    o%v(:, j + 1, k), du, dv)
                call extrapolate(g, dt, now, past, o%u(:, j, k), o%gu(:, j, k), o%gu_old(:, j, k), du, o%u_new(:, j, k))
                call extrapolate(g, dt, now, past, o%v(:, j, k), o%gv(:, j, k), o%gv_old(:, j, k), dv, o%v_new(:, j, k))
            end do
        end associate
    end subroutine explicit_row

    !> Adams-Bashforth step of one component in a row, friction over the step added.
    subroutine extrapolate(g, dt, now, past, u, tendency, old_tendency, friction, u_new)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: dt, now, past       !< step [s] and weights of the two tendencies
        real(dp), intent(in), dimension(g%is:g%ie) :: u, tendency, old_tendency, friction   !< m/s, m/s2, m/s2, m/s
        real(dp), intent(inout) :: u_new(g%is:g%ie) !< [m/s]
        integer :: i
        do i = 1, g%nx
            u_new(i) = u(i) + (dt*(now*tendency(i) + past*old_tendency(i)) + friction(i))
        end do
    end subroutine extrapolate

    !> Take the depth mean out of row j of the new currents, hand its change to the barotropic step as a force, and turn
    !! what remains by the Coriolis force.
    subroutine depart_row(o, j, top, depth, mean_u, mean_v, force)
        type(ocean_type), intent(inout) :: o
        integer, intent(in) :: j
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: top, depth
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: mean_u, mean_v !< of the old time
        real(dp), intent(inout) :: force(o%grid%is:o%grid%ie, o%grid%js:o%grid%je, 3)
        real(dp), dimension(o%grid%is:o%grid%ie) :: after_u, after_v, du, dv
        integer :: i, k

        associate (g => o%grid)
            call depth_mean(g, j, top, depth, o%u_new, after_u)
            call depth_mean(g, j, top, depth, o%v_new, after_v)
            du = 0.0_dp
            dv = 0.0_dp
            if (friction_acts(g, j)) call friction_row(g, o%config, o%dt, j, 1, g%nx, g%mask_u(:, j, 1), &
                mean_u(:, j - 1), mean_u(:, j), mean_u(:, j + 1), mean_v(:, j - 1), mean_v(:, j), mean_v(:, j + 1), &
                du, dv)
            do i = 1, g%nx
                force(i, j, 1) = ((after_u(i) - mean_u(i, j)) - du(i))/o%dt
                force(i, j, 2) = ((after_v(i) - mean_v(i, j)) - dv(i))/o%dt
            end do
            do k = 1, g%nk
                call rotate(g, o%config%coriolis_implicitness, o%dt, j, g%mask_u(:, j, k), mean_u(:, j), mean_v(:, j), &
                    after_u, after_v, o%u(:, j, k), o%v(:, j, k), o%u_new(:, j, k), o%v_new(:, j, k))
            end do
        end associate
    end subroutine depart_row

    !> Friction is left out on the two rows of land at either edge, whose neighbours may lie outside.
    pure logical function friction_acts(g, j)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j
        friction_acts = j >= 2 - g%j_global .and. j <= g%nlat - 2 - g%j_global
    end function friction_acts

    !> Semi-implicit Coriolis force on the departures from the depth mean, on row j:
    !!     (I - theta dt f J) u' = u* + (1 - theta) dt f J u'_old, a 2 x 2 system at every point.
    subroutine rotate(g, theta, dt, j, mask, old_mean_u, old_mean_v, mean_u, mean_v, u_old, v_old, u, v)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: theta, dt
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie) :: mask, old_mean_u, old_mean_v, mean_u, mean_v, u_old, v_old
        real(dp), intent(inout), dimension(g%is:g%ie) :: u, v
        real(dp) :: a, b, scale, rx, ry
        integer :: i

        a = theta*dt*g%f(j)
        b = dt*g%f(j) - a
        scale = 1.0_dp/(1.0_dp + a*a)
        do i = 1, g%nx
            rx = u(i) - mean_u(i) + b*(v_old(i) - old_mean_v(i))
            ry = v(i) - mean_v(i) - b*(u_old(i) - old_mean_u(i))
            u(i) = mask(i)*scale*(rx + a*ry)
            v(i) = mask(i)*scale*(ry - a*rx)
        end do
    end subroutine rotate

    !> Depth of the water at velocity points, 0 on land [m]; valid but for the last halo cell in the east and north.
    subroutine column_depth(g, eta, depth)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: depth
        integer :: i, j

        do j = g%js, g%je - 1
            do i = g%is, g%ie - 1
                depth(i, j) = g%mask_u(i, j, 1)*(g%rest_depth(i, j) &
                    + 0.25_dp*((eta(i, j) + eta(i + 1, j)) + (eta(i, j + 1) + eta(i + 1, j + 1))))
            end do
        end do
    end subroutine column_depth

    !> Mean of u over the depth of the velocity points of row j, the owned ones and one halo cell.
    subroutine depth_mean(g, j, top, depth, u, mean)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: top, depth     !< top: of the top velocity cells
        real(dp), intent(in) :: u(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(inout) :: mean(g%is:g%ie)
        integer :: i, k

        do i = 0, g%nx + 1
            mean(i) = u(i, j, 1)*top(i, j)
        end do
        do k = 2, g%nk
            do i = 0, g%nx + 1
                mean(i) = mean(i) + u(i, j, k)*g%dz(k)
            end do
        end do
        do i = 0, g%nx + 1
            mean(i) = g%mask_u(i, j, 1)*mean(i)/max(depth(i, j), 1.0_dp)
        end do
    end subroutine depth_mean
end module ocean_baroclinic_mod
