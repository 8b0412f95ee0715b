!> Density of sea water as a function of potential temperature, salinity and pressure.
!!
!! Wright (1997, J. Atmos. Oceanic Technol. 14, 735-740), the fit over the reduced range:
!!     rho = (p + p0) / (lambda + alpha0 (p + p0)),
!! with alpha0 linear and p0, lambda cubic polynomials of temperature and salinity; valid from
!! -2 to 30 degC, 28 to 38 psu, to 5e7 Pa.
module ocean_eos_mod
    use kinds_mod, only: dp
    implicit none
    private
    public :: density, density_row

contains

    !> In-situ density [kg/m3].
    elemental pure real(dp) function density(t, s, p)
        real(dp), intent(in) :: t    !< potential temperature [degC]
        real(dp), intent(in) :: s    !< salinity [psu, g/kg]
        real(dp), intent(in) :: p    !< pressure above the atmosphere's [Pa]
        density = wright(t, s, p)
    end function density

    !> Densities of a row at one pressure; here so that the compiler can turn the row into vector instructions.
    pure subroutine density_row(n, t, s, p, rho)
        integer, intent(in) :: n
        real(dp), intent(in) :: t(n), s(n)  !< [degC], [psu]
        real(dp), intent(in) :: p           !< [Pa]
        real(dp), intent(out) :: rho(n)     !< [kg/m3]
        integer :: i
        do i = 1, n
            rho(i) = wright(t(i), s(i), p)
        end do
    end subroutine density_row

    !> The fit itself. Private: a public procedure of position-independent code is never expanded in place.
    elemental pure real(dp) function wright(t, s, p)
        real(dp), intent(in) :: t, s, p
        real(dp), parameter :: a0 = 7.057924e-4_dp, a1 = 3.480336e-7_dp, a2 = -1.112733e-7_dp
        real(dp), parameter :: b0 = 5.790749e8_dp, b1 = 3.516535e6_dp, b2 = -4.002714e4_dp, b3 = 2.084372e2_dp, &
            b4 = 5.944068e5_dp, b5 = -9.643486e3_dp
        real(dp), parameter :: c0 = 1.704853e5_dp, c1 = 7.904722e2_dp, c2 = -7.984422_dp, c3 = 5.140652e-2_dp, &
            c4 = -2.302158e2_dp, c5 = -3.079464_dp
        real(dp) :: alpha0, pp, lambda

        alpha0 = a0 + a1*t + a2*s
        pp = p + (b0 + b4*s + t*(b1 + t*(b2 + b3*t) + b5*s))
        lambda = c0 + c4*s + t*(c1 + t*(c2 + c3*t) + c5*s)
        wright = pp/(lambda + alpha0*pp)
    end function wright
end module ocean_eos_mod
