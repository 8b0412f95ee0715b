!> What Python sees of the small model.
module toy_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use callback_mod, only: callback_array, callback_call, callback_find, callback_input, callback_ok, &
        callback_text_length, callback_value, callback_wrong_thread
    use callback_python_mod, only: callback_python_call, callback_python_set
    use base_mod, only: complain, global_sum, last_message, my_rank
    use dynamics_mod, only: dynamics_compute, dynamics_fail, dynamics_init, dynamics_step, field
    implicit none
    private
    public :: tool_init, tool_step, tool_get_total, tool_get_field, tool_get_message, tool_fail, tool_fail_on, tool_call, &
        tool_call_threads, tool_call_several, tool_call_ranks, tool_call_labels, tool_call_external, tool_get_external, &
        tool_compute, tool_wait, tool_stop_on_thread, tool_argument, tool_final

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

    !> Arrays of rank 0 to 4 and of every kind, each of a number of its own; the callback doubles them.
    subroutine tool_call_ranks(ierr)
        integer(c_int), intent(out) :: ierr
        real(c_double), target :: x0, x1(2), x2(2, 3), x3(2, 3, 2), x4(2, 1, 2, 3)
        real, target :: y0, y4(2, 1, 2, 3)
        integer(c_int), target :: n0, n4(2, 1, 2, 3)
        x0 = 10; x1 = 11; x2 = 12; x3 = 13; x4 = 14; y0 = 20; y4 = 24; n0 = 30; n4 = 34
        call callback_call('ranks', [callback_array(x0), callback_array(x1), callback_array(x2), callback_array(x3), &
            callback_array(x4), callback_array(y0), callback_array(y4), callback_array(n0), callback_array(n4)], ierr)
        if (ierr /= 0) return
        if (x0 /= 20 .or. any(x1 /= 22) .or. any(x2 /= 24) .or. any(x3 /= 26) .or. any(x4 /= 28)) ierr = 9
        if (y0 /= 40 .or. any(y4 /= 48) .or. n0 /= 60 .or. any(n4 /= 68)) ierr = 10
        call callback_call('scalar', n0, ierr)
        if (n0 /= 61) ierr = 11
        call callback_call('section', x3(2:1:-1, 1:3:2, 2), ierr)
        if (any(x3(:, :, 1) /= 26) .or. any(x3(:, 2, 2) /= 26) .or. x3(2, 1, 2) /= 1 .or. x3(1, 3, 2) /= 4) ierr = 12
    end subroutine tool_call_ranks

    !> Names, scalars and texts; `how` 1: a name before an argument without one, 2: a text that is too long.
    subroutine tool_call_labels(how, rc, ierr)
        integer(c_int), intent(in) :: how
        integer(c_int), intent(out) :: rc, ierr
        ierr = 0
        if (how == 1) then
            call callback_call('labels', [callback_array(field, 'x'), callback_value(1)], rc)
        else if (how == 2) then
            call callback_call('labels', [callback_value(repeat('x', callback_text_length + 1))], rc)
        else
            call callback_call('labels', [callback_value('rain  '), callback_array(field, 'x'), callback_value(3, 'n'), &
                callback_value(0.5d0, 'dt'), callback_value(.true., 'wet'), callback_value(2_8**40, 'seconds')], rc)
        end if
    end subroutine tool_call_labels

    !> The f2py way: the function is an argument of the plug, called `count` times from deeper down.
    subroutine tool_call_external(analysis, count, failures, ierr)
        external :: analysis
        integer(c_int), intent(in) :: count
        integer(c_int), intent(out) :: failures, ierr
        real(c_double) :: x(3)
        integer(c_int) :: k, rc
        !f2py integer(c_int) :: length
        !f2py real(c_double), dimension(length) :: values
        !f2py call analysis(values, length)
        call callback_python_set(analysis)
        failures = 0
        do k = 1, count
            x = k
            call callback_python_call(x, rc)
            if (rc /= 0) failures = failures + 1
        end do
        ierr = 0
        if (failures == 0 .and. any(x /= 2*count)) ierr = 9
    end subroutine tool_call_external

    !> What the pointer of the f2py way leads to outside such a plug call: 2, callback_unknown.
    subroutine tool_get_external(rc, ierr)
        integer(c_int), intent(out) :: rc, ierr
        real(c_double) :: x(1)
        x = 0
        call callback_python_call(x, rc)
        ierr = 0
    end subroutine tool_get_external

    !> A long step: computes for about so many seconds, in the model's own code.
    subroutine tool_compute(seconds, ierr)
        integer(c_int), intent(in) :: seconds
        integer(c_int), intent(out) :: ierr
        call dynamics_compute(seconds)
        ierr = 0
    end subroutine tool_compute

    !> A wait inside a library that never ends: a lock that this thread holds already.
    subroutine tool_wait(ierr)
        integer(c_int), intent(out) :: ierr
        interface
            integer(c_int) function pthread_mutex_lock(mutex) bind(c)
                import :: c_int
                integer(c_int), intent(inout) :: mutex(*)
            end function pthread_mutex_lock
        end interface
        integer(c_int) :: mutex(32)
        mutex = 0
        ierr = pthread_mutex_lock(mutex)
        ierr = pthread_mutex_lock(mutex)
    end subroutine tool_wait

    !> STOP on a thread that Python did not call.
    subroutine tool_stop_on_thread(ierr)
        use omp_lib, only: omp_get_thread_num
        integer(c_int), intent(out) :: ierr
        !$omp parallel num_threads(2)
        if (omp_get_thread_num() == 1) stop 'on the second thread'
        !$omp end parallel
        ierr = 0
    end subroutine tool_stop_on_thread

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
