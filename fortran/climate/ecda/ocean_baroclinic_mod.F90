!> The part of the currents that departs from their depth mean, and the forces handed to the depth mean.
module ocean_baroclinic_mod
    use kinds_mod, only: dp
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_type_mod, only: ocean_type
    use ocean_mixing_mod, only: mix_momentum
    use ocean_friction_mod, only: friction
    implicit none
    private
    public :: baroclinic_step, column_depth

contains

    !> Currents without their depth mean at the new time in o%u, o%v; eta and the depth means of the old time in bt;
    !! depth-mean forces (all but surface pressure, Coriolis and the depth mean's own friction) in force(:, :, 1:2).
    subroutine baroclinic_step(o, top, depth, stress_x, stress_y, force, bt)
        type(ocean_type), intent(inout) :: o
        real(dp), intent(in), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: top, depth, stress_x, stress_y
        real(dp), intent(inout), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je, 3) :: force, bt
        real(dp), dimension(o%grid%is:o%grid%ie, o%grid%js:o%grid%je) :: after_u, after_v, du, dv
        real(dp) :: now, past
        integer :: i, j, k

        associate (g => o%grid)
            now = 1.0_dp
            past = 0.0_dp
            if (o%has_history) then
                now = 1.5_dp + o%config%ab_epsilon
                past = -(0.5_dp + o%config%ab_epsilon)
            end if
            du = 0.0_dp
            dv = 0.0_dp
            bt(:, :, 1) = o%eta
            call depth_mean(g, top, depth, o%u, bt(:, :, 2))
            call depth_mean(g, top, depth, o%v, bt(:, :, 3))
            ! t_new, s_new are free until the tracers move: they hold the currents of the old time.
            o%t_new = o%u
            o%s_new = o%v
            do k = 1, g%nk
                call friction(g, o%config, o%dt, 0, 0, g%mask_u(:, :, k), o%t_new(:, :, k), o%s_new(:, :, k), du, dv)
                do j = 1, g%ny
                    do i = 1, g%nx
                        o%u(i, j, k) = o%u(i, j, k) + (o%dt*(now*o%gu(i, j, k) + past*o%gu_old(i, j, k)) + du(i, j))
                        o%v(i, j, k) = o%v(i, j, k) + (o%dt*(now*o%gv(i, j, k) + past*o%gv_old(i, j, k)) + dv(i, j))
                    end do
                end do
            end do
            call mix_momentum(g, o%config, o%dt, o%viscosity, top, stress_x, stress_y, o%t_new, o%s_new, o%u, o%v)
            call depth_mean(g, top, depth, o%u, after_u)
            call depth_mean(g, top, depth, o%v, after_v)
            call friction(g, o%config, o%dt, 0, 0, g%mask_u(:, :, 1), bt(:, :, 2), bt(:, :, 3), du, dv)
            do j = 1, g%ny
                do i = 1, g%nx
                    force(i, j, 1) = ((after_u(i, j) - bt(i, j, 2)) - du(i, j))/o%dt
                    force(i, j, 2) = ((after_v(i, j) - bt(i, j, 3)) - dv(i, j))/o%dt
                end do
            end do
            do k = 1, g%nk
                call rotate(g, o%config%coriolis_implicitness, o%dt, g%mask_u(:, :, k), bt(:, :, 2), bt(:, :, 3), &
                    after_u, after_v, o%t_new(:, :, k), o%s_new(:, :, k), o%u(:, :, k), o%v(:, :, k))
            end do
        end associate
    end subroutine baroclinic_step

    !> Semi-implicit Coriolis force on the departures from the depth mean:
    !!     (I - theta dt f J) u' = u* + (1 - theta) dt f J u'_old, a 2 x 2 system at every point.
    subroutine rotate(g, theta, dt, mask, old_mean_u, old_mean_v, mean_u, mean_v, u_old, v_old, u, v)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: theta, dt
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: mask, old_mean_u, old_mean_v, mean_u, mean_v, &
            u_old, v_old
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: u, v
        real(dp) :: a, b, scale, rx, ry
        integer :: i, j

        do j = 1, g%ny
            a = theta*dt*g%f(j)
            b = dt*g%f(j) - a
            scale = 1.0_dp/(1.0_dp + a*a)
            do i = 1, g%nx
                rx = u(i, j) - mean_u(i, j) + b*(v_old(i, j) - old_mean_v(i, j))
                ry = v(i, j) - mean_v(i, j) - b*(u_old(i, j) - old_mean_u(i, j))
                u(i, j) = mask(i, j)*scale*(rx + a*ry)
                v(i, j) = mask(i, j)*scale*(ry - a*rx)
            end do
        end do
    end subroutine rotate

    !> Depth of the water at velocity points, 0 on land [m]; valid but for the last halo cell in the east and north.
    subroutine column_depth(g, eta, depth)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta
        real(dp), intent(out), dimension(g%is:g%ie, g%js:g%je) :: depth
        integer :: i, j

        depth = 0.0_dp
        do j = g%js, g%je - 1
            do i = g%is, g%ie - 1
                depth(i, j) = g%mask_u(i, j, 1)*(g%rest_depth(i, j) &
                    + 0.25_dp*((eta(i, j) + eta(i + 1, j)) + (eta(i, j + 1) + eta(i + 1, j + 1))))
            end do
        end do
    end subroutine column_depth

    !> Mean of u over the depth of the owned velocity points and one halo cell.
    subroutine depth_mean(g, top, depth, u, mean)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: top, depth
        real(dp), intent(in) :: u(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: mean
        integer :: i, j, k

        mean = 0.0_dp
        do j = 0, g%ny + 1
            do i = 0, g%nx + 1
                mean(i, j) = u(i, j, 1)*top(i, j)
            end do
        end do
        do k = 2, g%nk
            do j = 0, g%ny + 1
                do i = 0, g%nx + 1
                    mean(i, j) = mean(i, j) + u(i, j, k)*g%dz(k)
                end do
            end do
        end do
        do j = 0, g%ny + 1
            do i = 0, g%nx + 1
                mean(i, j) = g%mask_u(i, j, 1)*mean(i, j)/max(depth(i, j), 1.0_dp)
            end do
        end do
    end subroutine depth_mean
end module ocean_baroclinic_mod
