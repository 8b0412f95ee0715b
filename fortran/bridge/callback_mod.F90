!> Calls from Fortran to procedures registered by name while the program runs, without knowing what is behind them.
!! The module depends on nothing but ISO_C_BINDING and strides.c, so that it can lie in a model's lowest library and any
!! module of the model may say `use callback_mod`. Under Python the handler is the trampoline of the bridge; in a
!! Fortran program the table is empty and every call returns `callback_unknown`.
!!
!!     call callback_call('analysis', field, rc)                          ! by name, any rank, in place
!!     id = callback_find('analysis')                                     ! by number: no search
!!     call callback_call(id, [callback_array(u), callback_input(n)], rc)
!!     call callback_call('rain', [callback_array(q(:, 1, :), 'q'), callback_value(dt, 'dt'), &
!!         callback_value('convective', 'stage')], rc)
!!
!! Arrays of rank 0 to 15, sections included, are passed where they lie. An argument with a name becomes a keyword.
!!
!! A return code other than `callback_ok` asks the caller to return to its own caller with an error, as after any other
!! failure; after the first failure further calls are refused until the main program has dealt with it.
module callback_mod
    use, intrinsic :: iso_c_binding, only: c_associated, c_char, c_double, c_f_procpointer, c_float, c_funptr, c_int, &
        c_int64_t, c_loc, c_null_funptr
    use callback_argument_mod, only: arguments_fit, callback_array, callback_array_type, callback_input, &
        callback_label_length, callback_text_length, callback_value, describe, describe_section, kind_int32, &
        kind_real32, kind_real64
    implicit none
    private

    integer, parameter, public :: callback_ok = 0
    integer, parameter, public :: callback_failed = 1          !< it raised an error, now or before
    integer, parameter, public :: callback_unknown = 2         !< nothing is registered under this name or number
    integer, parameter, public :: callback_too_long = 3        !< a text or a name does not fit
    integer, parameter, public :: callback_wrong_thread = 4    !< Python listens to the thread that it called alone
    integer, parameter, public :: callback_name_length = 64

    integer, parameter :: max_callbacks = 64

    type :: entry_type
        character(len=callback_name_length) :: name = ''
        type(c_funptr) :: handler = c_null_funptr
    end type entry_type

    abstract interface
        !> What stands behind a name: works on the arrays in place, returns 0 or an error code.
        integer(c_int) function callback_handler(id, count, arrays) bind(c)
            import :: c_int, callback_array_type
            implicit none
            integer(c_int), value :: id, count
            type(callback_array_type), intent(in) :: arrays(count)
        end function callback_handler
    end interface

    !> Call what is registered, by number or by name, with one array or with several.
    interface callback_call
        module procedure call_id_real64, call_id_real32, call_id_int32, call_id_arrays
        module procedure call_name_real64, call_name_real32, call_name_int32, call_name_arrays
    end interface callback_call

    type(entry_type) :: table(max_callbacks)
    integer :: entries = 0
    !> Set by the bridge while the exception of a callback waits for Fortran to return.
    integer(c_int), bind(c, name='bridge_callback_pending') :: pending = 0

    public :: callback_array, callback_array_type, callback_call, callback_find, callback_handler, &
        callback_has_failed, callback_input, callback_label_length, callback_register, callback_text_length, &
        callback_value

contains

    !> Number of a name, for calls without a search; 0 when nothing was ever registered under it.
    integer pure function callback_find(name) result(id)
        character(len=*), intent(in) :: name
        do id = entries, 1, -1
            if (table(id)%name == name) return
        end do
        id = 0
    end function callback_find

    !> Whether a callback has failed since Python called; for code that has lost the return code.
    logical function callback_has_failed()
        callback_has_failed = pending /= 0
    end function callback_has_failed

    !> Register a handler or replace the one of this name; `c_null_funptr` withdraws it. The number stays the same.
    integer function callback_register(name, handler) result(id)
        character(len=*), intent(in) :: name
        type(c_funptr), intent(in) :: handler  !< c_funloc of a `callback_handler`
        id = callback_find(name)
        if (id == 0) then
            if (entries == max_callbacks .or. len_trim(name) > callback_name_length) return
            entries = entries + 1
            id = entries
            table(id)%name = name
        end if
        table(id)%handler = handler
    end function callback_register

    !> `callback_register` for C: returns 0 when the table is full or the name too long.
    integer(c_int) function register_from_c(name, length, handler) result(id) bind(c, name='bridge_callback_register')
        integer(c_int), value :: length                       !< characters of the name
        character(kind=c_char), intent(in) :: name(length)
        type(c_funptr), value :: handler
        character(len=length) :: text
        integer :: i
        do i = 1, length
            text(i:i) = name(i)
        end do
        id = callback_register(text, handler)
    end function register_from_c

    subroutine call_id_arrays(id, arrays, rc)
        integer, intent(in) :: id                            !< from callback_find
        type(callback_array_type), intent(in) :: arrays(:)   !< from callback_array
        integer, intent(out) :: rc                           !< callback_ok, ...
        procedure(callback_handler), pointer :: handler
        rc = callback_unknown
        if (id < 1 .or. id > entries) return
        if (.not. c_associated(table(id)%handler)) return
        rc = callback_too_long
        if (.not. arguments_fit(arrays)) return
        call c_f_procpointer(table(id)%handler, handler)
        rc = handler(int(id, c_int), size(arrays, kind=c_int), arrays)
    end subroutine call_id_arrays

    subroutine call_name_arrays(name, arrays, rc)
        character(len=*), intent(in) :: name
        type(callback_array_type), intent(in) :: arrays(:)
        integer, intent(out) :: rc
        call call_id_arrays(callback_find(name), arrays, rc)
    end subroutine call_name_arrays

    subroutine call_id_real64(id, x, rc)
        integer, intent(in) :: id
        real(c_double), target, intent(inout) :: x(..)
        integer, intent(out) :: rc
        type(callback_array_type) :: arrays(1)
        call describe(arrays(1), c_loc(x), kind_real64, shape(x, kind=c_int64_t))
        if (.not. is_contiguous(x)) call describe_section(arrays(1), x)
        call call_id_arrays(id, arrays, rc)
    end subroutine call_id_real64

    subroutine call_id_real32(id, x, rc)
        integer, intent(in) :: id
        real(c_float), target, intent(inout) :: x(..)
        integer, intent(out) :: rc
        type(callback_array_type) :: arrays(1)
        call describe(arrays(1), c_loc(x), kind_real32, shape(x, kind=c_int64_t))
        if (.not. is_contiguous(x)) call describe_section(arrays(1), x)
        call call_id_arrays(id, arrays, rc)
    end subroutine call_id_real32

    subroutine call_id_int32(id, x, rc)
        integer, intent(in) :: id
        integer(c_int), target, intent(inout) :: x(..)
        integer, intent(out) :: rc
        type(callback_array_type) :: arrays(1)
        call describe(arrays(1), c_loc(x), kind_int32, shape(x, kind=c_int64_t))
        if (.not. is_contiguous(x)) call describe_section(arrays(1), x)
        call call_id_arrays(id, arrays, rc)
    end subroutine call_id_int32

    subroutine call_name_real64(name, x, rc)
        character(len=*), intent(in) :: name
        real(c_double), target, intent(inout) :: x(..)
        integer, intent(out) :: rc
        call call_id_real64(callback_find(name), x, rc)
    end subroutine call_name_real64

    subroutine call_name_real32(name, x, rc)
        character(len=*), intent(in) :: name
        real(c_float), target, intent(inout) :: x(..)
        integer, intent(out) :: rc
        call call_id_real32(callback_find(name), x, rc)
    end subroutine call_name_real32

    subroutine call_name_int32(name, x, rc)
        character(len=*), intent(in) :: name
        integer(c_int), target, intent(inout) :: x(..)
        integer, intent(out) :: rc
        call call_id_int32(callback_find(name), x, rc)
    end subroutine call_name_int32
end module callback_mod
