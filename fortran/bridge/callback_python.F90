!> The f2py way to call Python, for plugs that have it already: a Python function is passed to a plug as its `external`
!! argument, and code deep inside the model calls it through the pointer kept here.
!!
!!     subroutine tool_run(analysis, n, ierr)                       ! the plug; f2py makes `model.tool_run(function, n)`
!!         external :: analysis
!!         call callback_python_set(analysis)
!!         call model_run(n)                                        ! deep inside: call callback_python_call(x, rc)
!!
!! The function is C code on f2py's stack: the pointer is valid during that one plug call, and the guard nullifies it on
!! entry and exit. For anything new `callback_mod` is the better way: it needs no argument and takes any array.
module callback_python_mod
    use, intrinsic :: iso_c_binding, only: c_associated, c_double, c_f_procpointer, c_funloc, c_funptr, c_int, &
        c_null_funptr
    use callback_mod, only: callback_failed, callback_has_failed, callback_ok, callback_unknown
    implicit none
    private

    abstract interface
        !> What f2py passes.
        subroutine python_function(x, n)
            import :: c_double, c_int
            implicit none
            integer(c_int), intent(in) :: n
            real(c_double), intent(inout) :: x(n)  !< in place
        end subroutine python_function

        subroutine leave() bind(c)
            implicit none
        end subroutine leave
    end interface

    type(c_funptr) :: function = c_null_funptr
    !> Set by the bridge: returns to Python at once if the plug was called with that wish.
    type(c_funptr), bind(c, name='bridge_unwinder') :: unwinder = c_null_funptr

    public :: callback_python_call, callback_python_set

contains

    !> Keep the Python function of this plug call.
    subroutine callback_python_set(procedure)
        procedure(python_function) :: procedure  !< the plug's `external` argument
        function = c_funloc(procedure)
    end subroutine callback_python_set

    !> Let the Python function of this plug call work on x in place.
    subroutine callback_python_call(x, rc)
        real(c_double), contiguous, intent(inout) :: x(:)
        integer, intent(out) :: rc  !< callback_ok, callback_failed, or callback_unknown outside such a plug call
        procedure(python_function), pointer :: python
        procedure(leave), pointer :: leave_now
        rc = callback_unknown
        if (.not. c_associated(function)) return
        call c_f_procpointer(function, python)
        call python(x, size(x, kind=c_int))
        rc = merge(callback_failed, callback_ok, callback_has_failed())
        if (rc /= callback_ok .and. c_associated(unwinder)) then
            call c_f_procpointer(unwinder, leave_now)
            call leave_now()
        end if
    end subroutine callback_python_call

    !> For the guard: set the pointer and return the former one.
    type(c_funptr) function swap(new) result(old) bind(c, name='bridge_external_swap')
        type(c_funptr), value :: new
        old = function
        function = new
    end function swap
end module callback_python_mod
