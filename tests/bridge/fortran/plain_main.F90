!> callback_mod in a program without Python: nothing is registered, then a Fortran handler is.
module plain_handler_mod
    use, intrinsic :: iso_c_binding, only: c_int
    use callback_mod, only: callback_array_type
    implicit none
    private
    integer, public :: calls = 0
    public :: handler
contains
    integer(c_int) function handler(id, count, arrays) bind(c)
        integer(c_int), value :: id, count
        type(callback_array_type), intent(in) :: arrays(count)
        calls = calls + count*size(arrays)*id
        handler = 0
    end function handler
end module plain_handler_mod

program plain_main
    use, intrinsic :: iso_c_binding, only: c_double, c_funloc, c_null_funptr
    use callback_mod, only: callback_call, callback_register
    use plain_handler_mod, only: calls, handler
    implicit none
    real(c_double) :: x(3, 4)
    integer :: rc, id
    x = 1
    call callback_call('analysis', x, rc)
    print '(a, i0)', 'unknown ', rc
    id = callback_register('analysis', c_funloc(handler))
    call callback_call('analysis', x, rc)
    print '(a, i0, 1x, i0, 1x, i0)', 'handled ', id, rc, calls
    call callback_call('analysis', x(1:2, :), rc)
    print '(a, i0, 1x, i0)', 'section ', rc, calls
    id = callback_register('analysis', c_null_funptr)
    call callback_call('analysis', x, rc)
    print '(a, i0, 1x, i0)', 'withdrawn ', id, rc
end program plain_main
