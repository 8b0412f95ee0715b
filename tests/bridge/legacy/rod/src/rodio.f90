! What the rod reads and writes. State of the output file is kept between calls.
module rodio
  use netcdf
  implicit none
  integer, parameter :: wp = selected_real_kind(12)
  integer, save :: ncid = -1, varid, records = 0
  logical(1), save :: is_open = .false.
contains

  subroutine setup(path, comm)   ! reads &rod, shares out the points, starts with a half sine
    character(*), intent(in) :: path
    integer, intent(in) :: comm
    include 'mpif.h'
    include 'rod.inc'
    integer :: n, ierr, i
    real(wp) :: kappa, dt, dx
    real(wp), parameter :: pi = 3.14159265358979_wp
    character(200) :: output
    namelist /rod/ n, kappa, dt, output
    n = 99; kappa = 1; dt = 4e-5_wp; output = 'rod.nc'
    open (10, file=path, status='old')
    read (10, rod)
    close (10)
    if (n > maxn) stop 'SETUP: TOO MANY POINTS'
    icomm = comm
    call mpi_comm_rank(comm, mype, ierr)
    call mpi_comm_size(comm, npe, ierr)
    ntot = n
    ifirst = mype*n/npe + 1
    nloc = (mype + 1)*n/npe - ifirst + 1
    dx = 1._wp/(n + 1)
    rr = kappa*dt/dx**2
    ndone = 0
    t = 0
    do i = 1, nloc
      t(i) = sin(pi*(ifirst + i - 1)*dx)
    end do
    if (mype == 0) call open_output(output, n)
  end subroutine setup

  subroutine open_output(path, n)
    character(*), intent(in) :: path
    integer, intent(in) :: n
    integer :: dims(2), ierr
    if (is_open) ierr = nf90_close(ncid)
    ierr = nf90_create(path, nf90_clobber, ncid)
    ierr = nf90_def_dim(ncid, 'x', n, dims(1))
    ierr = nf90_def_dim(ncid, 'time', nf90_unlimited, dims(2))
    ierr = nf90_def_var(ncid, 'temperature', nf90_double, dims, varid)
    ierr = nf90_enddef(ncid)
    records = 0
    is_open = .true.
  end subroutine open_output

  subroutine output   ! one record, gathered on processor 0
    include 'mpif.h'
    include 'rod.inc'
    real(wp) :: whole(maxn)
    integer :: counts(0:1023), starts(0:1023), p, ierr
    do p = 0, npe - 1
      starts(p) = p*ntot/npe
      counts(p) = (p + 1)*ntot/npe - starts(p)
    end do
    call mpi_gatherv(t(1), nloc, MPI_REAL8, whole, counts, starts, MPI_REAL8, 0, icomm, ierr)
    if (mype /= 0) return
    records = records + 1
    ierr = nf90_put_var(ncid, varid, whole(1:ntot), start=[1, records])
  end subroutine output

  subroutine finish
    integer :: ierr
    if (is_open) ierr = nf90_close(ncid)
    is_open = .false.
  end subroutine finish
end module rodio
