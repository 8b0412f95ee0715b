!> Two-dimensional blocks of the ocean and the exchange of their halos.
!!
!! Blocks are periodic in longitude and end at the southern and northern edge. The exchange goes first east-west, then
!! north-south including the columns just received, so that corners arrive without messages of their own.
module ocean_halo_mod
    use kinds_mod, only: dp
    use comm_mod, only: comm_type, nobody
    use status_mod, only: status_type, status_bad_input
    implicit none
    private

    type, public :: halo_type
        type(comm_type) :: comm
        integer :: nlon, nlat           !< global sizes
        integer :: width                !< halo width of every array
        integer :: px, py               !< blocks in longitude and latitude
        integer :: nx, ny               !< owned cells
        integer :: i_first, i_last, j_first, j_last  !< owned global indices
        integer :: is, ie, js, je       !< local index bounds including the halo; owned cells are 1:nx, 1:ny
        integer :: west, east, south, north          !< neighbouring ranks
        real(dp), allocatable, private :: outbox(:), inbox(:)
    contains
        procedure :: init
        procedure :: block_of
        procedure :: update
        procedure, private :: exchange
    end type halo_type

contains

    !> Cut the grid into as many blocks as there are ranks, with the shortest seams.
    subroutine init(self, comm, nlon, nlat, width, status)
        class(halo_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        integer, intent(in) :: nlon, nlat, width
        type(status_type), intent(inout) :: status
        integer :: px, py, seam, shortest, ip, jp
        character(len=160) :: text

        if (status%failed()) return
        self%comm = comm
        self%nlon = nlon
        self%nlat = nlat
        self%width = width
        shortest = huge(shortest)
        do px = 1, comm%size
            py = comm%size/px
            if (px*py /= comm%size .or. nlon/px < width .or. nlat/py < width) cycle
            seam = (py - 1)*nlon + merge(px, 0, px > 1)*nlat
            if (seam >= shortest) cycle
            shortest = seam
            self%px = px
            self%py = py
        end do
        if (shortest == huge(shortest)) then
            write (text, '(a,i0,a,i0,a,i0,a,i0,a)') 'ocean grid ', nlon, ' x ', nlat, ' cannot be cut into ', &
                comm%size, ' blocks of at least ', width, ' cells a side: use fewer ranks or a smaller barotropic_halo'
            call status%set(status_bad_input, text)
            return
        end if
        ip = mod(comm%rank, self%px)
        jp = comm%rank/self%px
        call self%block_of(comm%rank, self%i_first, self%i_last, self%j_first, self%j_last)
        self%nx = self%i_last - self%i_first + 1
        self%ny = self%j_last - self%j_first + 1
        self%is = 1 - width
        self%ie = self%nx + width
        self%js = 1 - width
        self%je = self%ny + width
        self%west = modulo(ip - 1, self%px) + jp*self%px
        self%east = modulo(ip + 1, self%px) + jp*self%px
        self%south = merge(comm%rank - self%px, nobody, jp > 0)
        self%north = merge(comm%rank + self%px, nobody, jp < self%py - 1)
        allocate (self%outbox(0), self%inbox(0))
    end subroutine init

    !> Global index range of a rank's block.
    pure subroutine block_of(self, rank, i_first, i_last, j_first, j_last)
        class(halo_type), intent(in) :: self
        integer, intent(in) :: rank
        integer, intent(out) :: i_first, i_last, j_first, j_last
        integer :: ip, jp
        ip = mod(rank, self%px)
        jp = rank/self%px
        i_first = (self%nlon*ip)/self%px + 1
        i_last = (self%nlon*(ip + 1))/self%px
        j_first = (self%nlat*jp)/self%py + 1
        j_last = (self%nlat*(jp + 1))/self%py
    end subroutine block_of

    !> Fill the innermost `w` halo cells of one or two arrays from their owners. Beyond the southern and northern edge
    !! nothing is touched.
    subroutine update(self, w, nk, a, b)
        class(halo_type), intent(inout) :: self
        integer, intent(in) :: w                  !< width to fill, at most self%width
        integer, intent(in) :: nk                 !< levels of the arrays
        real(dp), intent(inout) :: a(self%is:self%ie, self%js:self%je, nk)
        real(dp), intent(inout), optional :: b(self%is:self%ie, self%js:self%je, nk)
        integer :: nx, ny

        nx = self%nx
        ny = self%ny
        call self%exchange(nk, a, b, [1, w, 1, ny], [nx + 1, nx + w, 1, ny], self%west, self%east)
        call self%exchange(nk, a, b, [nx - w + 1, nx, 1, ny], [1 - w, 0, 1, ny], self%east, self%west)
        call self%exchange(nk, a, b, [1 - w, nx + w, 1, w], [1 - w, nx + w, ny + 1, ny + w], self%south, self%north)
        call self%exchange(nk, a, b, [1 - w, nx + w, ny - w + 1, ny], [1 - w, nx + w, 1 - w, 0], self%north, self%south)
    end subroutine update

    !> Send one strip to rank `to` and receive its counterpart from rank `from`; strips are [i1, i2, j1, j2].
    subroutine exchange(self, nk, a, b, strip_out, strip_in, to, from)
        class(halo_type), intent(inout) :: self
        integer, intent(in) :: nk
        real(dp), intent(inout) :: a(self%is:self%ie, self%js:self%je, nk)
        real(dp), intent(inout), optional :: b(self%is:self%ie, self%js:self%je, nk)
        integer, intent(in) :: strip_out(4), strip_in(4), to, from
        integer :: n, both

        n = (strip_out(2) - strip_out(1) + 1)*(strip_out(4) - strip_out(3) + 1)*nk
        both = merge(2*n, n, present(b))
        if (size(self%outbox) < both) then
            deallocate (self%outbox, self%inbox)
            allocate (self%outbox(both), self%inbox(both))
        end if
        if (to /= nobody) then
            call pack_strip(a, 1)
            if (present(b)) call pack_strip(b, n + 1)
        end if
        if (to == self%comm%rank .and. from == self%comm%rank) then
            self%inbox(:both) = self%outbox(:both)
        else
            call self%comm%sendrecv(self%outbox(:both), to, self%inbox(:both), from)
        end if
        if (from /= nobody) then
            call unpack_strip(a, 1)
            if (present(b)) call unpack_strip(b, n + 1)
        end if

    contains

        subroutine pack_strip(x, start)
            real(dp), intent(in) :: x(self%is:self%ie, self%js:self%je, nk)
            integer, intent(in) :: start
            integer :: i, j, k, m
            m = start
            do k = 1, nk
                do j = strip_out(3), strip_out(4)
                    do i = strip_out(1), strip_out(2)
                        self%outbox(m) = x(i, j, k)
                        m = m + 1
                    end do
                end do
            end do
        end subroutine pack_strip

        subroutine unpack_strip(x, start)
            real(dp), intent(inout) :: x(self%is:self%ie, self%js:self%je, nk)
            integer, intent(in) :: start
            integer :: i, j, k, m
            m = start
            do k = 1, nk
                do j = strip_in(3), strip_in(4)
                    do i = strip_in(1), strip_in(2)
                        x(i, j, k) = self%inbox(m)
                        m = m + 1
                    end do
                end do
            end do
        end subroutine unpack_strip
    end subroutine exchange
end module ocean_halo_mod
