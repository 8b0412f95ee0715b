!> Explicit part of the hydrostatic primitive equations in vorticity, divergence, temperature and p = ln ps.
!!
!!   A = (zeta + f) v - sigma_dot du/dsigma - R T' dp/dx + F_u,    K = (u^2 + v^2)/2,   T' = T - T_ref
!!   B = -(zeta + f) u - sigma_dot dv/dsigma - R T' dp/dy + F_v
!!   N zeta = curl(A, B)       N D = div(A, B) - lap(K + Phi_s)
!!   N T = -div(v T') + T' D - sigma_dot dT/dsigma + kappa [T omega/p + T_ref C D] + F_T
!!   N p = -sum_k v_k.grad p ds_k
!!   N q = -div(v q) + q D - sigma_dot dq/dsigma + F_q     (moist alone)
!! What is missing to the full right-hand side is L (atmos_implicit_mod), exactly. F is the physics, computed on the
!! first stage of a step and held. Every column of a transform is worked alone, so humidity, last in the lists, does not
!! touch the bits of the others. Works through the own latitude pairs one at a time, so that a pair stays in cache.
module atmos_dynamics_mod
    use kinds_mod, only: dp
    use constants_mod, only: earth_radius, earth_omega, dry_air_gas_constant
    use status_mod, only: status_type
    use atmos_transform_mod, only: transform_type
    use atmos_vertical_mod, only: vertical_type, vertical_advection
    use atmos_operators_mod, only: winds_from_vorticity, gradient, curl_and_divergence
    use atmos_physics_mod, only: physics_type
    use atmos_moist_mod, only: moist_type
    use atmos_check_mod, only: check_row
    implicit none
    private

    type, public :: dynamics_type
        integer :: nlev = 0
        logical :: barotropic = .false.               !< only the vorticity moves
        integer :: nq = 0                             !< levels of humidity, nlev (moist) or 0
        real(dp) :: t_ref = 0.0_dp                    !< [K]
        type(transform_type) :: transform
        type(vertical_type) :: vertical
        type(physics_type) :: physics
        type(moist_type) :: moist
        real(dp), allocatable :: phi_s(:, :)          !< (2, ns) surface geopotential [m2/s2]
        real(dp), allocatable :: held(:, :, :, :)     !< (nlon, nlev, 3 or 4, nrows) physics tendencies of u, v, T, q
        real(dp), allocatable :: spectral_in(:, :, :), spectral_out(:, :, :)
    contains
        procedure :: allocate_work
        procedure :: tendency
    end type dynamics_type

contains

    subroutine allocate_work(self)
        class(dynamics_type), intent(inout) :: self
        associate (nlon => self%transform%nlon, k => self%nlev, nq => self%nq, layout => self%transform%layout)
            allocate(self%held(nlon, k, merge(4, 3, nq > 0), layout%nrows), source=0.0_dp)
            allocate(self%spectral_in(5*k + 3 + nq, 2, layout%ns), self%spectral_out(6*k + 1 + 3*nq, 2, layout%ns))
        end associate
    end subroutine allocate_work

    !> f = N(x); states are (3 nlev + 1 + nq, 2, ns). With fresh, the physics and the check for instability run too.
    subroutine tendency(self, x, f, fresh, status)
        class(dynamics_type), intent(inout) :: self
        real(dp), intent(in) :: x(:, :, :)
        real(dp), intent(inout) :: f(:, :, :)
        logical, intent(in) :: fresh
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: g(:, :, :), o(:, :, :)
        integer :: pair, s, row, k, nq, n_in, n_out

        k = self%nlev
        nq = self%nq
        n_in = size(self%spectral_in, 1)
        n_out = size(self%spectral_out, 1)
        allocate(g(self%transform%nlon, n_in, 2), o(self%transform%nlon, n_out, 2))
        call to_columns(self, x)
        call self%transform%synthesize(n_in, self%spectral_in)
        do pair = 1, self%transform%layout%npairs
            call self%transform%pair_to_grid(n_in, pair, g)
            do s = 1, 2  ! south, north
                row = merge(pair, self%transform%layout%nrows + 1 - pair, s == 1)
                call row_tendency(self, row, fresh, g(:, 1:k, s), g(:, k + 1:2*k, s), g(:, 2*k + 1:3*k, s), &
                    g(:, 3*k + 1:4*k, s), g(:, 4*k + 1:5*k, s), g(:, 5*k + 1, s), g(:, 5*k + 2, s), g(:, 5*k + 3, s), &
                    g(:, 5*k + 4:n_in, s), &
                    o(:, 1:k, s), o(:, k + 1:2*k, s), o(:, 2*k + 1:3*k, s), o(:, 3*k + 1:4*k, s), &
                    o(:, 4*k + 1:5*k, s), o(:, 5*k + 1:6*k, s), o(:, 6*k + 1, s), &
                    o(:, 6*k + 2:6*k + 1 + nq, s), o(:, 6*k + 2 + nq:6*k + 1 + 2*nq, s), &
                    o(:, 6*k + 2 + 2*nq:n_out, s), status)
            end do
            call self%transform%pair_from_grid(n_out, pair, o)
        end do
        call self%transform%analyze(n_out, self%spectral_out)
        call from_columns(self, f)
    end subroutine tendency

    !> Columns to synthesize: U, V, zeta, D, T on nlev each, a cos(lat) grad p, p, and q on nq.
    subroutine to_columns(self, x)
        class(dynamics_type), intent(inout) :: self
        real(dp), intent(in) :: x(:, :, :)
        associate (c => self%spectral_in, layout => self%transform%layout, k => self%nlev)
            call winds_from_vorticity(layout, x(1:k, :, :), x(k + 1:2*k, :, :), c(1:k, :, :), c(k + 1:2*k, :, :))
            c(2*k + 1:5*k, :, :) = x(1:3*k, :, :)
            call gradient(layout, x(3*k + 1, :, :), c(5*k + 1, :, :), c(5*k + 2, :, :))
            c(5*k + 3:, :, :) = x(3*k + 1:, :, :)
        end associate
    end subroutine to_columns

    !> One latitude row; see the head of the module.
    subroutine row_tendency(self, row, fresh, u, v, zeta, d, t, px, py, log_ps, q, a, b, ut, vt, ke, heat, pressure, &
        uq, vq, vapour, status)
        class(dynamics_type), intent(inout) :: self
        integer, intent(in) :: row                                       !< local row
        logical, intent(in) :: fresh
        real(dp), intent(inout), contiguous :: u(:, :), v(:, :)          !< in: times cos(lat) [m/s]; out: winds
        real(dp), intent(in), contiguous :: zeta(:, :), d(:, :)          !< [1/s]
        real(dp), intent(in), contiguous :: t(:, :)                      !< [K]
        real(dp), intent(inout), contiguous :: px(:), py(:)              !< in: times a cos(lat); out: grad ln ps [1/m]
        real(dp), intent(in), contiguous :: log_ps(:)
        real(dp), intent(in), contiguous :: q(:, :)                      !< (nlon, nq) [kg/kg]
        real(dp), intent(out), contiguous :: a(:, :), b(:, :)            !< A/cos(lat), B/cos(lat) [m/s2]
        real(dp), intent(out), contiguous :: ut(:, :), vt(:, :)          !< v T'/cos(lat) [K m/s]
        real(dp), intent(out), contiguous :: ke(:, :)                    !< [m2/s2]
        real(dp), intent(out), contiguous :: heat(:, :)                  !< [K/s]
        real(dp), intent(out), contiguous :: pressure(:)                 !< [1/s]
        real(dp), intent(out), contiguous :: uq(:, :), vq(:, :)          !< v q/cos(lat) [m/s]
        real(dp), intent(out), contiguous :: vapour(:, :)                !< q D + vertical advection + F_q [1/s]
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
            call check_row(global, sin_lat, u, v, t, q, log_ps, status)
            if (status%failed()) then
                self%held(:, :, :, row) = 0.0_dp
            else if (self%nq > 0) then
                call self%moist%row(self%vertical, row, sin_lat, u, v, t, q, log_ps, self%held(:, :, 1, row), &
                    self%held(:, :, 2, row), self%held(:, :, 3, row), self%held(:, :, 4, row))
            else
                call self%physics%row(row, sin_lat, u, v, t, log_ps, &
                    self%held(:, :, 1, row), self%held(:, :, 2, row), self%held(:, :, 3, row))
            end if
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
        do k = 1, self%nq
            uq(:, k) = u(:, k)*q(:, k)/cos_lat
            vq(:, k) = v(:, k)*q(:, k)/cos_lat
            vapour(:, k) = q(:, k)*d(:, k) + self%held(:, k, 4, row)
        end do
        if (self%nq > 0) call vertical_advection(self%vertical%ds, sigma_dot, q, vapour)
        a = a/cos_lat
        b = b/cos_lat
    end subroutine row_tendency

    !> Columns analysed: A, B, u T', v T', K, heating, pressure, and u q, v q, vapour on nq.
    subroutine from_columns(self, f)
        class(dynamics_type), intent(inout) :: self
        real(dp), intent(inout) :: f(:, :, :)
        real(dp) :: e
        integer :: s

        associate (c => self%spectral_out, layout => self%transform%layout, k => self%nlev, nq => self%nq)
            call curl_and_divergence(layout, c(1:k, :, :), c(k + 1:2*k, :, :), f(1:k, :, :), f(k + 1:2*k, :, :))
            call curl_and_divergence(layout, c(2*k + 1:3*k, :, :), c(3*k + 1:4*k, :, :), div=f(2*k + 1:3*k, :, :))
            if (nq > 0) call curl_and_divergence(layout, c(6*k + 2:6*k + 1 + nq, :, :), &
                c(6*k + 2 + nq:6*k + 1 + 2*nq, :, :), div=f(3*k + 2:, :, :))
            do s = 1, layout%ns
                if (layout%n(s) > layout%trunc) then
                    f(:, :, s) = 0.0_dp
                    cycle
                end if
                e = real(layout%n(s)*(layout%n(s) + 1), dp)/earth_radius**2
                f(k + 1:2*k, :, s) = f(k + 1:2*k, :, s) + e*(c(4*k + 1:5*k, :, s) + spread(self%phi_s(:, s), 1, k))
                f(2*k + 1:3*k, :, s) = c(5*k + 1:6*k, :, s) - f(2*k + 1:3*k, :, s)
                f(3*k + 1, :, s) = c(6*k + 1, :, s)
                f(3*k + 2:, :, s) = c(6*k + 2 + 2*nq:, :, s) - f(3*k + 2:, :, s)
            end do
            if (self%barotropic) f(k + 1:, :, :) = 0.0_dp
        end associate
    end subroutine from_columns
end module atmos_dynamics_mod
