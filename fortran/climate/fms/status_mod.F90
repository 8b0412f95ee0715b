!> Errors as values: every public routine that can fail takes a status and returns early on failure.
module status_mod
    implicit none
    private

    integer, parameter, public :: status_ok = 0
    integer, parameter, public :: status_bad_input = 1   !< a namelist, file or argument the caller can mend
    integer, parameter, public :: status_io = 2          !< reading or writing failed
    integer, parameter, public :: status_unstable = 3    !< a NaN or a value beyond physics was born in the model
    integer, parameter, public :: status_internal = 4    !< the model contradicts itself
    integer, parameter, public :: message_length = 512

    !> Outcome of a call: code 0 and an empty message while all is well.
    type, public :: status_type
        integer :: code = status_ok
        character(len=message_length) :: message = ''
    contains
        procedure :: failed
        procedure :: set
        procedure :: clear
    end type status_type

contains

    logical pure function failed(self)
        class(status_type), intent(in) :: self
        failed = self%code /= status_ok
    end function failed

    !> Record an error; the first one stays, since the later ones are usually its consequences.
    pure subroutine set(self, code, message)
        class(status_type), intent(inout) :: self
        integer, intent(in) :: code
        character(len=*), intent(in) :: message
        if (self%failed()) return
        self%code = code
        self%message = message
    end subroutine set

    pure subroutine clear(self)
        class(status_type), intent(inout) :: self
        self%code = status_ok
        self%message = ''
    end subroutine clear
end module status_mod
