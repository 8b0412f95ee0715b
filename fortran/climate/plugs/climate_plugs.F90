!> What Python sees of the climate model: plain arrays and integers, an error code at the end of every routine.
!! All routines are collective; arrays count on rank 0 alone. This is the one place with module state: one model, one
!! filter and the last error. `ierr` is 0 or a code of status_mod, and tool_get_message then tells what is wrong.
module climate_plugs
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use climate_mod, only: climate_type, climate_init, climate_atmos_step, climate_ocean_step, climate_seconds
    use climate_restart_mod, only: climate_write_restart, climate_read_restart
    use climate_state_mod, only: climate_write_state, climate_get_atmos, climate_get_ocean, climate_add_atmos, &
        climate_add_ocean
    use climate_diagnostics_mod, only: climate_diagnostics, n_diagnostics, diagnostic_names
    use climate_air_mod, only: climate_get_air, climate_add_air
    use climate_memory_mod, only: climate_memory_size, climate_get_memory, climate_set_memory
    use climate_analysis_mod, only: climate_get_analysed_atmos, climate_get_analysed_ocean
    use da_component_mod, only: tally_type
    use da_mshea_mod, only: mshea_type, mshea_init, mshea_atmos, mshea_ocean
    implicit none
    private
    public :: tool_init, tool_get_dims, tool_get_grid, tool_atmos_step, tool_ocean_step, tool_get_time, &
        tool_get_atmos, &
        tool_get_ocean, tool_set_atmos, tool_set_ocean, tool_da_init, tool_da_atmos, tool_da_ocean, &
        tool_get_analysed_atmos, tool_get_analysed_ocean, tool_get_filter_tally, &
        tool_get_air, tool_set_air, tool_get_memory_size, tool_get_memory, tool_set_memory, &
        tool_get_diagnostics, &
        tool_get_diagnostic_name, tool_write_state, tool_write_restart, tool_read_restart, tool_get_message, tool_final

    type(climate_type), private :: climate
    type(mshea_type), private :: filter
    type(status_type), private :: status
    logical, private :: model_ready = .false.
    logical, private :: filter_ready = .false.

contains

    !> Build the model on the communicator `comm.py2f()` from a namelist file.
    subroutine tool_init(fcomm, namelist, ierr)
        integer(c_int), intent(in) :: fcomm
        character(len=*), intent(in) :: namelist
        integer(c_int), intent(out) :: ierr
        type(comm_type) :: comm

        call status%clear()
        filter_ready = .false.
        call comm%init(int(fcomm))
        call climate_init(climate, comm, trim(namelist), status)
        model_ready = .not. status%failed()
        ierr = int(status%code, c_int)
    end subroutine tool_init

    !> Sizes of both grids and the coupling interval [s].
    subroutine tool_get_dims(atmos_nlon, atmos_nlat, atmos_nlev, ocean_nlon, ocean_nlat, ocean_nlev, &
        coupling_seconds, ierr)
        integer(c_int), intent(out) :: atmos_nlon, atmos_nlat, atmos_nlev, ocean_nlon, ocean_nlat, ocean_nlev
        integer(c_int), intent(out) :: coupling_seconds, ierr

        ierr = begin()
        associate (c => climate%config)
            atmos_nlon = int(c%atmos_nlon, c_int)
            atmos_nlat = int(c%atmos_nlat, c_int)
            atmos_nlev = int(c%atmos_nlev, c_int)
            ocean_nlon = int(c%ocean_nlon, c_int)
            ocean_nlat = int(c%ocean_nlat, c_int)
            ocean_nlev = int(c%ocean_nlev, c_int)
            coupling_seconds = int(c%coupling_dt, c_int)
        end associate
    end subroutine tool_get_dims

    !> Coordinates [degrees] and the ocean mask as the model uses it, 1 = sea; on every rank.
    subroutine tool_get_grid(atmos_nlon, atmos_nlat, ocean_nlon, ocean_nlat, atmos_lon, atmos_lat, atmos_lat_bounds, &
            ocean_lon, ocean_lat, ocean_lat_bounds, ocean_mask, ierr)
        integer(c_int), intent(in) :: atmos_nlon, atmos_nlat, ocean_nlon, ocean_nlat
        real(c_double), intent(out) :: atmos_lon(atmos_nlon), atmos_lat(atmos_nlat), atmos_lat_bounds(atmos_nlat + 1)
        real(c_double), intent(out) :: ocean_lon(ocean_nlon), ocean_lat(ocean_nlat), ocean_lat_bounds(ocean_nlat + 1)
        real(c_double), intent(out) :: ocean_mask(ocean_nlon, ocean_nlat)
        integer(c_int), intent(out) :: ierr

        ierr = begin()
        if (ierr == 0) then
            if (any([atmos_nlon, atmos_nlat] /= [climate%atmos%nlon, climate%atmos%nlat]) .or. &
                any([ocean_nlon, ocean_nlat] /= [climate%ocean%nlon, climate%ocean%nlat])) then
              call status%set(status_bad_input, 'tool_get_grid: the sizes must be those of tool_get_dims')
            end if
        end if
        if (.not. status%failed()) then
            atmos_lon = climate%atmos%lon
            atmos_lat = climate%atmos%lat
            atmos_lat_bounds = climate%atmos%lat_bounds
            ocean_lon = climate%ocean%lon
            ocean_lat = climate%ocean%lat
            ocean_lat_bounds = climate%ocean%lat_bounds
            ocean_mask = merge(1.0_c_double, 0.0_c_double, climate%ocean%wet)
        end if
        ierr = int(status%code, c_int)
    end subroutine tool_get_grid

    !> Advance the atmosphere by one coupling interval.
    subroutine tool_atmos_step(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_atmos_step(climate, status)
        ierr = int(status%code, c_int)
    end subroutine tool_atmos_step

    !> Advance the ocean by the coupling interval that the atmosphere has made.
    subroutine tool_ocean_step(ierr)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_ocean_step(climate, status)
        ierr = int(status%code, c_int)
    end subroutine tool_ocean_step

    !> Seconds since 2000-01-01 that both components have reached, a whole number.
    subroutine tool_get_time(seconds, ierr)
        real(c_double), intent(out) :: seconds
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        seconds = real(climate_seconds(climate), c_double)
    end subroutine tool_get_time

    !> ps [Pa], ta [K], ua, va [m/s] of the lowest level into x on rank 0.
    subroutine tool_get_atmos(nlon, nlat, x, ierr)
        integer(c_int), intent(in) :: nlon, nlat
        real(c_double), intent(inout) :: x(nlon, nlat, 4)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call check_shape('tool_get_atmos', [nlon, nlat], [climate%atmos%nlon, climate%atmos%nlat])
        if (.not. status%failed()) call climate_get_atmos(climate, x)
        ierr = int(status%code, c_int)
    end subroutine tool_get_atmos

    !> sst [degC], ssu, ssv [m/s], ssh [m] into x on rank 0; 0 on land.
    subroutine tool_get_ocean(nlon, nlat, x, ierr)
        integer(c_int), intent(in) :: nlon, nlat
        real(c_double), intent(inout) :: x(nlon, nlat, 4)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call check_shape('tool_get_ocean', [nlon, nlat], [climate%ocean%nlon, climate%ocean%nlat])
        if (.not. status%failed()) call climate_get_ocean(climate, x)
        ierr = int(status%code, c_int)
    end subroutine tool_get_ocean

    !> As tool_get_atmos, as if what waits of the filter's increments had been added.
    subroutine tool_get_analysed_atmos(nlon, nlat, x, ierr)
        integer(c_int), intent(in) :: nlon, nlat
        real(c_double), intent(inout) :: x(nlon, nlat, 4)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call check_shape('tool_get_analysed_atmos', [nlon, nlat], &
            [climate%atmos%nlon, climate%atmos%nlat])
        if (.not. status%failed()) call climate_get_analysed_atmos(climate, x, status)
        ierr = int(status%code, c_int)
    end subroutine tool_get_analysed_atmos

    !> As tool_get_ocean, as if what waits of the filter's increments had been added.
    subroutine tool_get_analysed_ocean(nlon, nlat, x, ierr)
        integer(c_int), intent(in) :: nlon, nlat
        real(c_double), intent(inout) :: x(nlon, nlat, 4)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call check_shape('tool_get_analysed_ocean', [nlon, nlat], &
            [climate%ocean%nlon, climate%ocean%nlat])
        if (.not. status%failed()) call climate_get_analysed_ocean(climate, x, status)
        ierr = int(status%code, c_int)
    end subroutine tool_get_analysed_ocean

    !> Add rank 0's increments of ps, ta, ua, va at the lowest level.
    subroutine tool_set_atmos(nlon, nlat, dx, ierr)
        integer(c_int), intent(in) :: nlon, nlat
        real(c_double), intent(in) :: dx(nlon, nlat, 4)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_add_atmos(climate, dx, status)
        ierr = int(status%code, c_int)
    end subroutine tool_set_atmos

    !> Add rank 0's increments of sst, ssu, ssv, ssh.
    subroutine tool_set_ocean(nlon, nlat, dx, ierr)
        integer(c_int), intent(in) :: nlon, nlat
        real(c_double), intent(in) :: dx(nlon, nlat, 4)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_add_ocean(climate, dx, status)
        ierr = int(status%code, c_int)
    end subroutine tool_set_ocean

    !> u, v [m/s], T [K], q [kg/kg], z [m] at all pressure levels, then ps [Pa], into x on rank 0.
    subroutine tool_get_air(nlon, nlat, nlev, pressure, x, ierr)
        integer(c_int), intent(in) :: nlon, nlat, nlev
        real(c_double), intent(in) :: pressure(nlev)    ! rising [Pa]
        real(c_double), intent(inout) :: x(nlon, nlat, 5*nlev + 1)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_get_air(climate, pressure, x, status)
        ierr = int(status%code, c_int)
    end subroutine tool_get_air

    !> Add rank 0's increments of u, v, T, q at all pressure levels, then of ps.
    subroutine tool_set_air(nlon, nlat, nlev, pressure, dx, ierr)
        integer(c_int), intent(in) :: nlon, nlat, nlev
        real(c_double), intent(in) :: pressure(nlev)    ! rising [Pa]
        real(c_double), intent(in) :: dx(nlon, nlat, 4*nlev + 1)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_add_air(climate, pressure, dx, status)
        ierr = int(status%code, c_int)
    end subroutine tool_set_air

    !> Length of the vector of tool_get_memory.
    subroutine tool_get_memory_size(length, ierr)
        integer(c_int), intent(out) :: length, ierr
        ierr = begin()
        length = 0
        if (ierr == 0) length = int(climate_memory_size(climate), c_int)
    end subroutine tool_get_memory_size

    !> The whole state, as a restart has it, into x on rank 0.
    subroutine tool_get_memory(length, x, ierr)
        integer(c_int), intent(in) :: length
        real(c_double), intent(inout) :: x(length)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_get_memory(climate, x, status)
        ierr = int(status%code, c_int)
    end subroutine tool_get_memory

    !> Go on from rank 0's vector of tool_get_memory.
    subroutine tool_set_memory(length, x, ierr)
        integer(c_int), intent(in) :: length
        real(c_double), intent(in) :: x(length)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_set_memory(climate, x, status)
        ierr = int(status%code, c_int)
    end subroutine tool_set_memory

    !> Prepare the ensemble filter from &da_nml.
    subroutine tool_da_init(namelist, ierr)
        character(len=*), intent(in) :: namelist
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call mshea_init(filter, climate%comm, trim(namelist), climate%atmos, climate%ocean, status)
        call climate%comm%agree(status)
        filter_ready = .not. status%failed()
        ierr = int(status%code, c_int)
    end subroutine tool_da_init

    !> Assimilate the lowest level (kinds 1 ps, 2 ta, 3 ua, 4 va) into the atmosphere; the same observations
    !! on every rank.
    subroutine tool_da_atmos(nobs, kind, lon, lat, value, error, ierr)
        integer(c_int), intent(in) :: nobs
        integer(c_int), intent(in) :: kind(nobs)
        real(c_double), intent(in) :: lon(nobs), lat(nobs)      ! [degrees]
        real(c_double), intent(in) :: value(nobs), error(nobs)  ! [Pa, K, m/s]
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        call expect_filter()
        if (.not. status%failed()) call mshea_atmos(filter, climate%atmos, int(kind), lon, lat, value, error, status, &
            climate%atmos_pending)
        if (model_ready) call climate%comm%agree(status)
        ierr = int(status%code, c_int)
    end subroutine tool_da_atmos

    !> Assimilate sea surface temperature (kind 5) into the ocean; the same observations on every rank.
    subroutine tool_da_ocean(nobs, kind, lon, lat, value, error, ierr)
        integer(c_int), intent(in) :: nobs
        integer(c_int), intent(in) :: kind(nobs)
        real(c_double), intent(in) :: lon(nobs), lat(nobs)      ! [degrees]
        real(c_double), intent(in) :: value(nobs), error(nobs)  ! [degC]
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        call expect_filter()
        if (.not. status%failed()) call mshea_ocean(filter, climate%ocean, int(kind), lon, lat, value, error, status, &
            climate%ocean_pending)
        if (model_ready) call climate%comm%agree(status)
        ierr = int(status%code, c_int)
    end subroutine tool_da_ocean

    !> What became of the latest observations of a component (1 atmosphere, 2 ocean): observations used, outside the
    !! grid, rejected; increments capped; rms innovation, innovation over its standard deviation, surface increment.
    subroutine tool_get_filter_tally(component, values, ierr)
        integer(c_int), intent(in) :: component
        real(c_double), intent(out) :: values(7)
        integer(c_int), intent(out) :: ierr
        type(tally_type) :: t
        ierr = begin()
        call expect_filter()
        t = filter%atmos_tally
        if (component == 2) t = filter%ocean_tally
        values = [real([t%used, t%outside, t%outliers, t%capped], c_double), t%innovation, t%normalized, t%increment]
        ierr = int(status%code, c_int)
    end subroutine tool_get_filter_tally

    !> All diagnostics, in the order of tool_get_diagnostic_name.
    subroutine tool_get_diagnostics(values, ierr)
        real(c_double), intent(out) :: values(30)
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_diagnostics(climate, values)
    end subroutine tool_get_diagnostics

    !> Name of the diagnostic with this index, counted from 0; an index beyond the last is an error.
    subroutine tool_get_diagnostic_name(index, name, ierr)
        integer(c_int), intent(in) :: index
        character(len=32), intent(out) :: name
        integer(c_int), intent(out) :: ierr
        call status%clear()
        name = ''
        if (index < 0 .or. index >= n_diagnostics) then
            call status%set(status_bad_input, 'tool_get_diagnostic_name: there is no diagnostic of this index')
        else
            name = diagnostic_names(index + 1)
        end if
        ierr = int(status%code, c_int)
    end subroutine tool_get_diagnostic_name

    !> Write the three-dimensional fields.
    subroutine tool_write_state(path, ierr)
        character(len=*), intent(in) :: path
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_write_state(climate, trim(path), status)
        ierr = int(status%code, c_int)
    end subroutine tool_write_state

    subroutine tool_write_restart(path, ierr)
        character(len=*), intent(in) :: path
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_write_restart(climate, trim(path), status)
        ierr = int(status%code, c_int)
    end subroutine tool_write_restart

    subroutine tool_read_restart(path, ierr)
        character(len=*), intent(in) :: path
        integer(c_int), intent(out) :: ierr
        ierr = begin()
        if (ierr == 0) call climate_read_restart(climate, trim(path), status)
        ierr = int(status%code, c_int)
    end subroutine tool_read_restart

    !> Text of the last error; blank when the last call went well.
    subroutine tool_get_message(message, ierr)
        character(len=512), intent(out) :: message
        integer(c_int), intent(out) :: ierr
        message = status%message
        ierr = 0
    end subroutine tool_get_message

    !> Give the model's memory back.
    subroutine tool_final(ierr)
        integer(c_int), intent(out) :: ierr
        call status%clear()
        call release(climate, filter)
        model_ready = .false.
        filter_ready = .false.
        ierr = 0
    end subroutine tool_final

    !> Forget the last error; refuse to work on a model that was not built.
    integer(c_int) function begin()
        call status%clear()
        if (.not. model_ready) call status%set(status_bad_input, 'the model is not there: call tool_init first')
        begin = int(status%code, c_int)
    end function begin

    subroutine expect_filter()
        if (.not. filter_ready) call status%set(status_bad_input, 'the filter is not there: call tool_da_init first')
    end subroutine expect_filter

    !> The array of rank 0 has to fit; an error of rank 0 is everyone's.
    subroutine check_shape(plug, found, expected)
        character(len=*), intent(in) :: plug
        integer(c_int), intent(in) :: found(2)
        integer, intent(in) :: expected(2)
        character(len=120) :: text
        if (climate%comm%is_root() .and. any(found /= expected)) then
            write (text, '(2a, i0, " x ", i0, a, i0, " x ", i0, a)') plug, ': array of ', found, ' x 4, expected ', &
                expected, ' x 4'
            call status%set(status_bad_input, text)
        end if
        call climate%comm%agree(status)
    end subroutine check_shape

    subroutine release(old_climate, old_filter)
        type(climate_type), intent(out) :: old_climate
        type(mshea_type), intent(out) :: old_filter
    end subroutine release
end module climate_plugs
