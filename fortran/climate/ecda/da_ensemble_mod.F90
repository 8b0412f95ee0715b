!> Reading stationary anomalies: rank 0 reads one level of one member at a time and deals it out, so that no rank ever
!! holds more than its own columns and one global surface field.
module da_ensemble_mod
    use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input, status_io
    use netcdf_io_mod, only: netcdf_file_type
    use da_component_mod, only: component_type
    use netcdf, only: nf90_inq_varid, nf90_inquire_variable, nf90_inquire_dimension, nf90_get_var, nf90_strerror, &
        nf90_noerr, nf90_max_var_dims
    implicit none
    private

    public :: ensemble_read, ensemble_members

    real(dp), parameter :: largest = 1.0e10_dp     ! beyond any anomaly, below any customary fill value

contains

    !> Collective. Number of members of the file, at least two.
    subroutine ensemble_members(path, component, members, status)
        character(len=*), intent(in) :: path
        type(component_type), intent(in) :: component
        integer, intent(out) :: members
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        real(dp) :: message(1)

        members = 0
        if (component%layout%comm%is_root()) then
            call file%open_to_read(path, status)
            if (.not. status%failed()) then
                members = file%dimension_size('member')
                if (members < 2) call status%set(status_bad_input, trim(path)//': dimension member has length '// &
                    number(members)//', expected 2 or more')
                call file%close(status)
            end if
        end if
        call component%layout%comm%agree(status)
        message = real(members, dp)
        call component%layout%comm%bcast(message)
        members = nint(message(1))
    end subroutine ensemble_members

    !> Collective. Anomalies of one field: less the mean over the members, times the inflation. Below `levels` of a
    !! column, where it is ground, they are zero whatever the file holds.
    subroutine ensemble_read(path, component, f, levels, inflation, status)
        character(len=*), intent(in) :: path
        type(component_type), intent(inout) :: component
        integer, intent(in) :: f                   !< which of the component's fields
        integer, intent(in) :: levels(:)           !< (column) number of levels that are not ground
        real(dp), intent(in) :: inflation          !< factor on the anomalies [1]
        type(status_type), intent(inout) :: status
        real(dp) :: whole(component%layout%n_global), part(component%layout%n_here)
        type(netcdf_file_type) :: file
        integer :: variable, nlev, n, k

        nlev = size(component%fields(f)%level)
        if (component%layout%comm%is_root()) then
            call file%open_to_read(path, status)
            call find_variable(file, component, f, variable, status)
        end if
        call component%layout%comm%agree(status)
        if (status%failed()) return
        allocate (component%fields(f)%anomaly(component%members, nlev, size(component%local)), &
            component%fields(f)%increment(nlev, size(component%local)), source=0.0_dp)
        do n = 1, component%members
            do k = 1, nlev
                if (component%layout%comm%is_root()) call read_slab(file, variable, component, f, n, k, whole, status)
                call component%layout%scatter(whole, part)
                component%fields(f)%anomaly(n, k, :) = merge(part(component%local), 0.0_dp, levels >= k)
            end do
        end do
        call file%close(status)
        call check_values(path, component, f, status)
        call component%layout%comm%agree(status)
        if (.not. status%failed()) call centre(component%fields(f)%anomaly, inflation)
    end subroutine ensemble_read

    !> The variable, if it has the shape (lon, lat[, level], member).
    subroutine find_variable(file, component, f, variable, status)
        type(netcdf_file_type), intent(in) :: file
        type(component_type), intent(in) :: component
        integer, intent(in) :: f
        integer, intent(out) :: variable
        type(status_type), intent(inout) :: status
        integer, allocatable :: expected(:)
        integer :: ids(nf90_max_var_dims), found(nf90_max_var_dims), rank, d, code

        variable = -1
        if (status%failed()) return
        associate (field => component%fields(f))
            expected = [size(component%lon), size(component%lat), size(field%level), component%members]
            if (field%surface) expected = [expected(1:2), component%members]
            if (nf90_inq_varid(file%id, trim(field%name), variable) /= nf90_noerr) then
                call status%set(status_bad_input, file%path//': variable '//trim(field%name)//' is missing, '// &
                    'expected anomalies of shape '//shape_text(expected))
                return
            end if
            code = nf90_inquire_variable(file%id, variable, ndims=rank, dimids=ids)
            do d = 1, rank
                if (code == nf90_noerr) code = nf90_inquire_dimension(file%id, ids(d), len=found(d))
            end do
            if (code /= nf90_noerr) then
                call status%set(status_io, file%path//': '//trim(field%name)//': '//trim(nf90_strerror(code)))
                return
            end if
            if (rank == size(expected)) then
                if (all(found(:rank) == expected)) return
            end if
            call status%set(status_bad_input, file%path//': '//trim(field%name)//' has shape '// &
                shape_text(found(:rank))//', expected '//shape_text(expected)//'; make the ensemble for this grid')
        end associate
    end subroutine find_variable

    !> One level of one member. After an error the caller goes on, for the other ranks wait for their parts.
    subroutine read_slab(file, variable, component, f, member, level, whole, status)
        type(netcdf_file_type), intent(in) :: file
        integer, intent(in) :: variable
        type(component_type), intent(in) :: component
        integer, intent(in) :: f, member, level
        real(dp), intent(out) :: whole(:)
        type(status_type), intent(inout) :: status
        integer :: nlon, nlat, code
        real(dp) :: slab(size(component%lon), size(component%lat))

        nlon = size(component%lon)
        nlat = size(component%lat)
        if (component%fields(f)%surface) then
            code = nf90_get_var(file%id, variable, slab, start=[1, 1, member], count=[nlon, nlat, 1])
        else
            code = nf90_get_var(file%id, variable, slab, start=[1, 1, level, member], count=[nlon, nlat, 1, 1])
        end if
        whole = reshape(slab, [nlon*nlat])
        if (code /= nf90_noerr) call status%set(status_io, file%path//': '//trim(component%fields(f)%name)//': '// &
            trim(nf90_strerror(code)))
    end subroutine read_slab

    !> Every number above ground has to be one.
    subroutine check_values(path, component, f, status)
        character(len=*), intent(in) :: path
        type(component_type), intent(in) :: component
        integer, intent(in) :: f
        type(status_type), intent(inout) :: status
        integer :: n, k, c

        associate (field => component%fields(f))
            do c = 1, size(component%local)
                do k = 1, size(field%level)
                    do n = 1, component%members
                        if (ieee_is_finite(field%anomaly(n, k, c)) .and. abs(field%anomaly(n, k, c)) < largest) cycle
                        call status%set(status_bad_input, trim(path)//': '//trim(field%name)// &
                            ' is missing or not a number at member '//number(n)//', level '//number(k)//', cell '// &
                            number(component%column(c)%cell)//' of the grid; expected an anomaly there')
                        return
                    end do
                end do
            end do
        end associate
    end subroutine check_values

    !> Anomalies about their own mean, times a factor.
    pure subroutine centre(anomaly, factor)
        real(dp), intent(inout) :: anomaly(:, :, :)        !< (member, level, column)
        real(dp), intent(in) :: factor
        integer :: k, c

        do c = 1, size(anomaly, 3)
            do k = 1, size(anomaly, 2)
                anomaly(:, k, c) = factor*(anomaly(:, k, c) - sum(anomaly(:, k, c))/real(size(anomaly, 1), dp))
            end do
        end do
    end subroutine centre

    !> Sizes in the order a NetCDF listing shows them.
    pure function shape_text(sizes)
        integer, intent(in) :: sizes(:)                    !< first index fastest
        character(len=:), allocatable :: shape_text
        integer :: d

        shape_text = '('//number(sizes(size(sizes)))
        do d = size(sizes) - 1, 1, -1
            shape_text = shape_text//', '//number(sizes(d))
        end do
        shape_text = shape_text//')'
    end function shape_text

    pure function number(n)
        integer, intent(in) :: n
        character(len=:), allocatable :: number
        character(len=12) :: digits
        write (digits, '(i0)') n
        number = trim(digits)
    end function number
end module da_ensemble_mod
