!> Upper library of the small model: diffusion of a field on a ring, dx/dt = nu d2x/di2, with static state as in old codes.
module dynamics_mod
    use, intrinsic :: iso_c_binding, only: c_double, c_f_pointer, c_intptr_t, c_null_ptr
    use base_mod, only: analyse, base_abort, base_init, base_send, complain
    implicit none
    private

    real(c_double), allocatable, save, public :: field(:, :)
    integer, save :: steps = 0

    public :: dynamics_compute, dynamics_fail, dynamics_init, dynamics_step

contains

    subroutine dynamics_init(fcomm, nx, ny)
        integer, intent(in) :: fcomm, nx, ny
        integer :: i, j
        call base_init(fcomm)
        if (allocated(field)) deallocate (field)
        allocate (field(nx, ny))
        do j = 1, ny
            do i = 1, nx
                field(i, j) = i + 100*j
            end do
        end do
        steps = 0
    end subroutine dynamics_init

    subroutine dynamics_step(nu, assimilate, ok)
        real(c_double), intent(in) :: nu
        logical, intent(in) :: assimilate
        logical, intent(out) :: ok
        ok = .true.
        field = field + nu*(cshift(field, 1) - 2*field + cshift(field, -1))
        steps = steps + 1
        if (assimilate) call analyse(field, ok)
    end subroutine dynamics_step

    !> Compute for about so many seconds.
    subroutine dynamics_compute(seconds)
        integer, intent(in) :: seconds
        real :: begin, now
        integer :: k
        call cpu_time(begin)
        do
            do k = 1, 1000000
                field(1, 1) = 0.5*field(1, 1) + 0.25*(field(2, 1) + field(1, 2))
            end do
            call cpu_time(now)
            if (now - begin > seconds) exit
        end do
    end subroutine dynamics_compute

    !> Ways in which old codes end a program.
    subroutine dynamics_fail(how)
        integer, intent(in) :: how
        real(c_double), allocatable :: huge_array(:), zero
        real(c_double), pointer, volatile :: nothing
        integer :: outside, unit
        select case (how)
        case (1)
            stop 'the field left the domain'
        case (2)
            error stop 'negative mass'
        case (3)
            outside = size(field, 1) + how
            field(outside, 1) = 0
        case (4)
            allocate (huge_array(huge(1)*10000_8))
            huge_array(1) = 0
        case (5)
            call exit(3)
        case (6)
            call abort()
        case (7)
            zero = field(1, 1) - field(1, 1)
            field(1, 1) = 1/zero
        case (8)
            open (newunit=unit, file='/nonexistent/file', status='old')
        case (9)
            stop 42
        case (10)
            call base_abort(4)
        case (11)
            field(1, 1) = huge(1d0)*field(1, 1)
        case (12)
            zero = field(1, 1) - field(1, 1)
            field(1, 1) = zero/zero
        case (13)
            call base_send(99)
        case (14)
            call c_f_pointer(transfer(8_c_intptr_t, c_null_ptr), nothing)
            nothing = field(1, 1)
        case default
            call complain('no such failure')
        end select
    end subroutine dynamics_fail
end module dynamics_mod
