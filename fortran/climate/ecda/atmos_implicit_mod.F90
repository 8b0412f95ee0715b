!> Linear part of the equations and its implicit solve, one small matrix per total wavenumber.
!!
!! About rest at T_ref, with e_n = n(n+1)/a^2, geopotential matrix G and H = kappa T_ref C (atmos_vertical_mod):
!!   L zeta = -nu_n zeta          L T = -H D - nu_n T
!!   L D = e_n (G T + R T_ref p) - nu_n D          L p = -ds.D          p = ln ps
!! Eliminating T and p from X - c L X = r leaves, with b = 1 + c nu_n,
!!   [b I + c^2 e_n (G H/b + R T_ref 1 ds)] D = r_D + c e_n (G r_T/b + R T_ref r_p).
!! Rows of x beyond these (humidity) are only diffused: L q = -nu_n q.
!! nu_n = [n(n+1)/(N(N+1))]^order/tau damps the truncation N with e-folding time tau.
module atmos_implicit_mod
    use kinds_mod, only: dp
    use constants_mod, only: earth_radius, dry_air_gas_constant, kappa
    use atmos_layout_mod, only: layout_type
    use atmos_vertical_mod, only: vertical_type
    implicit none
    private

    type, public :: implicit_type
        integer :: nlev = 0
        real(dp) :: t_ref = 0.0_dp                    !< [K]
        real(dp), allocatable :: e(:)                 !< (0:trunc) n(n+1)/a^2 [1/m2]
        real(dp), allocatable :: nu(:)                !< (0:trunc) [1/s]
        real(dp), allocatable :: c(:)                 !< implicit steps [s]
        real(dp), allocatable :: ds(:), g(:, :), h(:, :)
        real(dp), allocatable :: inverse(:, :, :, :)  !< (nlev, nlev, 0:trunc, step)
    contains
        procedure :: init => implicit_init
        procedure :: linear
        procedure :: solve
    end type implicit_type

contains

    subroutine implicit_init(self, vertical, trunc, t_ref, tau, order, c)
        class(implicit_type), intent(out) :: self
        type(vertical_type), intent(in) :: vertical
        integer, intent(in) :: trunc
        real(dp), intent(in) :: t_ref   !< reference temperature [K]
        real(dp), intent(in) :: tau     !< e-folding time of the hyperdiffusion at the truncation [s]; 0: none
        integer, intent(in) :: order    !< power of the Laplacian
        real(dp), intent(in) :: c(:)    !< implicit steps to prepare [s]
        integer :: n, i, k

        self%nlev = vertical%nlev
        self%t_ref = t_ref
        self%c = c
        self%ds = vertical%ds
        self%g = vertical%geopotential
        self%h = kappa*t_ref*vertical%conversion
        allocate(self%e(0:trunc), self%nu(0:trunc), self%inverse(self%nlev, self%nlev, 0:trunc, size(c)))
        self%nu = 0.0_dp
        do n = 0, trunc
            self%e(n) = real(n*(n + 1), dp)/earth_radius**2
            if (tau > 0.0_dp) self%nu(n) = (real(n*(n + 1), dp)/real(trunc*(trunc + 1), dp))**order/tau
        end do
        do i = 1, size(c)
            do n = 0, trunc
                associate (b => 1.0_dp + c(i)*self%nu(n))
                    self%inverse(:, :, n, i) = c(i)**2*self%e(n)*(matmul(self%g, self%h)/b &
                        + dry_air_gas_constant*t_ref*spread(self%ds, 1, self%nlev))
                    do k = 1, self%nlev
                        self%inverse(k, k, n, i) = self%inverse(k, k, n, i) + b
                    end do
                end associate
                call invert(self%inverse(:, :, n, i))
            end do
        end do
    end subroutine implicit_init

    !> y = L x; states are (3 nlev + 1 [+ nlev], 2, ns): vorticity, divergence, temperature, ln ps [, humidity].
    pure subroutine linear(self, layout, x, y)
        class(implicit_type), intent(in) :: self
        type(layout_type), intent(in) :: layout
        real(dp), intent(in) :: x(:, :, :)
        real(dp), intent(inout) :: y(:, :, :)
        real(dp), dimension(self%nlev) :: d, t
        integer :: s, part, n, k

        k = self%nlev
        do s = 1, layout%ns
            n = layout%n(s)
            if (n > layout%trunc) then
                y(:, :, s) = 0.0_dp
                cycle
            end if
            do part = 1, 2
                d = x(k + 1:2*k, part, s)
                t = x(2*k + 1:3*k, part, s)
                y(1:k, part, s) = -self%nu(n)*x(1:k, part, s)
                y(k + 1:2*k, part, s) = self%e(n)*(product_of(self%g, t) &
                    + dry_air_gas_constant*self%t_ref*x(3*k + 1, part, s)) - self%nu(n)*d
                y(2*k + 1:3*k, part, s) = -product_of(self%h, d) - self%nu(n)*t
                y(3*k + 1, part, s) = -sum(self%ds*d)
                y(3*k + 2:, part, s) = -self%nu(n)*x(3*k + 2:, part, s)
            end do
        end do
    end subroutine linear

    !> Solve x - c(i) L x = r in place.
    pure subroutine solve(self, layout, i, x)
        class(implicit_type), intent(in) :: self
        type(layout_type), intent(in) :: layout
        integer, intent(in) :: i                !< which of the prepared steps
        real(dp), intent(inout) :: x(:, :, :)   !< in: r; out: the solution
        real(dp), dimension(self%nlev) :: d, t
        real(dp) :: c, b
        integer :: s, part, n, k

        k = self%nlev
        c = self%c(i)
        do s = 1, layout%ns
            n = layout%n(s)
            if (n > layout%trunc) cycle
            b = 1.0_dp + c*self%nu(n)
            do part = 1, 2
                t = x(2*k + 1:3*k, part, s)
                d = x(k + 1:2*k, part, s) + c*self%e(n)*(product_of(self%g, t)/b &
                    + dry_air_gas_constant*self%t_ref*x(3*k + 1, part, s))
                d = product_of(self%inverse(:, :, n, i), d)
                x(1:k, part, s) = x(1:k, part, s)/b
                x(k + 1:2*k, part, s) = d
                x(2*k + 1:3*k, part, s) = (t - c*product_of(self%h, d))/b
                x(3*k + 1, part, s) = x(3*k + 1, part, s) - c*sum(self%ds*d)
                x(3*k + 2:, part, s) = x(3*k + 2:, part, s)/b
            end do
        end do
    end subroutine solve

    !> Matrix times vector, column by column.
    pure function product_of(matrix, x) result(y)
        real(dp), intent(in) :: matrix(:, :), x(:)
        real(dp) :: y(size(x))
        integer :: j
        y = 0.0_dp
        do j = 1, size(x)
            y = y + matrix(:, j)*x(j)
        end do
    end function product_of

    !> Gauss-Jordan inversion in place with row pivoting.
    pure subroutine invert(a)
        real(dp), intent(inout) :: a(:, :)
        real(dp) :: wide(size(a, 1), 2*size(a, 1)), row(2*size(a, 1))
        integer :: n, i, j, pivot

        n = size(a, 1)
        wide(:, 1:n) = a
        wide(:, n + 1:) = 0.0_dp
        do i = 1, n
            wide(i, n + i) = 1.0_dp
        end do
        do i = 1, n
            pivot = i - 1 + maxloc(abs(wide(i:n, i)), dim=1)
            row = wide(pivot, :)
            wide(pivot, :) = wide(i, :)
            wide(i, :) = row/row(i)
            do j = 1, n
                if (j /= i) wide(j, :) = wide(j, :) - wide(j, i)*wide(i, :)
            end do
        end do
        a = wide(:, n + 1:)
    end subroutine invert
end module atmos_implicit_mod
