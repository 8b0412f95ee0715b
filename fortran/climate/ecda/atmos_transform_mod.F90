!> Spherical harmonic transform with one message exchange each way.
!!
!! Synthesis: spectral coefficients of the own wavenumbers, all latitudes (Legendre sums) -> comm%alltoallv -> Fourier
!! coefficients of all wavenumbers on the own latitude pairs -> grid. Analysis runs the same way back. Every latitude
!! sum is done whole on one rank in a fixed order and every column alone, so the bits do not depend on the number of
!! ranks. North (N) and south (S) of a pair travel as N = even + odd, S = even - odd in the parity of n - m, and are
!! transformed as one complex series N + i S.
!!
!! Coefficients are real arrays (ncol, 2, ns): column (field and level), real and imaginary part, spectral column.
module atmos_transform_mod
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use atmos_fft_mod, only: fft_type
    use atmos_gauss_mod, only: gaussian_nodes, legendre_functions
    use atmos_layout_mod, only: layout_type
    use atmos_legendre_mod, only: legendre_synthesis, legendre_analysis
    implicit none
    private

    !> Columns that go through the Fourier transform together: few, so that they stay in the nearest cache.
    integer, parameter :: lanes = 8

    type, public :: transform_type
        integer :: nlon = 0
        type(comm_type) :: comm
        type(layout_type) :: layout
        type(fft_type) :: fft
        real(dp), allocatable :: mu(:)            !< (nlat) sine of latitude, south to north
        real(dp), allocatable :: weight(:)        !< (nlat) Gaussian weights, sum 2
        real(dp), allocatable :: p(:, :, :)       !< (0:trunc+1, pair, im) Legendre functions at the northern row
        real(dp), allocatable :: down_spectral(:), down_grid(:)  !< synthesis: before and after the exchange
        real(dp), allocatable :: up_grid(:), up_spectral(:)      !< analysis: before and after the exchange
        real(dp), allocatable :: re(:, :), im(:, :)              !< (lanes, 0:nlon-1) columns under transformation
        real(dp), allocatable :: work_re(:, :), work_im(:, :)
    contains
        procedure :: init => transform_init
        procedure :: synthesize
        procedure :: pair_to_grid
        procedure :: pair_from_grid
        procedure :: analyze
    end type transform_type

contains

    subroutine transform_init(self, comm, trunc, nlon, nlat, status)
        class(transform_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        integer, intent(in) :: trunc, nlon, nlat
        type(status_type), intent(inout) :: status
        integer :: im, pair

        self%comm = comm
        self%nlon = nlon
        call self%layout%init(comm%rank, comm%size, trunc, nlat, status)
        if (status%failed()) return
        call self%fft%init(nlon)
        allocate(self%mu(nlat), self%weight(nlat))
        call gaussian_nodes(self%mu, self%weight)
        allocate(self%p(0:trunc + 1, nlat/2, self%layout%nm))
        self%p = 0.0_dp
        do im = 1, self%layout%nm
            associate (m => self%layout%m_of(im))
                do pair = 1, nlat/2
                    call legendre_functions(m, self%mu(nlat + 1 - pair), self%p(0:trunc + 1 - m, pair, im))
                end do
            end associate
        end do
        allocate(self%down_spectral(0), self%down_grid(0), self%up_grid(0), self%up_spectral(0))
        allocate(self%re(lanes, 0:nlon - 1), self%im(lanes, 0:nlon - 1), source=0.0_dp)
        allocate(self%work_re(lanes, 0:nlon - 1), self%work_im(lanes, 0:nlon - 1))
    end subroutine transform_init

    !> Coefficients to the Fourier series of the own pairs; pair_to_grid finishes one pair at a time.
    subroutine synthesize(self, ncol, spectral)
        class(transform_type), intent(inout) :: self
        integer, intent(in) :: ncol
        real(dp), intent(in) :: spectral(ncol, 2, self%layout%ns)
        integer :: im

        associate (layout => self%layout, block => 4*ncol)
            call ensure(self%down_spectral, block*layout%nm*layout%npairs_global)
            call ensure(self%down_grid, block*(layout%trunc + 1)*layout%npairs)
            do im = 1, layout%nm
                call legendre_synthesis(2*ncol, layout%trunc + 2 - layout%m_of(im), layout%npairs_global, layout%nm, &
                    im, self%p(:, :, im), spectral(1, 1, layout%first(im)), self%down_spectral)
            end do
            if (self%comm%size == 1) then
                call swap(self%down_spectral, self%down_grid)
            else
                call self%comm%alltoallv(self%down_spectral, block*layout%nm*layout%pair_count, &
                    self%down_grid, block*layout%npairs*layout%m_count)
            end if
        end associate
    end subroutine synthesize

    !> Fourier series of the own pairs, filled by pair_from_grid, to coefficients.
    subroutine analyze(self, ncol, spectral)
        class(transform_type), intent(inout) :: self
        integer, intent(in) :: ncol
        real(dp), intent(out) :: spectral(ncol, 2, self%layout%ns)
        integer :: im

        associate (layout => self%layout, block => 4*ncol)
            call ensure(self%up_grid, block*(layout%trunc + 1)*layout%npairs)
            call ensure(self%up_spectral, block*layout%nm*layout%npairs_global)
            if (self%comm%size == 1) then
                call swap(self%up_grid, self%up_spectral)
            else
                call self%comm%alltoallv(self%up_grid, block*layout%npairs*layout%m_count, &
                    self%up_spectral, block*layout%nm*layout%pair_count)
            end if
            do im = 1, layout%nm
                call legendre_analysis(2*ncol, layout%trunc + 2 - layout%m_of(im), layout%npairs_global, layout%nm, &
                    im, self%p(:, :, im), self%up_spectral, spectral(1, 1, layout%first(im)))
            end do
        end associate
    end subroutine analyze

    !> Grid values of one pair; call after synthesize with the same ncol.
    subroutine pair_to_grid(self, ncol, pair, grid)
        class(transform_type), intent(inout) :: self
        integer, intent(in) :: ncol, pair            !< pair: local, 1 .. npairs
        real(dp), intent(out) :: grid(self%nlon, ncol, 2)  !< south then north
        integer :: m, first, n

        associate (trunc => self%layout%trunc)
            do first = 1, ncol, lanes
                n = min(lanes, ncol + 1 - first)
                if (n < lanes) self%re = 0.0_dp
                if (n < lanes) self%im = 0.0_dp
                self%re(:, trunc + 1:self%nlon - 1 - trunc) = 0.0_dp
                self%im(:, trunc + 1:self%nlon - 1 - trunc) = 0.0_dp
                do m = 0, trunc
                    call series_to_complex(ncol, first, n, self%nlon, m, &
                        self%down_grid(block_start(self, ncol, pair, m)), self%re, self%im)
                end do
                call self%fft%transform(lanes, self%im, self%re, self%work_im, self%work_re)
                call turn_back(n, self%nlon, self%re, grid(:, first:first + n - 1, 2))
                call turn_back(n, self%nlon, self%im, grid(:, first:first + n - 1, 1))
            end do
        end associate
    end subroutine pair_to_grid

    !> Put the grid values of one pair in place for analyze; all pairs first, with the same ncol.
    subroutine pair_from_grid(self, ncol, pair, grid)
        class(transform_type), intent(inout) :: self
        integer, intent(in) :: ncol, pair
        real(dp), intent(in) :: grid(self%nlon, ncol, 2)  !< south then north
        real(dp) :: scale
        integer :: m, first, n

        call ensure(self%up_grid, 4*ncol*(self%layout%trunc + 1)*self%layout%npairs)
        scale = 0.25_dp*self%weight(self%layout%rows(pair))/real(self%nlon, dp)
        do first = 1, ncol, lanes
            n = min(lanes, ncol + 1 - first)
            if (n < lanes) self%re = 0.0_dp
            if (n < lanes) self%im = 0.0_dp
            call turn(n, self%nlon, grid(:, first:first + n - 1, 2), self%re)
            call turn(n, self%nlon, grid(:, first:first + n - 1, 1), self%im)
            call self%fft%transform(lanes, self%re, self%im, self%work_re, self%work_im)
            do m = 0, self%layout%trunc
                call complex_to_series(ncol, first, n, self%nlon, m, scale, self%re, self%im, &
                    self%up_grid(block_start(self, ncol, pair, m)))
            end do
        end do
    end subroutine pair_from_grid

    !> First element of the Fourier coefficients (ncol, re/im, even/odd) of one pair and wavenumber in the exchange
    !! buffers.
    pure integer function block_start(self, ncol, pair, m)
        class(transform_type), intent(in) :: self
        integer, intent(in) :: ncol, pair, m
        integer :: owner

        associate (layout => self%layout)
            owner = layout%m_owner(m)
            block_start = 1 + 4*ncol*(layout%npairs*layout%m_before(owner) &
                + (pair - 1)*layout%m_count(owner) + layout%m_place(m) - 1)
        end associate
    end function block_start

    !> N = even + odd, S = even - odd, Z(m) = N + i S, Z(-m) = conj(N) + i conj(S), of n columns.
    pure subroutine series_to_complex(ncol, first, n, nlon, m, series, zr, zi)
        integer, intent(in) :: ncol, first, n, nlon, m
        real(dp), intent(in) :: series(ncol, 2, 2)   !< (column, re/im, even/odd)
        real(dp), intent(inout) :: zr(lanes, 0:nlon - 1), zi(lanes, 0:nlon - 1)
        real(dp) :: nr, ni, sr, si
        integer :: lane, c, back

        back = modulo(-m, nlon)
        !GCC$ ivdep
        do lane = 1, n
            c = first - 1 + lane
            nr = series(c, 1, 1) + series(c, 1, 2)
            ni = series(c, 2, 1) + series(c, 2, 2)
            sr = series(c, 1, 1) - series(c, 1, 2)
            si = series(c, 2, 1) - series(c, 2, 2)
            zr(lane, back) = nr + si
            zi(lane, back) = sr - ni
            zr(lane, m) = nr - si
            zi(lane, m) = sr + ni
        end do
    end subroutine series_to_complex

    !> The inverse of series_to_complex, times 2 scale.
    pure subroutine complex_to_series(ncol, first, n, nlon, m, scale, zr, zi, series)
        integer, intent(in) :: ncol, first, n, nlon, m
        real(dp), intent(in) :: scale
        real(dp), intent(in) :: zr(lanes, 0:nlon - 1), zi(lanes, 0:nlon - 1)
        real(dp), intent(inout) :: series(ncol, 2, 2)
        real(dp) :: nr, ni, sr, si
        integer :: lane, c, back

        back = modulo(-m, nlon)
        !GCC$ ivdep
        do lane = 1, n
            c = first - 1 + lane
            nr = scale*(zr(lane, m) + zr(lane, back))
            ni = scale*(zi(lane, m) - zi(lane, back))
            sr = scale*(zi(lane, m) + zi(lane, back))
            si = scale*(zr(lane, back) - zr(lane, m))
            series(c, 1, 1) = nr + sr
            series(c, 2, 1) = ni + si
            series(c, 1, 2) = nr - sr
            series(c, 2, 2) = ni - si
        end do
    end subroutine complex_to_series

    !> Columns of the grid side by side, the longitude now the slow index.
    pure subroutine turn(n, nlon, x, z)
        integer, intent(in) :: n, nlon
        real(dp), intent(in) :: x(nlon, n)
        real(dp), intent(inout) :: z(lanes, nlon)
        integer :: i, lane
        do i = 1, nlon
            do lane = 1, n
                z(lane, i) = x(i, lane)
            end do
        end do
    end subroutine turn

    pure subroutine turn_back(n, nlon, z, x)
        integer, intent(in) :: n, nlon
        real(dp), intent(in) :: z(lanes, nlon)
        real(dp), intent(inout) :: x(nlon, n)
        integer :: i, lane
        do lane = 1, n
            do i = 1, nlon
                x(i, lane) = z(lane, i)
            end do
        end do
    end subroutine turn_back

    !> Grow an allocated buffer to at least n elements; its content is lost when it grows.
    pure subroutine ensure(buffer, n)
        real(dp), allocatable, intent(inout) :: buffer(:)
        integer, intent(in) :: n
        if (size(buffer) >= n) return
        deallocate(buffer)
        allocate(buffer(n))
    end subroutine ensure

    subroutine swap(a, b)
        real(dp), allocatable, intent(inout) :: a(:), b(:)
        real(dp), allocatable :: held(:)
        call move_alloc(a, held)
        call move_alloc(b, a)
        call move_alloc(held, b)
    end subroutine swap
end module atmos_transform_mod
