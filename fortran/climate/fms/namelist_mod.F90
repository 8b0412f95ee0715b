!> Help for reading namelists strictly: a group may be absent (its defaults stand), but a group or a key that nobody
!! knows is an error, and so is a group that appears twice.
!!
!! A module reads its own group `x_nml` as
!!     call namelist_open(path, 'x_nml', unit, found, status)
!!     if (found) read (unit, nml=x_nml, iostat=code, iomsg=message)
!!     if (found) call namelist_close(unit, path, 'x_nml', code, message, status)
module namelist_mod
    use status_mod, only: status_type, status_bad_input
    implicit none
    private
    public :: namelist_open, namelist_close, namelist_check_groups

    integer, parameter :: line_length = 1024

contains

    !> Open the file if it holds the group; found is false when it does not, or when the file cannot be read.
    subroutine namelist_open(path, group, unit, found, status)
        character(len=*), intent(in) :: path
        character(len=*), intent(in) :: group       !< lower case, without the ampersand
        integer, intent(out) :: unit
        logical, intent(out) :: found
        type(status_type), intent(inout) :: status
        character(len=line_length) :: line
        integer :: code

        found = .false.
        unit = -1
        if (status%failed()) return
        open (newunit=unit, file=trim(path), status='old', action='read', iostat=code)
        if (code /= 0) then
            call status%set(status_bad_input, trim(path)//': the namelist file cannot be read')
            return
        end if
        do
            read (unit, '(a)', iostat=code) line
            if (code /= 0) exit
            found = group_of(line) == group
            if (found) exit
        end do
        if (found) then
            rewind (unit)
        else
            close (unit)
        end if
    end subroutine namelist_open

    !> Close the file and turn the outcome of the read into an error that names the file, the group and the cause.
    subroutine namelist_close(unit, path, group, code, message, status)
        integer, intent(in) :: unit
        character(len=*), intent(in) :: path
        character(len=*), intent(in) :: group
        integer, intent(in) :: code                 !< iostat of the read
        character(len=*), intent(in) :: message     !< iomsg of the read, looked at when code is not zero
        type(status_type), intent(inout) :: status
        close (unit)
        if (code < 0) then
            call status%set(status_bad_input, trim(path)//': &'//group//' does not end with a slash')
        else if (code > 0) then
            call status%set(status_bad_input, trim(path)//': &'//group//': '//trim(message))
        end if
    end subroutine namelist_close

    !> Refuse a group that no module reads, and one that appears twice (only the first would be read).
    subroutine namelist_check_groups(path, known, status)
        character(len=*), intent(in) :: path
        character(len=*), intent(in) :: known(:)    !< lower case, without the ampersand
        type(status_type), intent(inout) :: status
        character(len=line_length) :: line
        character(len=:), allocatable :: group, choices
        integer :: unit, code, seen(size(known)), k

        if (status%failed()) return
        open (newunit=unit, file=trim(path), status='old', action='read', iostat=code)
        if (code /= 0) then
            call status%set(status_bad_input, trim(path)//': the namelist file cannot be read')
            return
        end if
        seen = 0
        choices = ''
        do k = 1, size(known)
            choices = choices//' '//trim(known(k))
        end do
        do
            read (unit, '(a)', iostat=code) line
            if (code /= 0) exit
            group = group_of(line)
            if (group == '' .or. group == 'end') cycle
            k = findloc(known == group, .true., dim=1)
            if (k == 0) then
                call status%set(status_bad_input, trim(path)//': unknown group &'//group//'; known:'//choices)
                exit
            end if
            seen(k) = seen(k) + 1
            if (seen(k) > 1) call status%set(status_bad_input, trim(path)//': group &'//group//' appears twice')
        end do
        close (unit)
    end subroutine namelist_check_groups

    !> The lower-case name of the group that a line opens; empty for any other line.
    pure function group_of(line)
        character(len=*), intent(in) :: line
        character(len=:), allocatable :: group_of
        character(len=len(line)) :: text
        integer :: i, last

        group_of = ''
        text = adjustl(line)
        if (text(1:1) /= '&') return
        last = scan(text(2:), ' ,/'//achar(9)//achar(13))
        if (last == 0) last = len(text)
        group_of = text(2:last)
        do i = 1, len(group_of)
            if (group_of(i:i) >= 'A' .and. group_of(i:i) <= 'Z') group_of(i:i) = achar(iachar(group_of(i:i)) + 32)
        end do
    end function group_of
end module namelist_mod
