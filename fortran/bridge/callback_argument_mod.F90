!> Arguments of a callback: arrays of any rank where they lie, scalars and texts by value; see callback_mod.
module callback_argument_mod
    use, intrinsic :: iso_c_binding, only: c_char, c_double, c_float, c_int, c_int64_t, c_loc, c_null_ptr, c_ptr
    implicit none
    private

    integer, parameter, public :: callback_label_length = 32  !< of the name of an argument
    integer, parameter, public :: callback_text_length = 256  !< of a text passed by value
    integer, parameter :: max_rank = 15
    integer(c_int), parameter, public :: kind_real64 = 1, kind_real32 = 2, kind_int32 = 3
    integer(c_int), parameter :: kind_text = 4, kind_real = 5, kind_integer = 6, kind_logical = 7  ! passed by value
    integer(c_int64_t), parameter :: no_extents(0) = [integer(c_int64_t) ::]

    !> One argument as the handler sees it; bridge.h holds the same in C. Only what the kind needs is set.
    type, bind(c), public :: callback_array_type
        private
        type(c_ptr) :: data
        integer(c_int) :: element                !< kind_real64, ...
        integer(c_int) :: rank
        integer(c_int) :: writable
        integer(c_int) :: contiguous
        integer(c_int) :: label_length           !< 0: no name; -1: too long
        integer(c_int) :: text_length            !< -1: too long
        real(c_double) :: real
        integer(c_int64_t) :: integer
        integer(c_int64_t) :: extents(max_rank)  !< Fortran order
        integer(c_int64_t) :: strides(max_rank)  !< [byte], of a section
        character(kind=c_char) :: label(callback_label_length)
        character(kind=c_char) :: text(callback_text_length)
    end type callback_array_type

    !> Description of an array for a call with several; the actual argument needs the `target` attribute.
    interface callback_array
        module procedure array_real64, array_real32, array_int32
    end interface callback_array

    !> The same for an array that is only read; Python's view of it is read-only.
    interface callback_input
        module procedure input_real64, input_real32, input_int32
    end interface callback_input

    !> A scalar or a text for a call with several arguments, passed by value: Python's float, int, bool or str.
    interface callback_value
        module procedure value_real64, value_real32, value_int32, value_int64, value_logical, value_text
    end interface callback_value

    interface
        !> strides.c: distance in bytes of neighbours along each dimension.
        subroutine bridge_strides(array, strides) bind(c)
            import :: c_int64_t, max_rank
            implicit none
            type(*), intent(in) :: array(..)
            integer(c_int64_t), intent(inout) :: strides(max_rank)
        end subroutine bridge_strides
    end interface

    public :: arguments_fit, callback_array, callback_input, callback_value, describe, describe_section

contains

    !> Whether every text and every name has its full length.
    pure logical function arguments_fit(arguments)
        type(callback_array_type), intent(in) :: arguments(:)
        integer :: i
        arguments_fit = .false.
        do i = 1, size(arguments)
            if (arguments(i)%label_length < 0 .or. arguments(i)%text_length < 0) return
        end do
        arguments_fit = .true.
    end function arguments_fit

    type(callback_array_type) function array_real64(x, name) result(array)
        real(c_double), target, intent(inout) :: x(..)
        character(len=*), intent(in), optional :: name  !< Python's keyword
        call describe(array, c_loc(x), kind_real64, shape(x, kind=c_int64_t), name)
        if (.not. is_contiguous(x)) call describe_section(array, x)
    end function array_real64

    type(callback_array_type) function input_real64(x, name) result(array)
        real(c_double), target, intent(in) :: x(..)
        character(len=*), intent(in), optional :: name  !< Python's keyword
        call describe(array, c_loc(x), kind_real64, shape(x, kind=c_int64_t), name)
        array%writable = 0
        if (.not. is_contiguous(x)) call describe_section(array, x)
    end function input_real64

    type(callback_array_type) function array_real32(x, name) result(array)
        real(c_float), target, intent(inout) :: x(..)
        character(len=*), intent(in), optional :: name  !< Python's keyword
        call describe(array, c_loc(x), kind_real32, shape(x, kind=c_int64_t), name)
        if (.not. is_contiguous(x)) call describe_section(array, x)
    end function array_real32

    type(callback_array_type) function input_real32(x, name) result(array)
        real(c_float), target, intent(in) :: x(..)
        character(len=*), intent(in), optional :: name  !< Python's keyword
        call describe(array, c_loc(x), kind_real32, shape(x, kind=c_int64_t), name)
        array%writable = 0
        if (.not. is_contiguous(x)) call describe_section(array, x)
    end function input_real32

    type(callback_array_type) function array_int32(x, name) result(array)
        integer(c_int), target, intent(inout) :: x(..)
        character(len=*), intent(in), optional :: name  !< Python's keyword
        call describe(array, c_loc(x), kind_int32, shape(x, kind=c_int64_t), name)
        if (.not. is_contiguous(x)) call describe_section(array, x)
    end function array_int32

    type(callback_array_type) function input_int32(x, name) result(array)
        integer(c_int), target, intent(in) :: x(..)
        character(len=*), intent(in), optional :: name  !< Python's keyword
        call describe(array, c_loc(x), kind_int32, shape(x, kind=c_int64_t), name)
        array%writable = 0
        if (.not. is_contiguous(x)) call describe_section(array, x)
    end function input_int32

    type(callback_array_type) function value_real64(x, name) result(argument)
        real(c_double), intent(in) :: x
        character(len=*), intent(in), optional :: name
        call describe(argument, c_null_ptr, kind_real, no_extents, name)
        argument%real = real(x, c_double)
    end function value_real64

    type(callback_array_type) function value_real32(x, name) result(argument)
        real(c_float), intent(in) :: x
        character(len=*), intent(in), optional :: name
        call describe(argument, c_null_ptr, kind_real, no_extents, name)
        argument%real = real(x, c_double)
    end function value_real32

    type(callback_array_type) function value_int32(x, name) result(argument)
        integer(c_int), intent(in) :: x
        character(len=*), intent(in), optional :: name
        call describe(argument, c_null_ptr, kind_integer, no_extents, name)
        argument%integer = int(x, c_int64_t)
    end function value_int32

    type(callback_array_type) function value_int64(x, name) result(argument)
        integer(c_int64_t), intent(in) :: x
        character(len=*), intent(in), optional :: name
        call describe(argument, c_null_ptr, kind_integer, no_extents, name)
        argument%integer = int(x, c_int64_t)
    end function value_int64

    type(callback_array_type) function value_logical(x, name) result(argument)
        logical, intent(in) :: x
        character(len=*), intent(in), optional :: name
        call describe(argument, c_null_ptr, kind_logical, no_extents, name)
        argument%integer = merge(1, 0, x)
    end function value_logical

    !> Trailing blanks are not passed on.
    type(callback_array_type) function value_text(x, name) result(argument)
        character(len=*), intent(in) :: x
        character(len=*), intent(in), optional :: name
        call describe(argument, c_null_ptr, kind_text, no_extents, name)
        call copy_text(x, argument%text, argument%text_length)
    end function value_text

    pure subroutine describe(array, data, element, extents, name)
        type(callback_array_type), intent(out) :: array
        type(c_ptr), intent(in) :: data
        integer(c_int), intent(in) :: element         !< kind_real64, ...
        integer(c_int64_t), intent(in) :: extents(:)  !< Fortran order
        character(len=*), intent(in), optional :: name
        array%data = data
        array%element = element
        array%rank = size(extents)
        array%extents(1:size(extents)) = extents
        array%writable = 1
        array%contiguous = 1
        array%text_length = 0
        array%label_length = 0
        if (present(name)) call copy_text(name, array%label, array%label_length)
    end subroutine describe

    subroutine describe_section(array, x)
        type(callback_array_type), intent(inout) :: array
        type(*), intent(in) :: x(..)
        array%contiguous = 0
        call bridge_strides(x, array%strides)
    end subroutine describe_section

    pure subroutine copy_text(text, characters, length)
        character(len=*), intent(in) :: text
        character(kind=c_char), intent(inout) :: characters(:)
        integer(c_int), intent(out) :: length  !< -1 if it does not fit
        integer :: i
        length = -1
        if (len_trim(text) > size(characters)) return
        length = len_trim(text)
        do i = 1, length
            characters(i) = text(i:i)
        end do
    end subroutine copy_text
end module callback_argument_mod
