!> Complex Fourier transform of any length, many columns at once.
!!
!! X_k = sum_i x_i exp(-2 pi i k i/n), Stockham's self-sorting passes (Van Loan, Computational Frameworks for the FFT,
!! 1992, section 1.7) with radices 4, 3, 2 and a plain sum for other primes. The column is the fast index, so that every
!! inner loop is a long vector operation. Swapping real and imaginary part in the call gives the inverse (times n).
module atmos_fft_mod
    use kinds_mod, only: dp
    use constants_mod, only: pi
    implicit none
    private

    integer, parameter :: max_factors = 32

    !> Factors and twiddles of one length.
    type, public :: fft_type
        integer :: n = 0
        integer :: nfactors = 0
        integer :: factors(max_factors) = 0
        real(dp), allocatable :: cosine(:)  !< cos(2 pi i/n), i = 0 .. n-1
        real(dp), allocatable :: sine(:)    !< -sin(2 pi i/n)
    contains
        procedure :: init => fft_init
        procedure :: transform => fft_transform
    end type fft_type

contains

    subroutine fft_init(self, n)
        class(fft_type), intent(out) :: self
        integer, intent(in) :: n  !< length
        integer, parameter :: preferred(3) = [4, 3, 2]
        integer :: rest, radix, i

        self%n = n
        rest = n
        do i = 1, 3
            do while (mod(rest, preferred(i)) == 0)
                call add(preferred(i))
            end do
        end do
        radix = 5
        do while (rest > 1)
            if (mod(rest, radix) == 0) then
                call add(radix)
            else
                radix = radix + 2
            end if
        end do
        allocate(self%cosine(0:n - 1), self%sine(0:n - 1))
        do i = 0, n - 1
            self%cosine(i) = cos(2.0_dp*pi*real(i, dp)/real(n, dp))
            self%sine(i) = -sin(2.0_dp*pi*real(i, dp)/real(n, dp))
        end do
    contains
        subroutine add(factor)
            integer, intent(in) :: factor
            self%nfactors = self%nfactors + 1
            self%factors(self%nfactors) = factor
            rest = rest/factor
        end subroutine add
    end subroutine fft_init

    !> Transform ncol columns in place; work arrays have the same size.
    subroutine fft_transform(self, ncol, re, im, work_re, work_im)
        class(fft_type), intent(in) :: self
        integer, intent(in) :: ncol
        real(dp), intent(inout) :: re(ncol*self%n), im(ncol*self%n)            !< column fastest
        real(dp), intent(inout) :: work_re(ncol*self%n), work_im(ncol*self%n)  !< overwritten
        integer :: i, done, radix, groups
        logical :: in_work

        done = 1
        in_work = .false.
        do i = 1, self%nfactors
            radix = self%factors(i)
            groups = self%n/(done*radix)
            if (in_work) then
                call pass(self, ncol*done, groups, radix, done, work_re, work_im, re, im)
            else
                call pass(self, ncol*done, groups, radix, done, re, im, work_re, work_im)
            end if
            in_work = .not. in_work
            done = done*radix
        end do
        if (in_work) then
            re = work_re
            im = work_im
        end if
    end subroutine fft_transform

    !> One pass: y(:, k, p) = w^(p k) sum_j x(:, p, j) exp(-2 pi i j k/radix), w = exp(-2 pi i done/n).
    subroutine pass(self, v, groups, radix, done, xr, xi, yr, yi)
        class(fft_type), intent(in) :: self
        integer, intent(in) :: v, groups, radix, done
        real(dp), intent(in) :: xr(v, 0:groups - 1, 0:radix - 1), xi(v, 0:groups - 1, 0:radix - 1)
        real(dp), intent(out) :: yr(v, 0:radix - 1, 0:groups - 1), yi(v, 0:radix - 1, 0:groups - 1)
        real(dp) :: c(0:radix - 1), s(0:radix - 1)
        integer :: p, k, place

        do p = 0, groups - 1
            do k = 0, radix - 1
                place = p*k*done
                c(k) = self%cosine(place)
                s(k) = self%sine(place)
            end do
            select case (radix)
            case (2)
                call butterfly2(v, xr(:, p, 0), xi(:, p, 0), xr(:, p, 1), xi(:, p, 1), c, s, yr(:, :, p), yi(:, :, p))
            case (3)
                call butterfly3(v, xr(:, p, 0), xi(:, p, 0), xr(:, p, 1), xi(:, p, 1), xr(:, p, 2), xi(:, p, 2), &
                    c, s, yr(:, :, p), yi(:, :, p))
            case (4)
                call butterfly4(v, xr(:, p, 0), xi(:, p, 0), xr(:, p, 1), xi(:, p, 1), xr(:, p, 2), xi(:, p, 2), &
                    xr(:, p, 3), xi(:, p, 3), c, s, yr(:, :, p), yi(:, :, p))
            case default
                call plain_sum(self, v, groups, radix, p, xr, xi, c, s, yr(:, :, p), yi(:, :, p))
            end select
        end do
    end subroutine pass

    pure subroutine butterfly2(v, ar, ai, br, bi, c, s, yr, yi)
        integer, intent(in) :: v
        real(dp), intent(in) :: ar(v), ai(v), br(v), bi(v), c(0:1), s(0:1)
        real(dp), intent(out) :: yr(v, 0:1), yi(v, 0:1)
        real(dp) :: dr, di
        integer :: i
        !GCC$ ivdep
        do i = 1, v
            yr(i, 0) = ar(i) + br(i)
            yi(i, 0) = ai(i) + bi(i)
            dr = ar(i) - br(i)
            di = ai(i) - bi(i)
            yr(i, 1) = c(1)*dr - s(1)*di
            yi(i, 1) = c(1)*di + s(1)*dr
        end do
    end subroutine butterfly2

    pure subroutine butterfly3(v, ar, ai, br, bi, cr, ci, c, s, yr, yi)
        integer, intent(in) :: v
        real(dp), intent(in) :: ar(v), ai(v), br(v), bi(v), cr(v), ci(v), c(0:2), s(0:2)
        real(dp), intent(out) :: yr(v, 0:2), yi(v, 0:2)
        real(dp), parameter :: sine = sqrt(0.75_dp)
        real(dp) :: tr, ti, mr, mi, dr, di, br1, bi1, br2, bi2
        integer :: i
        !GCC$ ivdep
        do i = 1, v
            tr = br(i) + cr(i)
            ti = bi(i) + ci(i)
            mr = ar(i) - 0.5_dp*tr
            mi = ai(i) - 0.5_dp*ti
            dr = sine*(br(i) - cr(i))
            di = sine*(bi(i) - ci(i))
            br1 = mr + di
            bi1 = mi - dr
            br2 = mr - di
            bi2 = mi + dr
            yr(i, 0) = ar(i) + tr
            yi(i, 0) = ai(i) + ti
            yr(i, 1) = c(1)*br1 - s(1)*bi1
            yi(i, 1) = c(1)*bi1 + s(1)*br1
            yr(i, 2) = c(2)*br2 - s(2)*bi2
            yi(i, 2) = c(2)*bi2 + s(2)*br2
        end do
    end subroutine butterfly3

    pure subroutine butterfly4(v, ar, ai, br, bi, cr, ci, dr, di, c, s, yr, yi)
        integer, intent(in) :: v
        real(dp), intent(in) :: ar(v), ai(v), br(v), bi(v), cr(v), ci(v), dr(v), di(v), c(0:3), s(0:3)
        real(dp), intent(out) :: yr(v, 0:3), yi(v, 0:3)
        real(dp) :: t0r, t0i, t1r, t1i, t2r, t2i, t3r, t3i
        integer :: i
        !GCC$ ivdep
        do i = 1, v
            t0r = ar(i) + cr(i)
            t0i = ai(i) + ci(i)
            t1r = ar(i) - cr(i)
            t1i = ai(i) - ci(i)
            t2r = br(i) + dr(i)
            t2i = bi(i) + di(i)
            t3r = br(i) - dr(i)
            t3i = bi(i) - di(i)
            yr(i, 0) = t0r + t2r
            yi(i, 0) = t0i + t2i
            yr(i, 1) = c(1)*(t1r + t3i) - s(1)*(t1i - t3r)
            yi(i, 1) = c(1)*(t1i - t3r) + s(1)*(t1r + t3i)
            yr(i, 2) = c(2)*(t0r - t2r) - s(2)*(t0i - t2i)
            yi(i, 2) = c(2)*(t0i - t2i) + s(2)*(t0r - t2r)
            yr(i, 3) = c(3)*(t1r - t3i) - s(3)*(t1i + t3r)
            yi(i, 3) = c(3)*(t1i + t3r) + s(3)*(t1r - t3i)
        end do
    end subroutine butterfly4

    !> Any radix: the defining sum, its roots of unity taken from the table of length n.
    pure subroutine plain_sum(self, v, groups, radix, p, xr, xi, c, s, yr, yi)
        class(fft_type), intent(in) :: self
        integer, intent(in) :: v, groups, radix, p
        real(dp), intent(in) :: xr(v, 0:groups - 1, 0:radix - 1), xi(v, 0:groups - 1, 0:radix - 1)
        real(dp), intent(in) :: c(0:radix - 1), s(0:radix - 1)
        real(dp), intent(out) :: yr(v, 0:radix - 1), yi(v, 0:radix - 1)
        real(dp) :: er, ei, sum_re(v)
        integer :: j, k

        do k = 0, radix - 1
            yr(:, k) = 0.0_dp
            yi(:, k) = 0.0_dp
            do j = 0, radix - 1
                er = self%cosine(mod(j*k, radix)*(self%n/radix))
                ei = self%sine(mod(j*k, radix)*(self%n/radix))
                yr(:, k) = yr(:, k) + (er*xr(:, p, j) - ei*xi(:, p, j))
                yi(:, k) = yi(:, k) + (er*xi(:, p, j) + ei*xr(:, p, j))
            end do
            sum_re = yr(:, k)
            yr(:, k) = c(k)*sum_re - s(k)*yi(:, k)
            yi(:, k) = c(k)*yi(:, k) + s(k)*sum_re
        end do
    end subroutine plain_sum
end module atmos_fft_mod
