!> Reading ensembles of anomalies: rank 0 reads one level of one member at a time and deals it out, so that no rank ever
!! holds more than its own columns and one global surface field. Levels that no observation reaches are not read.
!!
!! Ensembles e = 1..E of N_e members A_e with weights w_e become one of N = sum N_e members whose covariance is
!!
!!     P = sum_e w_e A_e A_e^T/(N_e - 1) = A A^T/(N - 1),   A = [sqrt(w_e (N - 1)/(N_e - 1)) A_e],
!!
!! or remain E groups, for as many filters whose increments are weighted with w_e and added.
module da_ensemble_mod
    use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input, status_io
    use netcdf_io_mod, only: netcdf_file_type
    use da_component_mod, only: component_type, group_type
    use netcdf, only: nf90_inq_varid, nf90_inquire_variable, nf90_inquire_dimension, nf90_get_var, nf90_strerror, &
        nf90_noerr, nf90_max_var_dims
    implicit none
    private

    public :: ensembles_read

    real(dp), parameter :: largest = 1.0e10_dp     ! beyond any anomaly, below any customary fill value

contains

    !> Collective. Read the anomalies of all fields; a file of weight zero is not looked at.
    subroutine ensembles_read(component, paths, weights, separate, inflation, levels, status)
        type(component_type), intent(inout) :: component
        character(len=*), intent(in) :: paths(:)
        real(dp), intent(in) :: weights(:)         !< of each file [1]
        logical, intent(in) :: separate            !< groups, for a filter each; otherwise one of the summed covariance
        real(dp), intent(in) :: inflation          !< factor on all anomalies [1]
        integer, intent(in) :: levels(:)           !< (column) number of levels that are not ground
        type(status_type), intent(inout) :: status
        type(group_type) :: ensemble(size(paths))
        real(dp) :: factor
        integer :: e, f

        component%members = 0
        do e = 1, size(paths)
            ensemble(e) = group_type(component%members + 1, 0, weights(e))
            if (weights(e) > 0.0_dp) call ensemble_members(paths(e), component, ensemble(e)%members, status)
            if (status%failed()) return
            component%members = component%members + ensemble(e)%members
        end do
        component%groups = [group_type(1, component%members, 1.0_dp)]
        if (separate) component%groups = pack(ensemble, weights > 0.0_dp)
        do f = 1, size(component%fields)
            associate (field => component%fields(f))
                allocate (field%anomaly(component%members, size(field%level), size(component%local)), &
                    field%increment(size(field%level), size(component%local)), source=0.0_dp)
            end associate
            do e = 1, size(paths)
                if (weights(e) <= 0.0_dp) cycle
                factor = inflation
                if (.not. separate) factor = inflation*sqrt(weights(e)*real(component%members - 1, dp) &
                    /real(ensemble(e)%members - 1, dp))
                call ensemble_read(paths(e), component, f, ensemble(e), levels, factor, status)
                if (status%failed()) return
            end do
        end do
    end subroutine ensembles_read

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

    !> Collective. Anomalies of one field: less the mean over the members, times a factor. Below `levels` of a column,
    !! where it is ground, they are zero whatever the file holds.
    subroutine ensemble_read(path, component, f, ensemble, levels, factor, status)
        character(len=*), intent(in) :: path
        type(component_type), intent(inout) :: component
        integer, intent(in) :: f                   !< which of the component's fields
        type(group_type), intent(in) :: ensemble   !< the members that the file holds
        integer, intent(in) :: levels(:)           !< (column) number of levels that are not ground
        real(dp), intent(in) :: factor             !< on the anomalies [1]
        type(status_type), intent(inout) :: status
        real(dp) :: whole(component%layout%n_global), part(component%layout%n_here)
        type(netcdf_file_type) :: file
        integer :: variable, n, k, level

        if (component%layout%comm%is_root()) then
            call file%open_to_read(path, status)
            call find_variable(file, component, f, ensemble%members, variable, status)
        end if
        call component%layout%comm%agree(status)
        if (status%failed()) return
        do n = 1, ensemble%members
            do k = 1, size(component%fields(f)%level)
                level = nint(component%fields(f)%level(k))
                if (component%layout%comm%is_root()) then
                    call read_slab(file, variable, component, f, n, level, whole, status)
                end if
                call component%layout%scatter(whole, part)
                component%fields(f)%anomaly(ensemble%first + n - 1, k, :) = &
                    merge(part(component%local), 0.0_dp, levels >= level)
            end do
        end do
        call file%close(status)
        call check_values(path, component, f, ensemble, status)
        call component%layout%comm%agree(status)
        if (.not. status%failed()) call centre(component%fields(f)%anomaly, ensemble, factor)
    end subroutine ensemble_read

    !> The variable, if it has the shape (lon, lat[, level], member).
    subroutine find_variable(file, component, f, members, variable, status)
        type(netcdf_file_type), intent(in) :: file
        type(component_type), intent(in) :: component
        integer, intent(in) :: f, members
        integer, intent(out) :: variable
        type(status_type), intent(inout) :: status
        integer, allocatable :: expected(:)
        integer :: ids(nf90_max_var_dims), found(nf90_max_var_dims), rank, d, code

        variable = -1
        if (status%failed()) return
        associate (field => component%fields(f))
            expected = [size(component%lon), size(component%lat), field%levels, members]
            if (field%surface) expected = [expected(1:2), members]
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
    subroutine check_values(path, component, f, ensemble, status)
        character(len=*), intent(in) :: path
        type(component_type), intent(in) :: component
        integer, intent(in) :: f
        type(group_type), intent(in) :: ensemble
        type(status_type), intent(inout) :: status
        integer :: n, k, c

        associate (field => component%fields(f))
            do c = 1, size(component%local)
                do k = 1, size(field%level)
                    do n = ensemble%first, ensemble%first + ensemble%members - 1
                        if (ieee_is_finite(field%anomaly(n, k, c)) .and. abs(field%anomaly(n, k, c)) < largest) cycle
                        call status%set(status_bad_input, trim(path)//': '//trim(field%name)// &
                            ' is missing or not a number at member '//number(n - ensemble%first + 1)// &
                            ', level '//number(nint(field%level(k)))//', cell '// &
                            number(component%column(c)%cell)//' of the grid; expected an anomaly there')
                        return
                    end do
                end do
            end do
        end associate
    end subroutine check_values

    !> Anomalies of an ensemble about their own mean, times a factor.
    pure subroutine centre(anomaly, ensemble, factor)
        real(dp), intent(inout) :: anomaly(:, :, :)        !< (member, level, column)
        type(group_type), intent(in) :: ensemble
        real(dp), intent(in) :: factor
        integer :: k, c, first, last

        first = ensemble%first
        last = first + ensemble%members - 1
        do c = 1, size(anomaly, 3)
            do k = 1, size(anomaly, 2)
                anomaly(first:last, k, c) = factor*(anomaly(first:last, k, c) &
                    - sum(anomaly(first:last, k, c))/real(ensemble%members, dp))
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
