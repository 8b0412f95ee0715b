!> Who holds what: latitude pairs in grid space, zonal wavenumbers in spectral space.
!!
!! Pair p holds the rows p (south) and nlat + 1 - p (north); each rank has a band of consecutive pairs. Wavenumber m has
!! trunc - m + 1 coefficients, so the wavenumbers are dealt forth and back (0 .. R-1, R-1 .. 0, ...) to even the load.
!! One spectral column list serves all fields: index s = first(im) + n - m, n = m .. trunc + 1. The row n = trunc + 1 is
!! needed by the winds and stays zero in the state.
module atmos_layout_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use atmos_gauss_mod, only: legendre_epsilon
    implicit none
    private

    type, public :: layout_type
        integer :: trunc = 0                        !< triangular truncation
        integer :: nlat = 0
        integer :: npairs_global = 0
        integer :: npairs = 0                       !< pairs held here
        integer :: nrows = 0                        !< rows held here, twice npairs
        integer :: nm = 0                           !< wavenumbers held here
        integer :: ns = 0                           !< spectral columns held here
        integer, allocatable :: pair_first(:)       !< (0:R-1) first pair of each rank
        integer, allocatable :: pair_count(:)       !< (0:R-1)
        integer, allocatable :: m_owner(:)          !< (0:trunc) rank that holds m
        integer, allocatable :: m_place(:)          !< (0:trunc) position of m in its owner's list
        integer, allocatable :: m_count(:)          !< (0:R-1)
        integer, allocatable :: m_before(:)         !< (0:R-1) wavenumbers of the ranks before
        integer, allocatable :: m_of(:)             !< (nm) wavenumbers held here, ascending
        integer, allocatable :: first(:)            !< (nm + 1) spectral index of n = m
        integer, allocatable :: rows(:)             !< (nrows) global rows held here, ascending
        integer, allocatable :: row_order(:)        !< (nlat) global rows in the order of the ranks' lists
        integer, allocatable :: n(:), m(:)          !< (ns) wavenumbers of each spectral column
        real(dp), allocatable :: eps(:)             !< (ns) eps_n^m
        real(dp), allocatable :: eps_next(:)        !< (ns) eps_(n+1)^m
    contains
        procedure :: init => layout_init
    end type layout_type

contains

    subroutine layout_init(self, rank, nranks, trunc, nlat, status)
        class(layout_type), intent(out) :: self
        integer, intent(in) :: rank, nranks, trunc, nlat
        type(status_type), intent(inout) :: status
        character(len=120) :: message
        integer :: p

        if (nranks > nlat/2) then
            write (message, '(a,i0,a,i0,a)') 'atmosphere: ', nranks, ' ranks for ', nlat/2, &
                ' pairs of latitudes; use at most atmos_nlat/2 ranks'
            call status%set(status_bad_input, trim(message))
            return
        end if
        self%trunc = trunc
        self%nlat = nlat
        self%npairs_global = nlat/2
        allocate(self%pair_first(0:nranks - 1), self%pair_count(0:nranks - 1))
        do p = 0, nranks - 1
            self%pair_first(p) = p*self%npairs_global/nranks + 1
            self%pair_count(p) = (p + 1)*self%npairs_global/nranks - p*self%npairs_global/nranks
        end do
        self%npairs = self%pair_count(rank)
        self%nrows = 2*self%npairs
        self%rows = rows_of(self, rank)
        allocate(self%row_order(0))
        do p = 0, nranks - 1
            self%row_order = [self%row_order, rows_of(self, p)]
        end do
        call deal_wavenumbers(self, rank, nranks)
        call index_columns(self)
    end subroutine layout_init

    !> Global rows of one rank, ascending: its band in the south, then the mirror band in the north.
    pure function rows_of(self, rank) result(rows)
        class(layout_type), intent(in) :: self
        integer, intent(in) :: rank
        integer :: rows(2*self%pair_count(rank))
        integer :: p, n

        n = self%pair_count(rank)
        do p = 1, n
            rows(p) = self%pair_first(rank) + p - 1
            rows(2*n + 1 - p) = self%nlat + 1 - rows(p)
        end do
    end function rows_of

    subroutine deal_wavenumbers(self, rank, nranks)
        class(layout_type), intent(inout) :: self
        integer, intent(in) :: rank, nranks
        integer :: m, turn

        allocate(self%m_owner(0:self%trunc), self%m_place(0:self%trunc), self%m_count(0:nranks - 1))
        self%m_count = 0
        do m = 0, self%trunc
            turn = mod(m, 2*nranks)
            self%m_owner(m) = merge(turn, 2*nranks - 1 - turn, turn < nranks)
            self%m_count(self%m_owner(m)) = self%m_count(self%m_owner(m)) + 1
            self%m_place(m) = self%m_count(self%m_owner(m))
        end do
        allocate(self%m_before(0:nranks - 1))
        do m = 0, nranks - 1
            self%m_before(m) = sum(self%m_count(:m - 1))
        end do
        self%nm = self%m_count(rank)
        allocate(self%m_of(self%nm))
        do m = 0, self%trunc
            if (self%m_owner(m) == rank) self%m_of(self%m_place(m)) = m
        end do
    end subroutine deal_wavenumbers

    subroutine index_columns(self)
        class(layout_type), intent(inout) :: self
        integer :: im, s

        allocate(self%first(self%nm + 1))
        self%first(1) = 1
        do im = 1, self%nm
            self%first(im + 1) = self%first(im) + self%trunc + 2 - self%m_of(im)
        end do
        self%ns = self%first(self%nm + 1) - 1
        allocate(self%n(self%ns), self%m(self%ns))
        do im = 1, self%nm
            do s = self%first(im), self%first(im + 1) - 1
                self%m(s) = self%m_of(im)
                self%n(s) = self%m_of(im) + s - self%first(im)
            end do
        end do
        self%eps = legendre_epsilon(self%n, self%m)
        self%eps_next = legendre_epsilon(self%n + 1, self%m)
    end subroutine index_columns
end module atmos_layout_mod
