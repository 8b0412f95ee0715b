!> Gaussian grid and normalised associated Legendre functions.
!!
!! The functions are normalised to (1/2) int P_n^m P_n'^m dmu = delta_nn', so that the coefficient (0, 0) of a field is
!! its global mean. Recurrence (Belousov's three-term form):
!!     eps_(n+1) P_(n+1) = mu P_n - eps_n P_(n-1),   eps_n^m = sqrt((n^2 - m^2)/(4 n^2 - 1)).
module atmos_gauss_mod
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree
    implicit none
    private

    public :: gaussian_nodes, gaussian_bounds, legendre_functions, legendre_epsilon

contains

    !> Roots of P_nlat and their weights by Newton's iteration, south to north; the weights add up to 2.
    subroutine gaussian_nodes(mu, weight)
        real(dp), intent(out) :: mu(:)      !< sine of latitude, ascending
        real(dp), intent(out) :: weight(:)  !< quadrature weight on [-1, 1]
        integer, parameter :: max_iterations = 20
        integer :: n, j, iteration
        real(dp) :: x, dx, p, slope

        n = size(mu)
        do j = 1, n/2
            x = cos(pi*(real(j, dp) - 0.25_dp)/(real(n, dp) + 0.5_dp))
            do iteration = 1, max_iterations
                call legendre_polynomial(n, x, p, slope)
                dx = p/slope
                x = x - dx
                if (abs(dx) < 2.0_dp*epsilon(x)) exit
            end do
            call legendre_polynomial(n, x, p, slope)
            mu(n + 1 - j) = x
            mu(j) = -x
            weight(j) = 2.0_dp/((1.0_dp - x*x)*slope*slope)
            weight(n + 1 - j) = weight(j)
        end do
    end subroutine gaussian_nodes

    !> P_n(x) and its derivative, unnormalised.
    pure subroutine legendre_polynomial(n, x, p, slope)
        integer, intent(in) :: n
        real(dp), intent(in) :: x
        real(dp), intent(out) :: p, slope
        real(dp) :: before, next
        integer :: i

        before = 1.0_dp
        p = x
        do i = 2, n
            next = (real(2*i - 1, dp)*x*p - real(i - 1, dp)*before)/real(i, dp)
            before = p
            p = next
        end do
        slope = real(n, dp)*(before - x*p)/(1.0_dp - x*x)
    end subroutine legendre_polynomial

    !> Cell edges whose areas are the quadrature weights: sin(bound_(j+1)) - sin(bound_j) = w_j. Degrees, south to
    !! north.
    pure subroutine gaussian_bounds(weight, bounds)
        real(dp), intent(in) :: weight(:)   !< (nlat)
        real(dp), intent(out) :: bounds(:)  !< (nlat + 1) [degrees]
        integer :: n, j
        real(dp) :: edge

        n = size(weight)
        edge = -1.0_dp
        bounds(1) = -90.0_dp
        bounds(n + 1) = 90.0_dp
        bounds(n/2 + 1) = 0.0_dp
        do j = 1, n/2 - 1
            edge = edge + weight(j)
            bounds(j + 1) = asin(edge)/degree
            bounds(n + 1 - j) = -bounds(j + 1)
        end do
    end subroutine gaussian_bounds

    elemental real(dp) function legendre_epsilon(n, m)
        integer, intent(in) :: n, m
        legendre_epsilon = sqrt(real(n*n - m*m, dp)/real(4*n*n - 1, dp))
    end function legendre_epsilon

    !> P_n^m(mu) for one m and n = m .. m + size(p) - 1.
    pure subroutine legendre_functions(m, mu, p)
        integer, intent(in) :: m
        real(dp), intent(in) :: mu      !< sine of latitude
        real(dp), intent(out) :: p(0:)  !< p(n - m)
        integer :: i, n
        real(dp) :: cosine

        cosine = sqrt((1.0_dp - mu)*(1.0_dp + mu))
        p(0) = 1.0_dp
        do i = 1, m
            p(0) = p(0)*cosine*sqrt(real(2*i + 1, dp)/real(2*i, dp))
        end do
        if (size(p) > 1) p(1) = mu*p(0)/legendre_epsilon(m + 1, m)
        do n = m + 1, m + size(p) - 2
            p(n + 1 - m) = (mu*p(n - m) - legendre_epsilon(n, m)*p(n - 1 - m))/legendre_epsilon(n + 1, m)
        end do
    end subroutine legendre_functions
end module atmos_gauss_mod
