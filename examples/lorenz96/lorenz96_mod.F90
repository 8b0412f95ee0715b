!> Lorenz's model of 1996 with two scales (E. N. Lorenz, Predictability: a problem partly solved, ECMWF 1996), k = 1..K, j = 1..J:
!!
!!     dX_k/dt    = -X_k-1 (X_k-2 - X_k+1) - X_k + F + U_k,           U_k = -(h c / b) sum_j Y_j,k
!!     dY_j,k/dt  = -c b Y_j+1,k (Y_j+2,k - Y_j-1,k) - c Y_j,k + (h c / b) X_k
!!
!! The fast variables Y, a ring of K J, are the routine that costs: U is what a coarse model has to parameterize. While they
!! are there, U and the X it belongs to are offered to whoever listens; they can be replaced by an emulator of U(X).
module lorenz96_mod
    use, intrinsic :: iso_c_binding, only: c_double
    use callback_mod, only: callback_array, callback_call, callback_input, callback_ok, callback_unknown
    implicit none
    private

    integer, parameter, public :: nslow = 8, nfast = 32            !< K, J
    real(c_double), parameter :: forcing = 20, coupling = 1        !< F, h
    real(c_double), parameter :: time_ratio = 10, amplitude_ratio = 10  !< c, b
    real(c_double), parameter :: feedback = coupling * time_ratio / amplitude_ratio

    integer, parameter, public :: resolved = 0, emulated = 1, neglected = 2  !< what gives U

    real(c_double), target, public, save :: x(nslow) = 0           !< slow variables
    real(c_double), public, save :: y(nfast * nslow) = 0           !< fast variables
    integer, public, save :: closure = resolved
    public :: initialize, step

contains

    subroutine initialize()
        integer :: i
        closure = resolved
        x = [(forcing * 0.2d0 * sin(1.7d0 * i), i=1, nslow)]
        y = [(0.1d0 * cos(2.3d0 * i), i=1, nfast * nslow)]
    end subroutine initialize

    !> One time step by the classical Runge-Kutta scheme.
    subroutine step(dt, ok)
        real(c_double), intent(in) :: dt       !< time step
        logical, intent(out) :: ok             !< false when a callback failed
        real(c_double), dimension(nslow) :: k1, k2, k3, k4
        real(c_double), dimension(nfast * nslow) :: l1, l2, l3, l4
        call tendency(x, y, k1, l1, ok)
        if (ok) call tendency(x + 0.5d0 * dt * k1, y + 0.5d0 * dt * l1, k2, l2, ok)
        if (ok) call tendency(x + 0.5d0 * dt * k2, y + 0.5d0 * dt * l2, k3, l3, ok)
        if (ok) call tendency(x + dt * k3, y + dt * l3, k4, l4, ok)
        if (.not. ok) return
        x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if (closure == resolved) y = y + dt / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
        call offer(ok)
    end subroutine step

    subroutine tendency(xs, ys, dx, dy, ok)
        real(c_double), intent(in) :: xs(nslow), ys(nfast * nslow)
        real(c_double), intent(out) :: dx(nslow), dy(nfast * nslow)
        logical, intent(out) :: ok
        real(c_double) :: u(nslow)
        dy = 0
        call subgrid(xs, ys, u, ok)
        dx = -cshift(xs, -1) * (cshift(xs, -2) - cshift(xs, 1)) - xs + forcing + u
        if (closure /= resolved) return
        dy = -time_ratio * amplitude_ratio * cshift(ys, 1) * (cshift(ys, 2) - cshift(ys, -1)) - time_ratio * ys &
            + feedback * reshape(spread(xs, 1, nfast), [nfast * nslow])
    end subroutine tendency

    !> U, from the fast variables, from the callback 'subgrid', or zero.
    subroutine subgrid(xs, ys, u, ok)
        real(c_double), target, intent(in) :: xs(nslow)
        real(c_double), intent(in) :: ys(nfast, nslow)
        real(c_double), target, intent(out) :: u(nslow)
        logical, intent(out) :: ok
        integer :: rc
        ok = .true.
        u = 0
        if (closure == resolved) u = -feedback * sum(ys, 1)
        if (closure /= emulated) return
        call callback_call('subgrid', [callback_input(xs), callback_array(u)], rc)
        ok = rc == callback_ok
    end subroutine subgrid

    !> Show (X, U) at the end of a step to the callback 'learn', if there is one.
    subroutine offer(ok)
        logical, intent(out) :: ok
        real(c_double), target :: u(nslow)
        integer :: rc
        ok = .true.
        if (closure /= resolved) return
        u = -feedback * sum(reshape(y, [nfast, nslow]), 1)
        call callback_call('learn', [callback_input(x), callback_input(u)], rc)
        ok = rc == callback_ok .or. rc == callback_unknown
    end subroutine offer
end module lorenz96_mod
