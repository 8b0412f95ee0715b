!> Reading and writing NetCDF files with checked shapes. A file appears whole or not at all: it is written beside its
!! final name and renamed when it is closed. Shapes are given in Fortran order, the first index running fastest.
module netcdf_io_mod
    use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_io, status_bad_input
    use netcdf, only: nf90_open, nf90_create, nf90_close, nf90_enddef, nf90_redef, nf90_def_dim, nf90_def_var, &
        nf90_put_att, nf90_get_att, nf90_put_var, nf90_get_var, nf90_inq_varid, nf90_inq_dimid, &
        nf90_inquire_variable, nf90_inquire_dimension, nf90_strerror, nf90_noerr, nf90_nowrite, nf90_clobber, &
        nf90_netcdf4, nf90_double, nf90_global, nf90_max_var_dims, nf90_max_name
    implicit none
    private

    !> An open NetCDF file.
    type, public :: netcdf_file_type
        character(len=:), allocatable :: path       !< final name
        integer :: id = -1                          !< handle of the NetCDF library
        logical :: writing = .false.
    contains
        procedure :: open_to_read
        procedure :: create
        procedure :: close => close_file
        procedure :: has_variable
        procedure :: dimension_size
        procedure :: read => read_variable
        procedure :: read_attribute
        procedure :: write => write_variable
        procedure :: write_attribute
    end type netcdf_file_type

    interface
        integer(c_int) function c_rename(from, to) bind(c, name='rename')
            import :: c_char, c_int
            implicit none
            ! allow(C071)
            character(kind=c_char), intent(in) :: from(*)   !< present name, ending in a null
            ! allow(C071)
            character(kind=c_char), intent(in) :: to(*)     !< new name, ending in a null
        end function c_rename
    end interface

contains

    subroutine open_to_read(self, path, status)
        class(netcdf_file_type), intent(out) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        integer :: code

        if (status%failed()) return
        self%path = trim(path)
        code = nf90_open(self%path, nf90_nowrite, self%id)
        if (code /= nf90_noerr) then
            self%id = -1
            call status%set(status_bad_input, self%path//': cannot be opened: '//trim(nf90_strerror(code)))
        end if
    end subroutine open_to_read

    subroutine create(self, path, status)
        class(netcdf_file_type), intent(out) :: self
        character(len=*), intent(in) :: path        !< the name the file has once it is closed
        type(status_type), intent(inout) :: status
        integer :: code

        if (status%failed()) return
        self%path = trim(path)
        self%writing = .true.
        code = nf90_create(partial_name(self%path), ior(nf90_clobber, nf90_netcdf4), self%id)
        if (code /= nf90_noerr) then
            self%id = -1
            call status%set(status_io, self%path//': cannot be written: '//trim(nf90_strerror(code)))
            return
        end if
        call check(self, nf90_enddef(self%id), 'end of definitions', status)
    end subroutine create

    !> Close, and give a file that was written without an error its final name.
    subroutine close_file(self, status)
        class(netcdf_file_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        integer :: code

        if (self%id < 0) return
        code = nf90_close(self%id)
        self%id = -1
        if (.not. self%writing) return
        call check(self, code, 'closing', status)
        if (status%failed()) return
        code = c_rename(partial_name(self%path)//c_null_char, self%path//c_null_char)
        if (code /= 0) call status%set(status_io, self%path//': the finished file cannot be given this name')
    end subroutine close_file

    logical function has_variable(self, name)
        class(netcdf_file_type), intent(in) :: self
        character(len=*), intent(in) :: name
        integer :: variable
        has_variable = nf90_inq_varid(self%id, name, variable) == nf90_noerr
    end function has_variable

    !> Length of a dimension; zero where the file has none of this name.
    integer function dimension_size(self, name)
        class(netcdf_file_type), intent(in) :: self
        character(len=*), intent(in) :: name
        integer :: dimension_id

        dimension_size = 0
        if (nf90_inq_dimid(self%id, name, dimension_id) /= nf90_noerr) return
        if (nf90_inquire_dimension(self%id, dimension_id, len=dimension_size) /= nf90_noerr) dimension_size = 0
    end function dimension_size

    !> Read a whole variable, which must have exactly the shape expected.
    subroutine read_variable(self, name, expected, values, status)
        class(netcdf_file_type), intent(in) :: self
        character(len=*), intent(in) :: name
        integer, intent(in) :: expected(:)                      !< shape, first index fastest
        real(dp), intent(inout) :: values(product(expected))    !< any rank: taken as a sequence
        type(status_type), intent(inout) :: status
        integer :: variable, found_rank, d, code
        integer :: ids(nf90_max_var_dims), found(nf90_max_var_dims)
        character(len=nf90_max_name), allocatable :: names(:)
        logical :: same

        if (status%failed()) return
        if (nf90_inq_varid(self%id, name, variable) /= nf90_noerr) then
            call status%set(status_bad_input, self%path//': variable '//name//' is missing')
            return
        end if
        code = nf90_inquire_variable(self%id, variable, ndims=found_rank, dimids=ids)
        allocate (names(found_rank))
        do d = 1, found_rank
            if (code == nf90_noerr) code = nf90_inquire_dimension(self%id, ids(d), name=names(d), len=found(d))
        end do
        call check(self, code, name, status)
        if (status%failed()) return
        same = found_rank == size(expected)
        if (same) same = all(found(:found_rank) == expected)
        if (.not. same) then
            call status%set(status_bad_input, self%path//': '//name//' has shape '// &
                shape_text(found(:found_rank), names(:found_rank))//', expected '//shape_text(expected)// &
                '; make the file for the grid of the namelist')
            return
        end if
        call check(self, nf90_get_var(self%id, variable, values, count=expected), name, status)
    end subroutine read_variable

    !> Read a global attribute holding one number.
    subroutine read_attribute(self, name, value, status)
        class(netcdf_file_type), intent(in) :: self
        character(len=*), intent(in) :: name
        real(dp), intent(inout) :: value
        type(status_type), intent(inout) :: status
        if (status%failed()) return
        if (nf90_get_att(self%id, nf90_global, name, value) /= nf90_noerr) then
          call status%set(status_bad_input, self%path//': attribute '//name//' is missing')
        end if
    end subroutine read_attribute

    !> Define and write a whole variable; dimensions are made where they do not exist yet.
    subroutine write_variable(self, name, dimensions, shape, values, units, status)
        class(netcdf_file_type), intent(in) :: self
        character(len=*), intent(in) :: name
        character(len=*), intent(in) :: dimensions(:)       !< names, first index fastest
        integer, intent(in) :: shape(:)
        real(dp), intent(in) :: values(product(shape))      !< any rank: taken as a sequence
        character(len=*), intent(in) :: units
        type(status_type), intent(inout) :: status
        integer :: ids(size(shape)), d, code, variable

        if (status%failed()) return
        code = nf90_redef(self%id)
        do d = 1, size(shape)
            if (nf90_inq_dimid(self%id, trim(dimensions(d)), ids(d)) == nf90_noerr) cycle
            if (code == nf90_noerr) code = nf90_def_dim(self%id, trim(dimensions(d)), shape(d), ids(d))
        end do
        if (code == nf90_noerr) code = nf90_def_var(self%id, name, nf90_double, ids, variable)
        if (code == nf90_noerr) code = nf90_put_att(self%id, variable, 'units', units)
        if (code == nf90_noerr) code = nf90_enddef(self%id)
        if (code == nf90_noerr) code = nf90_put_var(self%id, variable, values, count=shape)
        call check(self, code, name, status)
    end subroutine write_variable

    !> Write a global attribute holding one number.
    subroutine write_attribute(self, name, value, status)
        class(netcdf_file_type), intent(in) :: self
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: value
        type(status_type), intent(inout) :: status
        integer :: code

        if (status%failed()) return
        code = nf90_redef(self%id)
        if (code == nf90_noerr) code = nf90_put_att(self%id, nf90_global, name, value)
        if (code == nf90_noerr) code = nf90_enddef(self%id)
        call check(self, code, name, status)
    end subroutine write_attribute

    subroutine check(self, code, what, status)
        class(netcdf_file_type), intent(in) :: self
        integer, intent(in) :: code                 !< returned by the NetCDF library
        character(len=*), intent(in) :: what        !< variable or action
        type(status_type), intent(inout) :: status
        if (code /= nf90_noerr) call status%set(status_io, self%path//': '//what//': '//trim(nf90_strerror(code)))
    end subroutine check

    pure function partial_name(path)
        character(len=*), intent(in) :: path
        character(len=:), allocatable :: partial_name
        partial_name = path//'.part'
    end function partial_name

    !> As `(lon=96, lat=48)`, or `(96, 48)` without names.
    pure function shape_text(sizes, names)
        integer, intent(in) :: sizes(:)
        character(len=*), intent(in), optional :: names(:)
        character(len=:), allocatable :: shape_text
        character(len=12) :: digits
        integer :: d

        shape_text = '('
        do d = 1, size(sizes)
            if (d > 1) shape_text = shape_text//', '
            if (present(names)) shape_text = shape_text//trim(names(d))//'='
            write (digits, '(i0)') sizes(d)
            shape_text = shape_text//trim(digits)
        end do
        shape_text = shape_text//')'
    end function shape_text
end module netcdf_io_mod
