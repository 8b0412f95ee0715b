!> The same loop over a C function pointer, for callbacks made by ctypes and cffi.
subroutine repeat_pointer(handler, x, n, count) bind(c)
    use, intrinsic :: iso_c_binding, only: c_double, c_f_procpointer, c_funptr, c_int
    implicit none
    type(c_funptr), value :: handler
    integer(c_int), value :: n, count
    real(c_double), intent(inout) :: x(n)
    abstract interface
        subroutine function_of_array(x, n) bind(c)
            import :: c_double, c_int
            implicit none
            integer(c_int), value :: n
            real(c_double), intent(inout) :: x(n)
        end subroutine function_of_array
    end interface
    procedure(function_of_array), pointer :: f
    integer :: k
    call c_f_procpointer(handler, f)
    do k = 1, count
        call f(x, n)
    end do
end subroutine repeat_pointer
