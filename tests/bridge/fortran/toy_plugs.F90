!> What Python sees of the small model.
module toy_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use callback_mod, only: callback_array, callback_call, callback_find, callback_input, callback_ok, &
        callback_wrong_thread
    use base_mod, only: complain, global_sum, last_message, my_rank
    use dynamics_mod, only: dynamics_fail, dynamics_init, dynamics_step, field
    implicit none
    private
    public :: tool_init, tool_step, tool_get_total, tool_get_field, tool_get_message, tool_fail, tool_fail_on, tool_call, &
        tool_call_threads, tool_call_several, tool_argument, tool_final

contains

    subroutine tool_init(fcomm, nx, ny, ierr)
        integer(c_int), intent(in) :: fcomm, nx, ny
        integer(c_int), intent(out) :: ierr
        ierr = 0
        if (nx < 1 .or. ny < 1) then
            ierr = 2
            call complain('nx and ny must be positive')
            return
        end if
        call dynamics_init(fcomm, nx, ny)
    end subroutine tool_init

    subroutine tool_step(nu, assimilate, ierr)
        real(c_double), intent(in) :: nu
        integer(c_int), intent(in) :: assimilate
        integer(c_int), intent(out) :: ierr
        logical :: ok
        call dynamics_step(nu, assimilate == 1, ok)
        ierr = merge(0, 1, ok)
    end subroutine tool_step

    subroutine tool_get_total(total, ierr)
        real(c_double), intent(out) :: total
        integer(c_int), intent(out) :: ierr
        total = global_sum(field)
        ierr = 0
    end subroutine tool_get_total

    subroutine tool_get_field(x, nx, ny, ierr)
        integer(c_int), intent(in) :: nx, ny
        real(c_double), intent(out) :: x(nx, ny)
        integer(c_int), intent(out) :: ierr
        x = field
        ierr = 0
    end subroutine tool_get_field

    subroutine tool_get_message(message, ierr)
        character(len=200), intent(out) :: message
        integer(c_int), intent(out) :: ierr
        message = last_message()
        ierr = 0
    end subroutine tool_get_message

    subroutine tool_fail(how, ierr)
        integer(c_int), intent(in) :: how
        integer(c_int), intent(out) :: ierr
        call dynamics_fail(how)
        ierr = 5
    end subroutine tool_fail

    subroutine tool_fail_on(rank, ierr)
        integer(c_int), intent(in) :: rank
        integer(c_int), intent(out) :: ierr
        ierr = 0
        if (my_rank() /= rank) return
        ierr = 7
        call complain('the column of this rank collapsed')
    end subroutine tool_fail_on

    !> `count` callbacks named 'analysis' on an array of n elements, for what one costs.
    subroutine tool_call(x, n, count, failures, ierr)
        integer(c_int), intent(in) :: n, count
        real(c_double), intent(inout) :: x(n)
        integer(c_int), intent(out) :: failures, ierr
        integer :: id, k, rc
        id = callback_find('analysis')
        failures = 0
        do k = 1, count
            call callback_call(id, x, rc)
            if (rc /= 0) failures = failures + 1
        end do
        ierr = 0
    end subroutine tool_call

    !> A callback from each of two threads: how many were told that theirs is the wrong one, and how many succeeded.
    subroutine tool_call_threads(wrong, good, ierr)
        integer(c_int), intent(out) :: wrong, good, ierr
        real(c_double) :: x(4)
        integer :: rc
        wrong = 0
        good = 0
        !$omp parallel num_threads(2) private(x, rc) reduction(+:wrong, good)
        x = 0
        call callback_call('analysis', x, rc)
        if (rc == callback_wrong_thread) wrong = wrong + 1
        if (rc == callback_ok) good = good + 1
        !$omp end parallel
        ierr = 0
    end subroutine tool_call_threads

    !> One callback with arrays of different rank and type.
    subroutine tool_call_several(ierr)
        integer(c_int), intent(out) :: ierr
        real(c_double), target :: wind(2, 3, 4)
        real, target :: rain(5)
        integer(c_int), target :: date(3)
        integer :: rc
        wind = 1
        rain = 2
        date = [2000, 1, 31]
        call callback_call('several', [callback_array(wind), callback_array(rain), callback_input(date)], rc)
        ierr = rc
        if (rc /= 0) return
        if (wind(2, 3, 4) /= 11 .or. rain(5) /= 22) ierr = 9
        call callback_call('several', [callback_array(wind(1:1, :, :))], rc)
        if (rc /= 0 .or. any(wind(1, :, :) /= -1) .or. any(wind(2, :, :) /= 11)) ierr = 10  ! a section, where it lies
        call callback_call('nobody', rain, rc)
        if (rc /= 2) ierr = 11
    end subroutine tool_call_several

    !> The model's name as a Fortran program sees it, and the last word of its command line.
    subroutine tool_argument(words, last, ierr)
        integer(c_int), intent(out) :: words
        character(len=40), intent(out) :: last
        integer(c_int), intent(out) :: ierr
        words = command_argument_count()
        call get_command_argument(words, last)
        ierr = 0
    end subroutine tool_argument

    subroutine tool_final(ierr)
        integer(c_int), intent(out) :: ierr
        if (allocated(field)) deallocate (field)
        ierr = 0
    end subroutine tool_final
end module toy_plugs
