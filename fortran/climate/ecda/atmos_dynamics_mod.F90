!> Explicit part of the hydrostatic primitive equations in vorticity, divergence, temperature and p = ln ps.
!!
!!   A = (zeta + f) v - sigma_dot du/dsigma - R T' dp/dx + F_u,    K = (u^2 + v^2)/2,   T' = T - T_ref
!!   B = -(zeta + f) u - sigma_dot dv/dsigma - R T' dp/dy + F_v
!!   N zeta = curl(A, B)       N D = div(A, B) - lap(K + Phi_s)
!!   N T = -div(v T') + T' D - sigma_dot dT/dsigma + kappa [T omega/p + T_ref C D] + F_T
!!   N p = -sum_k v_k.grad p ds_k
!! What is missing to the full right-hand side is L (atmos_implicit_mod), exactly. F is the physics, computed on the
!! first stage of a step and held. Works through the own latitude pairs one at a time, so that a pair stays in cache.
module atmos_dynamics_mod
    use kinds_mod, only: dp
    use constants_mod, only: earth_radius, earth_omega, dry_air_gas_constant
    use status_mod, only: status_type
    use atmos_transform_mod, only: transform_type
    use atmos_vertical_mod, only: vertical_type, vertical_advection
    use atmos_operators_mod, only: winds_from_vorticity, gradient, curl_and_divergence
    use atmos_physics_mod, only: physics_type
    use atmos_check_mod, only: check_row
    implicit none
    private

    type, public :: dynamics_type
        integer :: nlev = 0
        logical :: barotropic = .false.               !< only the vorticity moves
        real(dp) :: t_ref = 0.0_dp                    !< [K]
        type(transform_type) :: transform
        type(vertical_type) :: vertical
        type(physics_type) :: physics
        real(dp), allocatable :: phi_s(:, :)          !< (2, ns) surface geopotential [m2/s2]
        real(dp), allocatable :: held(:, :, :, :)     !< (nlon, nlev, 3, nrows) physics tendencies of u, v, T
        real(dp), allocatable :: spectral_in(:, :, :), spectral_out(:, :, :)
    contains
        procedure :: allocate_work
        procedure :: tendency
    end type dynamics_type

contains

    subroutine allocate_work(self)
        class(dynamics_type), intent(inout) :: self
        associate (nlon => self%transform%nlon, k => self%nlev, layout => self%transform%layout)
            allocate(self%held(nlon, k, 3, layout%nrows), source=0.0_dp)
            allocate(self%spectral_in(5*k + 3, 2, layout%ns), self%spectral_out(6*k + 1, 2, layout%ns))
        end associate
    end subroutine allocate_work

    !> f = N(x); states are (3 nlev + 1, 2, ns). With fresh, the physics and the check for instability run too.
    subroutine tendency(self, x, f, fresh, status)
        class(dynamics_type), intent(inout) :: self
        real(dp), intent(in) :: x(:, :, :)
        real(dp), intent(inout) :: f(:, :, :)
        logical, intent(in) :: fresh
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: g(:, :, :), o(:, :, :)
        integer :: pair, s, row, k

        k = self%nlev
        allocate(g(self%transform%nlon, 5*k + 3, 2), o(self%transform%nlon, 6*k + 1, 2))
        call to_columns(self, x)
        call self%transform%synthesize(5*k + 3, self%spectral_in)
        do pair = 1, self%transform%layout%npairs
            call self%transform%pair_to_grid(5*k + 3, pair, g)
            do s = 1, 2  ! south, north
                row = merge(pair, self%transform%layout%nrows + 1 - pair, s == 1)
                call row_tendency(self, row, fresh, g(:, 1:k, s), g(:, k + 1:2*k, s), g(:, 2*k + 1:3*k, s), &
                    g(:, 3*k + 1:4*k, s), g(:, 4*k + 1:5*k, s), g(:, 5*k + 1, s), g(:, 5*k + 2, s), g(:, 5*k + 3, s), &
                    o(:, 1:k, s), o(:, k + 1:2*k, s), o(:, 2*k + 1:3*k, s), o(:, 3*k + 1:4*k, s), &
                    o(:, 4*k + 1:5*k, s), o(:, 5*k + 1:6*k, s), o(:, 6*k + 1, s), status)
            end do
            call self%transform%pair_from_grid(6*k + 1, pair, o)
        end do
        call self%transform%analyze(6*k + 1, self%spectral_out)
        call from_columns(self, f)
    end subroutine tendency

    !> Columns to synthesize: U, V, zeta, D, T on nlev each, a cos(lat) grad p, p.
    subroutine to_columns(self, x)
        class(dynamics_type), intent(inout) :: self
        real(dp), intent(in) :: x(:, :, :)
        associate (c => self%spectral_in, layout => self%transform%layout, k => self%nlev)
            call winds_from_vorticity(layout, x(1:k, :, :), x(k + 1:2*k, :, :), c(1:k, :, :), c(k + 1:2*k, :, :))
            c(2*k + 1:5*k, :, :) = x(1:3*k, :, :)
            call gradient(layout, x(3*k + 1, :, :), c(5*k + 1, :, :), c(5*k + 2, :, :))
            c(5*k + 3, :, :) = x(3*k + 1, :, :)
        end associate
    end subroutine to_columns

    !> One latitude row; see the head of the module.
    subroutine row_tendency(self, row, fresh, u, v, zeta, d, t, px, py, log_ps, a, b, ut, vt, ke, heat, pressure, &
        status)
        class(dynamics_type), intent(inout) :: self
        integer, intent(in) :: row                                       !< local row
        logical, intent(in) :: fresh
        real(dp), intent(inout), contiguous :: u(:, :), v(:, :)          !< in: times cos(lat) [m/s]; out: winds
        real(dp), intent(in), contiguous :: zeta(:, :), d(:, :)          !< [1/s]
        real(dp), intent(in), contiguous :: t(:, :)                      !< [K]
        real(dp), intent(inout), contiguous :: px(:), py(:)              !< in: times a cos(lat); out: grad ln ps [1/m]
        real(dp), intent(in), contiguous :: log_ps(:)
        real(dp), intent(out), contiguous :: a(:, :), b(:, :)            !< A/cos(lat), B/cos(lat) [m/s2]
        real(dp), intent(out), contiguous :: ut(:, :), vt(:, :)          !< v T'/cos(lat) [K m/s]
        real(dp), intent(out), contiguous :: ke(:, :)                    !< [m2/s2]
        real(dp), intent(out), contiguous :: heat(:, :)                  !< [K/s]
        real(dp), intent(out), contiguous :: pressure(:)                 !< [1/s]
        type(status_type), intent(inout) :: status
        real(dp), parameter :: r = dry_air_gas_constant
        real(dp) :: sigma_dot(size(u, 1), 0:size(u, 2))
        real(dp) :: sin_lat, cos_lat, coriolis, t_prime
        integer :: global, i, k

        global = self%transform%layout%rows(row)
        sin_lat = self%transform%mu(global)
        cos_lat = sqrt(1.0_dp - sin_lat**2)
        coriolis = 2.0_dp*earth_omega*sin_lat
        u = u/cos_lat
        v = v/cos_lat
        px = px/(earth_radius*cos_lat)
        py = py/(earth_radius*cos_lat)
        if (fresh) then
            call check_row(global, sin_lat, u, v, t, log_ps, status)
            call self%physics%row(row, sin_lat, u, v, t, log_ps, &
                self%held(:, :, 1, row), self%held(:, :, 2, row), self%held(:, :, 3, row))
        end if
        call self%vertical%mass_flux(self%t_ref, u, v, d, t, px, py, sigma_dot, heat, pressure)
        do k = 1, self%nlev
            do i = 1, size(u, 1)
                t_prime = t(i, k) - self%t_ref
                a(i, k) = (zeta(i, k) + coriolis)*v(i, k) - r*t_prime*px(i) + self%held(i, k, 1, row)
                b(i, k) = -(zeta(i, k) + coriolis)*u(i, k) - r*t_prime*py(i) + self%held(i, k, 2, row)
                heat(i, k) = heat(i, k) + t_prime*d(i, k) + self%held(i, k, 3, row)
                ke(i, k) = 0.5_dp*(u(i, k)**2 + v(i, k)**2)
                ut(i, k) = u(i, k)*t_prime/cos_lat
                vt(i, k) = v(i, k)*t_prime/cos_lat
            end do
        end do
        call vertical_advection(self%vertical%ds, sigma_dot, u, a)
        call vertical_advection(self%vertical%ds, sigma_dot, v, b)
        call vertical_advection(self%vertical%ds, sigma_dot, t, heat)
        a = a/cos_lat
        b = b/cos_lat
    end subroutine row_tendency

    !> Columns analysed: A, B, u T', v T', K, heating, pressure.
    subroutine from_columns(self, f)
        class(dynamics_type), intent(inout) :: self
        real(dp), intent(inout) :: f(:, :, :)
        real(dp) :: e
        integer :: s

        associate (c => self%spectral_out, layout => self%transform%layout, k => self%nlev)
            call curl_and_divergence(layout, c(1:k, :, :), c(k + 1:2*k, :, :), f(1:k, :, :), f(k + 1:2*k, :, :))
            call curl_and_divergence(layout, c(2*k + 1:3*k, :, :), c(3*k + 1:4*k, :, :), div=f(2*k + 1:3*k, :, :))
            do s = 1, layout%ns
                if (layout%n(s) > layout%trunc) then
                    f(:, :, s) = 0.0_dp
                    cycle
                end if
                e = real(layout%n(s)*(layout%n(s) + 1), dp)/earth_radius**2
                f(k + 1:2*k, :, s) = f(k + 1:2*k, :, s) + e*(c(4*k + 1:5*k, :, s) + spread(self%phi_s(:, s), 1, k))
                f(2*k + 1:3*k, :, s) = c(5*k + 1:6*k, :, s) - f(2*k + 1:3*k, :, s)
                f(3*k + 1, :, s) = c(6*k + 1, :, s)
            end do
            if (self%barotropic) f(k + 1:, :, :) = 0.0_dp
        end associate
    end subroutine from_columns
end module atmos_dynamics_mod
