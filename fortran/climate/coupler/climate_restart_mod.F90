!> Restarts of the coupled model: every prognostic number in global order, in one file. All routines are collective.
module climate_restart_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use netcdf_io_mod, only: netcdf_file_type
    use climate_type_mod, only: climate_type
    use climate_parts_mod, only: parts_type, parts_allocate, parts_gather, parts_scatter
    use da_pending_mod, only: pending_type
    use da_update_mod, only: atmos_rows, ocean_rows
    use climate_pending_mod, only: pending_write, pending_read
    implicit none
    private
    public :: climate_write_restart, climate_read_restart

contains

    !> Everything a run needs to go on as if it had not stopped, in one file.
    subroutine climate_write_restart(self, path, status)
        type(climate_type), intent(in) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        type(parts_type) :: parts

        call parts_gather(parts, self)
        if (self%comm%is_root()) then
            call file%create(path, status)
            call file%write('atmosphere', ['atmosphere_numbers'], shape(parts%atmos), parts%atmos, '1', status)
            call file%write('ocean', ['ocean_numbers'], shape(parts%ocean), parts%ocean, '1', status)
            call file%write('land', ['land_cells'], shape(parts%land), parts%land, 'K', status)
            call file%write('flux_sum', [character(len=14) :: 'exchange_cells', 'fluxes'], shape(parts%flux), &
                parts%flux, flux_units(self), status)
            if (self%full) then
                call file%write('land_water', ['land_cells'], shape(parts%water), parts%water, 'kg m-2', status)
                call file%write('land_runoff', ['land_cells'], shape(parts%runoff), parts%runoff, 'kg m-2', status)
                call file%write('ice_volume', ['ice_cells'], shape(parts%ice), parts%ice, 'm', status)
                call file%write_attribute('ocean_water', parts%ocean_water, status)
            end if
            call file%write_attribute('flux_steps', parts%flux_steps, status)
            call file%write_attribute('seconds', parts%seconds, status)
        end if
        call pending_write(file, 'atmosphere', self%atmos_layout, self%atmos_pending, status)
        call pending_write(file, 'ocean', self%ocean%layout, self%ocean_pending, status)
        if (self%comm%is_root()) call file%close(status)
        call self%comm%agree(status)
    end subroutine climate_write_restart

    !> Units of the columns of flux_sum.
    pure function flux_units(self)
        type(climate_type), intent(in) :: self
        character(len=:), allocatable :: flux_units
        flux_units = 'N m-2, N m-2, W m-2'
        if (self%full) flux_units = flux_units//', kg m-2 s-1, W m-2, W m-2'
    end function flux_units

    !> Take over the state of a restart file, written on any number of ranks. The state is untouched when the file
    !! does not fit.
    subroutine climate_read_restart(self, path, status)
        type(climate_type), intent(inout) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        type(parts_type) :: parts
        type(pending_type) :: atmos_pending, ocean_pending

        call parts_allocate(parts, self)
        atmos_pending%interval = self%atmos_pending%interval
        ocean_pending%interval = self%ocean_pending%interval
        if (self%comm%is_root()) then
            call file%open_to_read(path, status)
            call check_surface(self, file, status)
            call check_sizes(file, size(parts%atmos), size(parts%ocean), size(parts%land), size(parts%flux, 1), status)
            call file%read('atmosphere', shape(parts%atmos), parts%atmos, status)
            call file%read('ocean', shape(parts%ocean), parts%ocean, status)
            call file%read('land', shape(parts%land), parts%land, status)
            call file%read('flux_sum', shape(parts%flux), parts%flux, status)
            if (self%full) then
                call file%read('land_water', shape(parts%water), parts%water, status)
                call file%read('land_runoff', shape(parts%runoff), parts%runoff, status)
                call file%read('ice_volume', shape(parts%ice), parts%ice, status)
                call file%read_attribute('ocean_water', parts%ocean_water, status)
            end if
            call file%read_attribute('flux_steps', parts%flux_steps, status)
            call file%read_attribute('seconds', parts%seconds, status)
        end if
        call pending_read(file, 'atmosphere', self%atmos_layout, atmos_rows(self%atmos), atmos_pending, status)
        call pending_read(file, 'ocean', self%ocean%layout, ocean_rows(self%ocean), ocean_pending, status)
        if (self%comm%is_root()) call file%close(status)
        call self%comm%agree(status)
        if (status%failed()) return
        call parts_scatter(parts, self, status)
        if (status%failed()) return
        self%atmos_pending = atmos_pending
        self%ocean_pending = ocean_pending
    end subroutine climate_read_restart

    !> A surface with ice and buckets cannot go on from one without, nor the other way round.
    subroutine check_surface(self, file, status)
        type(climate_type), intent(in) :: self
        type(netcdf_file_type), intent(in) :: file
        type(status_type), intent(inout) :: status
        logical :: with_ice
        if (status%failed()) return
        with_ice = file%has_variable('ice_volume')
        if (self%full .and. .not. with_ice) call status%set(status_bad_input, file%path// &
            ": restart without sea ice and land water, written with surface = 'simple'; this run has surface = 'full'")
        if (with_ice .and. .not. self%full) call status%set(status_bad_input, file%path// &
            ": restart with sea ice and land water, written with surface = 'full'; this run has surface = 'simple'")
    end subroutine check_surface

    subroutine check_sizes(file, n_atmos, n_ocean, n_land, n_exchange, status)
        type(netcdf_file_type), intent(in) :: file
        integer, intent(in) :: n_atmos, n_ocean, n_land, n_exchange     !< of this configuration
        type(status_type), intent(inout) :: status
        integer :: found(4), expected(4)
        character(len=160) :: text

        if (status%failed()) return
        expected = [n_atmos, n_ocean, n_land, n_exchange]
        found = [file%dimension_size('atmosphere_numbers'), file%dimension_size('ocean_numbers'), &
            file%dimension_size('land_cells'), file%dimension_size('exchange_cells')]
        if (all(found == expected)) return
        write (text, '(2(a, 4(1x, i0)))') 'found', found, ', expected', expected
        call status%set(status_bad_input, file%path//': restart of another size or land-sea mask: '//trim(text)// &
            ' numbers of atmosphere, ocean, land, exchange grid')
    end subroutine check_sizes
end module climate_restart_mod
