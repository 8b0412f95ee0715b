!> Vertical scheme of Simmons and Burridge (1981) on sigma levels.
!!
!! Phi_k = Phi_s + R (sum_(j>k) T_j ln(s_(j+1/2)/s_(j-1/2)) + alpha_k T_k),   alpha_1 = ln 2,
!! alpha_k = 1 - (s_(k-1/2)/ds_k) ln(s_(k+1/2)/s_(k-1/2)). Level 1 is the top. The operator C,
!! (C x)_k = ln(s_(k+1/2)/s_(k-1/2))/ds_k sum_(j<k) x_j ds_j + alpha_k x_k, gives omega/p = v.grad(ln ps) - C(D +
!! v.grad(ln ps)); by construction sum_k ds_k [Phi_k x_k - R T_k (C x)_k] = Phi_s sum_k x_k ds_k: what the pressure
!! force gains, the conversion term loses.
module atmos_vertical_mod
    use kinds_mod, only: dp
    use constants_mod, only: kappa, dry_air_gas_constant
    implicit none
    private

    type, public :: vertical_type
        integer :: nlev = 0
        real(dp), allocatable :: half(:)             !< (0:nlev) sigma at the interfaces, 0 to 1
        real(dp), allocatable :: full(:)             !< (nlev) sigma of the layers, mean of their interfaces
        real(dp), allocatable :: ds(:)               !< (nlev) thickness in sigma
        real(dp), allocatable :: log_ratio(:)        !< (nlev) ln(s_(k+1/2)/s_(k-1/2)); 0 at the top, not used there
        real(dp), allocatable :: alpha(:)            !< (nlev)
        real(dp), allocatable :: geopotential(:, :)  !< G, Phi - Phi_s = G T [J/kg/K]
        real(dp), allocatable :: conversion(:, :)    !< C
    contains
        procedure :: init => vertical_init
        procedure :: mass_flux
    end type vertical_type

    public :: vertical_advection

contains

    subroutine vertical_init(self, half)
        class(vertical_type), intent(out) :: self
        real(dp), intent(in) :: half(0:)    !< interfaces, 0 = half(0) < ... < half(nlev) = 1
        integer :: k, j, nlev

        nlev = size(half) - 1
        self%nlev = nlev
        allocate(self%half(0:nlev))
        self%half = half
        self%full = 0.5_dp*(half(0:nlev - 1) + half(1:nlev))
        self%ds = half(1:nlev) - half(0:nlev - 1)
        allocate(self%log_ratio(nlev), self%alpha(nlev), self%geopotential(nlev, nlev), self%conversion(nlev, nlev))
        self%log_ratio(1) = 0.0_dp
        self%alpha(1) = log(2.0_dp)
        do k = 2, nlev
            self%log_ratio(k) = log(half(k)/half(k - 1))
            self%alpha(k) = 1.0_dp - half(k - 1)/self%ds(k)*self%log_ratio(k)
        end do
        self%geopotential = 0.0_dp
        self%conversion = 0.0_dp
        do k = 1, nlev
            self%geopotential(k, k) = dry_air_gas_constant*self%alpha(k)
            self%conversion(k, k) = self%alpha(k)
            do j = k + 1, nlev
                self%geopotential(k, j) = dry_air_gas_constant*self%log_ratio(j)
                self%conversion(j, k) = self%log_ratio(j)*self%ds(k)/self%ds(j)
            end do
        end do
    end subroutine vertical_init

    !> One latitude row: vertical velocity, conversion heating without its linear part, and the advection of ln ps.
    !!   sigma_dot_(k+1/2) = s_(k+1/2) sum_all - sum_(j<=k) (D_j + v_j.grad p) ds_j
    !!   heating = kappa [T omega/p + T_ref C D] = kappa [T (v.grad p - C v.grad p) - (T - T_ref) C D]
    pure subroutine mass_flux(self, t_ref, u, v, divergence, t, px, py, sigma_dot, heating, pressure)
        class(vertical_type), intent(in) :: self
        real(dp), intent(in) :: t_ref                                !< temperature of the linear part [K]
        real(dp), intent(in), contiguous :: u(:, :), v(:, :)         !< (nlon, nlev) [m/s]
        real(dp), intent(in), contiguous :: divergence(:, :)         !< [1/s]
        real(dp), intent(in), contiguous :: t(:, :)                  !< [K]
        real(dp), intent(in), contiguous :: px(:), py(:)             !< (nlon) gradient of ln ps [1/m]
        real(dp), intent(out), contiguous :: sigma_dot(:, 0:)        !< (nlon, 0:nlev) [1/s]
        real(dp), intent(out), contiguous :: heating(:, :)           !< (nlon, nlev) [K/s]
        real(dp), intent(out), contiguous :: pressure(:)             !< (nlon) -sum_k v_k.grad(ln ps) ds_k [1/s]
        real(dp), dimension(size(u, 1)) :: sum_d, sum_v
        real(dp) :: vgp, conv_d, conv_v, ratio
        integer :: i, k

        sum_d = 0.0_dp
        sum_v = 0.0_dp
        sigma_dot(:, 0) = 0.0_dp
        do k = 1, self%nlev
            ratio = self%log_ratio(k)/self%ds(k)
            do i = 1, size(u, 1)
                vgp = u(i, k)*px(i) + v(i, k)*py(i)
                conv_d = ratio*sum_d(i) + self%alpha(k)*divergence(i, k)
                conv_v = ratio*sum_v(i) + self%alpha(k)*vgp
                heating(i, k) = kappa*(t(i, k)*(vgp - conv_v) - (t(i, k) - t_ref)*conv_d)
                sum_d(i) = sum_d(i) + self%ds(k)*divergence(i, k)
                sum_v(i) = sum_v(i) + self%ds(k)*vgp
                sigma_dot(i, k) = -(sum_d(i) + sum_v(i))
            end do
        end do
        do k = 1, self%nlev - 1
            sigma_dot(:, k) = sigma_dot(:, k) + self%half(k)*(sum_d + sum_v)
        end do
        sigma_dot(:, self%nlev) = 0.0_dp
        pressure = -sum_v
    end subroutine mass_flux

    !> Subtract (sigma_dot dx/dsigma)_k, centred: it conserves the column sum of x and of x^2.
    pure subroutine vertical_advection(ds, sigma_dot, x, tendency)
        real(dp), intent(in), contiguous :: ds(:)               !< (nlev)
        real(dp), intent(in), contiguous :: sigma_dot(:, 0:)    !< (nlon, 0:nlev) [1/s]
        real(dp), intent(in), contiguous :: x(:, :)             !< (nlon, nlev)
        real(dp), intent(inout), contiguous :: tendency(:, :)   !< [unit of x/s]
        real(dp) :: flux
        integer :: i, k

        do k = 1, size(ds) - 1
            do i = 1, size(x, 1)
                flux = 0.5_dp*sigma_dot(i, k)*(x(i, k + 1) - x(i, k))
                tendency(i, k) = tendency(i, k) - flux/ds(k)
                tendency(i, k + 1) = tendency(i, k + 1) - flux/ds(k + 1)
            end do
        end do
    end subroutine vertical_advection
end module atmos_vertical_mod
