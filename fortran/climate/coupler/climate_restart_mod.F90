!> Restarts of the coupled model: every prognostic number in global order, in one file. All routines are collective.
module climate_restart_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type, status_bad_input
    use netcdf_io_mod, only: netcdf_file_type
    use climate_type_mod, only: climate_type
    use atmos_mod, only: atmos_state_size, atmos_pack, atmos_unpack
    use ocean_mod, only: ocean_state_size, ocean_pack, ocean_unpack
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
        real(dp), allocatable :: atmos(:), ocean(:), land(:), flux(:, :), water(:), runoff(:), ice(:)
        integer :: f, n_atmos, n_ocean

        call allocate_parts(self, atmos, ocean, land, flux, water, runoff, ice)
        n_atmos = atmos_state_size(self%atmos)
        n_ocean = ocean_state_size(self%ocean)
        call atmos_pack(self%atmos, atmos)
        call ocean_pack(self%ocean, ocean)
        call self%atmos_layout%gather(self%land%temperature, land)
        if (self%full) then
            call self%atmos_layout%gather(self%land%water, water)
            call self%atmos_layout%gather(self%land%runoff, runoff)
            call self%ocean%layout%gather(self%ice%volume, ice)
        end if
        do f = 1, self%exchange%n_fluxes
            call self%exchange%layout%gather(self%exchange%flux_sum(:, f), flux(:, f))
        end do
        if (self%comm%is_root()) then
            call file%create(path, status)
            call file%write('atmosphere', ['atmosphere_numbers'], [n_atmos], atmos, '1', status)
            call file%write('ocean', ['ocean_numbers'], [n_ocean], ocean, '1', status)
            call file%write('land', ['land_cells'], [self%atmos_layout%n_global], land, 'K', status)
            call file%write('flux_sum', [character(len=14) :: 'exchange_cells', 'fluxes'], &
                [self%exchange%layout%n_global, self%exchange%n_fluxes], flux, flux_units(self), status)
            if (self%full) then
                call file%write('land_water', ['land_cells'], shape(water), water, 'kg m-2', status)
                call file%write('land_runoff', ['land_cells'], shape(runoff), runoff, 'kg m-2', status)
                call file%write('ice_volume', ['ice_cells'], shape(ice), ice, 'm', status)
                call file%write_attribute('ocean_water', self%ocean_water, status)
            end if
            call file%write_attribute('flux_steps', real(self%exchange%steps, dp), status)
            call file%write_attribute('seconds', real(self%ocean_seconds, dp), status)
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
        real(dp), allocatable :: atmos(:), ocean(:), land(:), flux(:, :), water(:), runoff(:), ice(:)
        type(pending_type) :: atmos_pending, ocean_pending
        real(dp) :: clock(3)
        integer :: f

        call allocate_parts(self, atmos, ocean, land, flux, water, runoff, ice)
        atmos_pending%interval = self%atmos_pending%interval
        ocean_pending%interval = self%ocean_pending%interval
        clock = 0.0_dp
        if (self%comm%is_root()) then
            call file%open_to_read(path, status)
            call check_surface(self, file, status)
            call check_sizes(file, size(atmos), size(ocean), size(land), size(flux, 1), status)
            call file%read('atmosphere', shape(atmos), atmos, status)
            call file%read('ocean', shape(ocean), ocean, status)
            call file%read('land', shape(land), land, status)
            call file%read('flux_sum', shape(flux), flux, status)
            if (self%full) then
                call file%read('land_water', shape(water), water, status)
                call file%read('land_runoff', shape(runoff), runoff, status)
                call file%read('ice_volume', shape(ice), ice, status)
                call file%read_attribute('ocean_water', clock(3), status)
            end if
            call file%read_attribute('flux_steps', clock(1), status)
            call file%read_attribute('seconds', clock(2), status)
        end if
        call pending_read(file, 'atmosphere', self%atmos_layout, atmos_rows(self%atmos), atmos_pending, status)
        call pending_read(file, 'ocean', self%ocean%layout, ocean_rows(self%ocean), ocean_pending, status)
        if (self%comm%is_root()) call file%close(status)
        call self%comm%agree(status)
        if (status%failed()) return
        call self%comm%bcast(clock)
        call atmos_unpack(self%atmos, atmos, status)
        call self%comm%agree(status)
        call ocean_unpack(self%ocean, ocean, status)
        call self%comm%agree(status)
        if (status%failed()) return
        call self%atmos_layout%scatter(land, self%land%temperature)
        if (self%full) then
            call self%atmos_layout%scatter(water, self%land%water)
            call self%atmos_layout%scatter(runoff, self%land%runoff)
            call self%ocean%layout%scatter(ice, self%ice%volume)
            self%ocean_water = clock(3)
        end if
        do f = 1, self%exchange%n_fluxes
            call self%exchange%layout%scatter(flux(:, f), self%exchange%flux_sum(:, f))
        end do
        self%exchange%steps = nint(clock(1))
        self%ocean_seconds = nint(clock(2), i8)
        self%ocean_forcing = 0.0_dp
        self%air_mean = 0.0_dp
        self%atmos_pending = atmos_pending
        self%ocean_pending = ocean_pending
        if (allocated(self%ps_before)) deallocate (self%ps_before)
    end subroutine climate_read_restart

    !> Buffers of a whole restart on rank 0, empty elsewhere; the last three with the full surface alone.
    subroutine allocate_parts(self, atmos, ocean, land, flux, water, runoff, ice)
        type(climate_type), intent(in) :: self
        real(dp), allocatable, intent(out) :: atmos(:), ocean(:), land(:), flux(:, :), water(:), runoff(:), ice(:)
        integer :: here, full
        here = merge(1, 0, self%comm%is_root())
        full = merge(here, 0, self%full)
        allocate (water(full*self%atmos_layout%n_global), runoff(full*self%atmos_layout%n_global), &
            ice(full*self%ocean%layout%n_global), source=0.0_dp)
        allocate (atmos(here*atmos_state_size(self%atmos)), ocean(here*ocean_state_size(self%ocean)), &
            land(here*self%atmos_layout%n_global), &
            flux(here*self%exchange%layout%n_global, self%exchange%n_fluxes), source=0.0_dp)
    end subroutine allocate_parts

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
