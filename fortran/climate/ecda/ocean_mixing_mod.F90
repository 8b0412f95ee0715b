!> Vertical mixing: coefficients after Pacanowski and Philander (1981) with convection, and the implicit solves.
!!
!!     Ri = N^2/|dv/dz|^2,  nu = nu0/(1 + alpha Ri)^2 + nu_b,  kappa = nu0/(1 + alpha Ri)^3 + kappa_b,
!! and the convective value where N^2 < 0. Both are defined at T points on the floor of level k.
!! Everything works on one row of columns at a time.
module ocean_mixing_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, seawater_density
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_eos_mod, only: density_row
    implicit none
    private
    public :: mixing_start, mixing_row, mix_momentum_row, mix_tracers_row

    !> Room for a row of tridiagonal systems, and the viscosity of two T rows, that of row j being number mod(j, 2).
    type, public :: mixing_work_type
        private
        real(dp), allocatable :: lower(:, :), diagonal(:, :), upper(:, :)   !< (nx, nlev)
        real(dp), allocatable :: viscosity(:, :, :)     !< under level k at T points (nx + 1, nlev, 0:1) [m2/s]
    end type mixing_work_type

contains

    !> Make the room, once.
    subroutine mixing_start(w, g)
        type(mixing_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        if (allocated(w%lower)) return
        allocate (w%lower(g%nx, g%nk), w%diagonal(g%nx, g%nk), w%upper(g%nx, g%nk), &
            w%viscosity(g%nx + 1, g%nk, 0:1), source=0.0_dp)
    end subroutine mixing_start

    !> Coefficients of T row j, one cell beyond the owned ones in the east.
    subroutine mixing_row(w, g, config, pressure_w, j, t, s, u, v, diffusivity)
        type(mixing_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: pressure_w(g%nk)    !< at the level floors [Pa]
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s, u, v
        real(dp), intent(inout) :: diffusivity(g%is:g%ie, g%js:g%je, g%nk)          !< [m2/s]
        real(dp), dimension(0:g%nx + 1) :: shear, shear_south
        real(dp), dimension(g%nx + 1) :: rho, rho_below
        real(dp) :: least, factor
        integer :: i, k

        factor = gravity/seawater_density
        do k = 1, g%nk - 1
            least = config%vertical_diffusivity
            if (k == 1) least = max(least, config%surface_diffusivity)
            do i = 0, g%nx + 1
                shear(i) = g%mask_u(i, j, k + 1) &
                    *((u(i, j, k) - u(i, j, k + 1))**2 + (v(i, j, k) - v(i, j, k + 1))**2)
                shear_south(i) = g%mask_u(i, j - 1, k + 1) &
                    *((u(i, j - 1, k) - u(i, j - 1, k + 1))**2 + (v(i, j - 1, k) - v(i, j - 1, k + 1))**2)
            end do
            call density_row(g%nx + 1, t(1:g%nx + 1, j, k), s(1:g%nx + 1, j, k), pressure_w(k), rho)
            call density_row(g%nx + 1, t(1:g%nx + 1, j, k + 1), s(1:g%nx + 1, j, k + 1), pressure_w(k), rho_below)
            call richardson(g, config, factor, g%dzw(k), least, rho, rho_below, g%share(:, j, k + 1), shear_south, &
                shear, w%viscosity(:, k, mod(j, 2)), diffusivity(:, j, k))
        end do
    end subroutine mixing_row

    !> Pacanowski and Philander's coefficients of one row from the densities above and below the floor, both at the
    !! floor's pressure, and the squared differences of the currents at the corners.
    subroutine richardson(g, config, factor, dz, least, rho, rho_below, share, shear_south, shear, viscosity, &
            diffusivity)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: factor, dz          !< g/rho0, distance of the two levels: Ri = factor drho dz/|dv|^2
        real(dp), intent(in) :: least               !< diffusivity [m2/s]
        real(dp), intent(in), dimension(g%nx + 1) :: rho, rho_below     !< [kg/m3]
        real(dp), intent(in) :: share(g%is:g%ie)    !< 1/(wet corners)
        real(dp), intent(in), dimension(0:g%nx + 1) :: shear_south, shear       !< [m2/s2]
        real(dp), intent(inout) :: viscosity(g%nx + 1), diffusivity(g%is:g%ie)  !< [m2/s]
        real(dp) :: n2, ri, shrink, unstable
        integer :: i

        do i = 1, g%nx + 1
            n2 = factor*(rho_below(i) - rho(i))*dz
            ri = max(n2, 0.0_dp)/(share(i)*((shear(i) + shear(i - 1)) + (shear_south(i) + shear_south(i - 1))) &
                + 1.0e-12_dp)
            shrink = 1.0_dp/(1.0_dp + config%pp_alpha*ri)
            viscosity(i) = config%pp_viscosity*shrink*shrink + config%vertical_viscosity
            unstable = merge(config%convective_diffusivity, 0.0_dp, n2 < 0.0_dp)
            diffusivity(i) = max(config%pp_viscosity*shrink*shrink*shrink + config%vertical_diffusivity, least, &
                unstable)
        end do
    end subroutine richardson

    !> Implicit vertical viscosity with the wind above and quadratic drag below, on the velocity points of row j:
    !!     (I - dt d/dz nu d/dz) u_new = u + dt stress/(rho0 h1).
    !! mixing_row has done the T rows j and j + 1.
    subroutine mix_momentum_row(w, g, config, dt, j, thickness, stress_x, stress_y, u_old, v_old, u, v)
        type(mixing_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: thickness          !< of the top velocity cell [m]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: stress_x, stress_y !< at velocity points [N/m2]
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u_old, v_old !< sets the speed of the drag
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: u, v
        real(dp) :: inverse(g%nx), rate, floor_here
        integer :: i, k, here, next

        if (.not. any(g%mask_u(1:g%nx, j, 1) > 0.0_dp)) return
        here = mod(j, 2)
        next = 1 - here
        w%diagonal = 1.0_dp
        inverse = 1.0_dp/thickness(1:g%nx, j)
        do k = 1, g%nk
            do i = 1, g%nx
                floor_here = g%mask_u(i, j, k)
                if (k < g%nk) floor_here = floor_here - g%mask_u(i, j, k + 1)
                w%diagonal(i, k) = w%diagonal(i, k) + floor_here*inverse(i)*dt*config%drag_coefficient &
                    *sqrt(u_old(i, j, k)**2 + v_old(i, j, k)**2 + config%drag_speed**2)
            end do
            if (k == g%nk) exit
            do i = 1, g%nx
                rate = g%mask_u(i, j, k + 1)*(dt*0.25_dp/g%dzw(k)) &
                    *((w%viscosity(i, k, here) + w%viscosity(i + 1, k, here)) &
                    + (w%viscosity(i, k, next) + w%viscosity(i + 1, k, next)))
                w%upper(i, k) = -rate*inverse(i)
                w%diagonal(i, k) = w%diagonal(i, k) + rate*inverse(i)
                inverse(i) = 1.0_dp/g%dz(k + 1)
                w%lower(i, k + 1) = -rate*inverse(i)
                w%diagonal(i, k + 1) = w%diagonal(i, k + 1) + rate*inverse(i)
            end do
        end do
        do i = 1, g%nx
            u(i, j, 1) = u(i, j, 1) + g%mask_u(i, j, 1)*dt*stress_x(i, j)/(seawater_density*thickness(i, j))
            v(i, j, 1) = v(i, j, 1) + g%mask_u(i, j, 1)*dt*stress_y(i, j)/(seawater_density*thickness(i, j))
        end do
        call solve_columns(g, j, w%lower, w%diagonal, w%upper, u, v)
    end subroutine mix_momentum_row

    !> Implicit vertical diffusion of both tracers on the T points of row j.
    subroutine mix_tracers_row(w, g, dt, j, diffusivity, eta, t, s)
        type(mixing_work_type), intent(inout) :: w
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in) :: dt
        integer, intent(in) :: j
        real(dp), intent(in) :: diffusivity(g%is:g%ie, g%js:g%je, g%nk)
        real(dp), intent(in) :: eta(g%is:g%ie, g%js:g%je)           !< at the end of the step [m]
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: t, s
        real(dp) :: inverse(g%nx), rate
        integer :: i, k

        if (.not. any(g%mask_t(1:g%nx, j, 1) > 0.0_dp)) return
        w%diagonal(:, 1) = 1.0_dp
        inverse = 1.0_dp/(g%dz(1) + eta(1:g%nx, j))
        do k = 1, g%nk - 1
            do i = 1, g%nx
                rate = g%mask_t(i, j, k + 1)*diffusivity(i, j, k)*(dt/g%dzw(k))
                w%upper(i, k) = -rate*inverse(i)
                w%diagonal(i, k) = w%diagonal(i, k) + rate*inverse(i)
                inverse(i) = 1.0_dp/g%dz(k + 1)
                w%lower(i, k + 1) = -rate*inverse(i)
                w%diagonal(i, k + 1) = 1.0_dp + rate*inverse(i)
            end do
        end do
        call solve_columns(g, j, w%lower, w%diagonal, w%upper, t, s)
    end subroutine mix_tracers_row

    !> Thomas' algorithm along the columns of row j, in place, for two right-hand sides; rows side by side in i. The
    !! lower coefficients of level 1 and the upper ones of the last level are not used.
    subroutine solve_columns(g, j, lower, diagonal, upper, a, b)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j
        real(dp), intent(in), dimension(g%nx, g%nk) :: lower, diagonal
        real(dp), intent(inout), dimension(g%nx, g%nk) :: upper
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je, g%nk) :: a, b
        real(dp) :: pivot
        integer :: i, k

        do i = 1, g%nx
            pivot = 1.0_dp/diagonal(i, 1)
            upper(i, 1) = upper(i, 1)*pivot
            a(i, j, 1) = a(i, j, 1)*pivot
            b(i, j, 1) = b(i, j, 1)*pivot
        end do
        do k = 2, g%nk
            do i = 1, g%nx
                pivot = 1.0_dp/(diagonal(i, k) - lower(i, k)*upper(i, k - 1))
                upper(i, k) = upper(i, k)*pivot
                a(i, j, k) = (a(i, j, k) - lower(i, k)*a(i, j, k - 1))*pivot
                b(i, j, k) = (b(i, j, k) - lower(i, k)*b(i, j, k - 1))*pivot
            end do
        end do
        do k = g%nk - 1, 1, -1
            do i = 1, g%nx
                a(i, j, k) = a(i, j, k) - upper(i, k)*a(i, j, k + 1)
                b(i, j, k) = b(i, j, k) - upper(i, k)*b(i, j, k + 1)
            end do
        end do
    end subroutine solve_columns
end module ocean_mixing_mod
