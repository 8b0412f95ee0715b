! Oscillators on nested levels, each with a third of the time step of the one above: x'' = -omega**2 x, by Stoermer-Verlet.
! The whole run is one call, which calls itself for the level below.
module nest
  implicit none
  integer, parameter :: levels = 3
  double precision, save :: x(2, levels), omega(levels)   ! position and velocity; frequency
  integer, save :: deepest = 0
contains

  subroutine start
    integer :: level
    deepest = 0
    do level = 1, levels
      omega(level) = 2d0**level
      x(:, level) = (/ 1d0, 0d0 /)
    end do
  end subroutine start

  recursive subroutine integrate(level, from, until, dt)
    integer, intent(in) :: level
    double precision, intent(in) :: from, until, dt
    integer :: k
    deepest = max(deepest, level)
    do k = 1, nint((until - from)/dt)
      call verlet(level, dt)
      call usrout(level, from + k*dt, x(1, level), 2)
      if (level < levels) call integrate(level + 1, from + (k - 1)*dt, from + k*dt, dt/3)
    end do
  end subroutine integrate

  subroutine verlet(level, dt)
    integer, intent(in) :: level
    double precision, intent(in) :: dt
    double precision :: half
    half = x(2, level) - 0.5d0*dt*omega(level)**2*x(1, level)
    x(1, level) = x(1, level) + dt*half
    x(2, level) = half - 0.5d0*dt*omega(level)**2*x(1, level)
    if (abs(x(1, level)) > 100) stop 'VERLET: BLOWN UP'
  end subroutine verlet
end module nest
