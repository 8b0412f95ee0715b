program rod
  use rodio
  implicit none
  include 'mpif.h'
  integer :: k, ierr
  call mpi_init(ierr)
  call setup('rod.nml', MPI_COMM_WORLD)
  do k = 1, 10
    call diffus(100)
    call output
  end do
  call finish
  call mpi_finalize(ierr)
end program rod
