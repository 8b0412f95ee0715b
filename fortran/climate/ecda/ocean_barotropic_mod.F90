!> The depth-mean motion and the free surface, forward-backward over the substeps of one internal step.
!!
!!     eta' = eta - dtb [div(D u) - source],      eta* = eta' + damping (eta' - eta),
!!     (I - theta dtb f J) u' = (I + (1 - theta) dtb f J) u + dtb [F + friction(u) - g grad(eta*)],
!! with u the depth mean, D the depth and J (u, v) = (v, -u). The mean of the transports that moved eta is what the
!! tracers are moved by, so that their volume closes to round-off. The damping tames gravity waves the substeps cannot
!! resolve. Halos as wide as several substeps are computed twice rather than exchanged after each.
module ocean_barotropic_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_halo_mod, only: halo_type
    use ocean_friction_mod, only: friction
    implicit none
    private
    public :: barotropic_step, checkerboard_fluxes

    type, public :: barotropic_work_type
        private
        real(dp), allocatable :: effective(:, :)                    !< eta of the pressure gradient [m]
        real(dp), allocatable :: flux_u(:, :), flux_v(:, :)         !< transports [m2/s]
        real(dp), allocatable :: du(:, :), dv(:, :)                 !< friction over a substep [m/s]
    end type barotropic_work_type

contains

    !> Advance `bt` = (eta [m], u, v [m/s]) by dt. On return they are valid on the owned cells and one halo cell, the
    !! mean transports on 0:nx, 0:ny.
    subroutine barotropic_step(w, g, config, halo, dt, depth, force, bt, mean_u, mean_v)
        type(barotropic_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        type(halo_type), intent(inout) :: halo
        real(dp), intent(in) :: dt
        real(dp), intent(in) :: depth(g%is:g%ie, g%js:g%je)         !< D at velocity points, 0 on land [m]
        real(dp), intent(inout) :: force(g%is:g%ie, g%js:g%je, 3)   !< F_x, F_y [m/s2], source [m/s]; owned on entry
        real(dp), intent(inout) :: bt(g%is:g%ie, g%js:g%je, 3)      !< owned on entry
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: mean_u, mean_v  !< [m2/s]
        real(dp) :: dtb
        integer :: m, reach

        if (.not. allocated(w%effective)) then
            allocate (w%effective(g%is:g%ie, g%js:g%je), source=0.0_dp)
            allocate (w%flux_u, w%flux_v, w%du, w%dv, source=w%effective)
        end if
        dtb = dt/g%substeps
        call halo%update(halo%width, 3, force)
        mean_u = 0.0_dp
        mean_v = 0.0_dp
        reach = 0
        do m = 1, g%substeps
            reach = reach - 1
            if (reach < 2) then
                call halo%update(halo%width, 3, bt)
                reach = halo%width - 1
            end if
            call transports(g, reach, depth, bt(:, :, 2), bt(:, :, 3), w%flux_u, w%flux_v, mean_u, mean_v)
            call step_surface(g, config, dtb, reach, force(:, :, 3), w%flux_u, w%flux_v, bt(:, :, 1), w%effective)
            call friction(g, config, dtb, reach, reach - 1, g%mask_u(:, :, 1), bt(:, :, 2), bt(:, :, 3), w%du, w%dv)
            call step_current(g, config, dtb, reach, force(:, :, 1), force(:, :, 2), w%effective, w%du, w%dv, &
                bt(:, :, 2), bt(:, :, 3))
        end do
        mean_u = mean_u/g%substeps
        mean_v = mean_v/g%substeps
    end subroutine barotropic_step

    !> Transports on the owned cells and `reach` halo cells, and their sum over the substeps on 0:nx, 0:ny.
    subroutine transports(g, reach, depth, u, v, flux_u, flux_v, sum_u, sum_v)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: reach
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: depth, u, v
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: flux_u, flux_v, sum_u, sum_v    !< [m2/s]
        integer :: i, j

        do j = -reach, g%ny + reach
            do i = -reach, g%nx + reach
                flux_u(i, j) = depth(i, j)*u(i, j)
                flux_v(i, j) = depth(i, j)*v(i, j)
            end do
            if (j < 0 .or. j > g%ny) cycle
            do i = 0, g%nx
                sum_u(i, j) = sum_u(i, j) + flux_u(i, j)
                sum_v(i, j) = sum_v(i, j) + flux_v(i, j)
            end do
        end do
    end subroutine transports

    !> eta' and the eta of the pressure gradient, on the owned cells and `reach` halo cells.
    subroutine step_surface(g, config, dtb, reach, source, u, v, eta, effective)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dtb
        integer, intent(in) :: reach
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: source     !< [m/s]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: u, v       !< transports [m2/s]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: eta, effective
        real(dp) :: change, x, n, s
        integer :: i, j

        do j = max(1 - reach, 2 - g%j_global), min(g%ny + reach, g%nlat - 1 - g%j_global)
            x = 0.5_dp*g%dy*dtb/g%area_t(j)
            n = 0.5_dp*g%dx_u(j)*dtb/g%area_t(j)
            s = 0.5_dp*g%dx_u(j - 1)*dtb/g%area_t(j)
            do i = 1 - reach, g%nx + reach
                change = dtb*source(i, j) - (x*((u(i, j) + u(i, j - 1)) - (u(i - 1, j) + u(i - 1, j - 1))) &
                    + (n*(v(i, j) + v(i - 1, j)) - s*(v(i, j - 1) + v(i - 1, j - 1))))
                eta(i, j) = eta(i, j) + change
                effective(i, j) = eta(i, j) + config%barotropic_damping*change
            end do
        end do
    end subroutine step_surface

    !> u' on the owned cells and `reach` halo cells, one less in the east and north.
    subroutine step_current(g, config, dtb, reach, force_x, force_y, effective, du, dv, u, v)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dtb
        integer, intent(in) :: reach
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: force_x, force_y, effective
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: du, dv     !< friction over dtb [m/s]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: u, v
        real(dp) :: a, b, scale, x, y, rx, ry
        integer :: i, j

        y = 0.5_dp*gravity*dtb/g%dy
        do j = max(1 - reach, 2 - g%j_global), min(g%ny + reach - 1, g%nlat - 2 - g%j_global)
            x = 0.5_dp*gravity*dtb/g%dx_u(j)
            a = config%coriolis_implicitness*dtb*g%f(j)
            b = dtb*g%f(j) - a
            scale = 1.0_dp/(1.0_dp + a*a)
            do i = 1 - reach, g%nx + reach - 1
                rx = u(i, j) + b*v(i, j) + du(i, j) + (dtb*force_x(i, j) &
                    - x*((effective(i + 1, j) - effective(i, j)) + (effective(i + 1, j + 1) - effective(i, j + 1))))
                ry = v(i, j) - b*u(i, j) + dv(i, j) + (dtb*force_y(i, j) &
                    - y*((effective(i, j + 1) - effective(i, j)) + (effective(i + 1, j + 1) - effective(i + 1, j))))
                u(i, j) = g%mask_u(i, j, 1)*scale*(rx + a*ry)
                v(i, j) = g%mask_u(i, j, 1)*scale*(ry - a*rx)
            end do
        end do
    end subroutine step_current

    !> Volume fluxes [m3/s] through the eastern and northern faces that remove the checkerboard of eta, which the
    !! averaged gradient of the B-grid cannot see: the difference between the Laplacians on the two orientations of the
    !! stencil (Killworth, Stainforth, Webb and Paterson 1991), where both corners of a face are wet. Valid
    !! on 0:nx, 0:ny.
    subroutine checkerboard_fluxes(g, config, dt, eta, east, north)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        real(dp), intent(in) :: eta(g%is:g%ie, g%js:g%je)       !< with two halo cells
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: east, north
        real(dp) :: scale_t, scale_u
        integer :: i, j

        do j = 0, g%ny + 1
            scale_t = config%checkerboard_filter/(32.0_dp*dt)*g%area_t(j)
            scale_u = config%checkerboard_filter/(32.0_dp*dt)*min(g%area_t(j), g%area_t(j + 1))
            do i = 0, g%nx + 1
                east(i, j) = scale_t*g%mask_u(i, j, 1)*g%mask_u(i, j - 1, 1)*((eta(i + 1, j + 1) - eta(i, j + 1)) &
                    - 2.0_dp*(eta(i + 1, j) - eta(i, j)) + (eta(i + 1, j - 1) - eta(i, j - 1)))
                north(i, j) = scale_u*g%mask_u(i, j, 1)*g%mask_u(i - 1, j, 1)*((eta(i + 1, j + 1) - eta(i + 1, j)) &
                    - 2.0_dp*(eta(i, j + 1) - eta(i, j)) + (eta(i - 1, j + 1) - eta(i - 1, j)))
            end do
        end do
    end subroutine checkerboard_fluxes
end module ocean_barotropic_mod
