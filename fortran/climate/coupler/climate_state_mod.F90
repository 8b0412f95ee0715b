!> The coupled state as files and as surface fields on rank 0: restarts, three-dimensional snapshots, the eight
!! interface variables and their increments. All routines are collective.
module climate_state_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type, status_bad_input
    use netcdf_io_mod, only: netcdf_file_type
    use layout_mod, only: layout_type
    use climate_mod, only: climate_type, climate_seconds
    use surface_exchange_mod, only: n_fluxes
    use atmos_mod, only: atmos_state_size, atmos_pack, atmos_unpack, atmos_surface, atmos_fields, &
        atmos_add_surface_increment
    use ocean_mod, only: ocean_state_size, ocean_pack, ocean_unpack, ocean_surface, ocean_fields, &
        ocean_add_surface_increment
    use da_pending_mod, only: pending_type
    use da_update_mod, only: atmos_rows, ocean_rows
    use climate_pending_mod, only: pending_write, pending_read
    implicit none
    private
    public :: climate_write_restart, climate_read_restart, climate_write_state, climate_get_atmos, climate_get_ocean, &
        climate_add_atmos, climate_add_ocean

contains

    !> Everything a run needs to go on as if it had not stopped, in one file.
    subroutine climate_write_restart(self, path, status)
        type(climate_type), intent(in) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        real(dp), allocatable :: atmos(:), ocean(:), land(:), flux(:, :)
        integer :: f, n_atmos, n_ocean

        call allocate_parts(self, atmos, ocean, land, flux)
        n_atmos = atmos_state_size(self%atmos)
        n_ocean = ocean_state_size(self%ocean)
        call atmos_pack(self%atmos, atmos)
        call ocean_pack(self%ocean, ocean)
        call self%atmos_layout%gather(self%land%temperature, land)
        do f = 1, n_fluxes
            call self%exchange%layout%gather(self%exchange%flux_sum(:, f), flux(:, f))
        end do
        if (self%comm%is_root()) then
            call file%create(path, status)
            call file%write('atmosphere', ['atmosphere_numbers'], [n_atmos], atmos, '1', status)
            call file%write('ocean', ['ocean_numbers'], [n_ocean], ocean, '1', status)
            call file%write('land', ['land_cells'], [self%atmos_layout%n_global], land, 'K', status)
            call file%write('flux_sum', [character(len=14) :: 'exchange_cells', 'fluxes'], &
                [self%exchange%layout%n_global, n_fluxes], flux, 'N m-2, N m-2, W m-2', status)
            call file%write_attribute('flux_steps', real(self%exchange%steps, dp), status)
            call file%write_attribute('seconds', real(self%ocean_seconds, dp), status)
        end if
        call pending_write(file, 'atmosphere', self%atmos_layout, self%atmos_pending, status)
        call pending_write(file, 'ocean', self%ocean%layout, self%ocean_pending, status)
        if (self%comm%is_root()) call file%close(status)
        call self%comm%agree(status)
    end subroutine climate_write_restart

    !> Take over the state of a restart file, written on any number of ranks. The state is untouched when the file
    !! does not fit.
    subroutine climate_read_restart(self, path, status)
        type(climate_type), intent(inout) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        real(dp), allocatable :: atmos(:), ocean(:), land(:), flux(:, :)
        type(pending_type) :: atmos_pending, ocean_pending
        real(dp) :: clock(2)
        integer :: f

        call allocate_parts(self, atmos, ocean, land, flux)
        atmos_pending%interval = self%atmos_pending%interval
        ocean_pending%interval = self%ocean_pending%interval
        clock = 0.0_dp
        if (self%comm%is_root()) then
            call file%open_to_read(path, status)
            call check_sizes(file, size(atmos), size(ocean), size(land), size(flux, 1), status)
            call file%read('atmosphere', shape(atmos), atmos, status)
            call file%read('ocean', shape(ocean), ocean, status)
            call file%read('land', shape(land), land, status)
            call file%read('flux_sum', shape(flux), flux, status)
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
        do f = 1, n_fluxes
            call self%exchange%layout%scatter(flux(:, f), self%exchange%flux_sum(:, f))
        end do
        self%exchange%steps = nint(clock(1))
        self%ocean_seconds = nint(clock(2), i8)
        self%ocean_forcing = 0.0_dp
        self%atmos_pending = atmos_pending
        self%ocean_pending = ocean_pending
        if (allocated(self%ps_before)) deallocate (self%ps_before)
    end subroutine climate_read_restart

    !> Buffers of a whole restart on rank 0, empty elsewhere.
    subroutine allocate_parts(self, atmos, ocean, land, flux)
        type(climate_type), intent(in) :: self
        real(dp), allocatable, intent(out) :: atmos(:), ocean(:), land(:), flux(:, :)
        integer :: here
        here = merge(1, 0, self%comm%is_root())
        allocate (atmos(here*atmos_state_size(self%atmos)), ocean(here*ocean_state_size(self%ocean)), &
            land(here*self%atmos_layout%n_global), flux(here*self%exchange%layout%n_global, n_fluxes), source=0.0_dp)
    end subroutine allocate_parts

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

    !> Three-dimensional fields, named as in ensemble.nc.
    subroutine climate_write_state(self, path, status)
        type(climate_type), intent(inout) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows), self%atmos%nlev) :: u, v, t
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows)) :: ps
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2), self%ocean%nlev) :: temp, &
            salt, uo, vo
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2)) :: ssh

        call atmos_fields(self%atmos, u, v, t, ps)
        call ocean_fields(self%ocean, temp, salt, uo, vo, ssh)
        if (self%comm%is_root()) then
            call file%create(path, status)
            call file%write_attribute('seconds', real(climate_seconds(self), dp), status)
            call file%write('lon', ['lon'], [self%atmos%nlon], self%atmos%lon, 'degrees_east', status)
            call file%write('lat', ['lat'], [self%atmos%nlat], self%atmos%lat, 'degrees_north', status)
            call file%write('level', ['level'], [self%atmos%nlev], self%atmos%sigma, '1', status)
            call file%write('ocean_lon', ['io'], [self%ocean%nlon], self%ocean%lon, 'degrees_east', status)
            call file%write('ocean_lat', ['jo'], [self%ocean%nlat], self%ocean%lat, 'degrees_north', status)
            call file%write('depth', ['depth'], [self%ocean%nlev], self%ocean%grid%z, 'm', status)
        end if
        call put_atmos('u', u, 'm s-1')
        call put_atmos('v', v, 'm s-1')
        call put_atmos('t', t, 'K')
        call put(file, self%atmos_layout, 'ps', [character(len=5) :: 'lon', 'lat'], &
            [self%atmos%nlon, self%atmos%nlat], ps, 'Pa', status)
        call put_ocean('temp', temp, 'degC')
        call put_ocean('salt', salt, 'g kg-1')
        call put_ocean('uo', uo, 'm s-1')
        call put_ocean('vo', vo, 'm s-1')
        call put(file, self%ocean%layout, 'ssh', [character(len=5) :: 'io', 'jo'], [self%ocean%nlon, self%ocean%nlat], &
            ssh, 'm', status)
        call file%close(status)
        call self%comm%agree(status)

    contains

        subroutine put_atmos(name, field, units)
            character(len=*), intent(in) :: name, units
            real(dp), intent(in) :: field(:, :, :)
            call put(file, self%atmos_layout, name, [character(len=5) :: 'lon', 'lat', 'level'], &
                [self%atmos%nlon, self%atmos%nlat, self%atmos%nlev], field, units, status)
        end subroutine put_atmos

        subroutine put_ocean(name, field, units)
            character(len=*), intent(in) :: name, units
            real(dp), intent(in) :: field(:, :, :)
            call put(file, self%ocean%layout, name, [character(len=5) :: 'io', 'jo', 'depth'], &
                [self%ocean%nlon, self%ocean%nlat, self%ocean%nlev], field, units, status)
        end subroutine put_ocean
    end subroutine climate_write_state

    !> Gather a field level by level and write it from rank 0.
    subroutine put(file, layout, name, dimensions, sizes, field, units, status)
        type(netcdf_file_type), intent(in) :: file
        type(layout_type), intent(in) :: layout
        character(len=*), intent(in) :: name, units, dimensions(:)
        integer, intent(in) :: sizes(:)
        real(dp), intent(in) :: field(layout%n_here, product(sizes)/layout%n_global)
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: whole(:, :)
        integer :: k

        allocate (whole(merge(layout%n_global, 0, layout%comm%is_root()), size(field, 2)))
        do k = 1, size(field, 2)
            call layout%gather(field(:, k), whole(:, k))
        end do
        if (layout%comm%is_root()) call file%write(name, dimensions, sizes, whole, units, status)
    end subroutine put

    !> ps [Pa], ta [K], ua, va [m/s] of the lowest level on rank 0; elsewhere x is left alone.
    subroutine climate_get_atmos(self, x)
        type(climate_type), intent(inout) :: self
        real(dp), intent(inout) :: x(:, :, :)       !< (nlon, nlat, 4) on rank 0
        real(dp) :: part(self%atmos%nlon, size(self%atmos%rows), 4)
        call atmos_surface(self%atmos, part(:, :, 1), part(:, :, 2), part(:, :, 3), part(:, :, 4))
        call gather_four(self%atmos_layout, part, x)
    end subroutine climate_get_atmos

    !> sst [degC], ssu, ssv [m/s], ssh [m] on rank 0, 0 on land; elsewhere x is left alone.
    subroutine climate_get_ocean(self, x)
        type(climate_type), intent(in) :: self
        real(dp), intent(inout) :: x(:, :, :)       !< (nlon, nlat, 4) on rank 0
        real(dp) :: part(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2), 4)
        call ocean_surface(self%ocean, part(:, :, 1), part(:, :, 2), part(:, :, 3), part(:, :, 4))
        call gather_four(self%ocean%layout, part, x)
    end subroutine climate_get_ocean

    subroutine gather_four(layout, part, x)
        type(layout_type), intent(in) :: layout
        real(dp), intent(in) :: part(:, :, :)
        real(dp), intent(inout) :: x(:, :, :)
        real(dp), allocatable :: whole(:, :)
        integer :: f

        allocate (whole(merge(size(x, 1), 0, layout%comm%is_root()), size(x, 2)))
        do f = 1, 4
            call layout%gather(part(:, :, f), whole)
            if (layout%comm%is_root()) x(:, :, f) = whole
        end do
    end subroutine gather_four

    !> Add rank 0's increments of ps, ta, ua, va. A zero increment changes no bit.
    subroutine climate_add_atmos(self, dx, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(in) :: dx(:, :, :)         !< (nlon, nlat, 4) on rank 0
        type(status_type), intent(inout) :: status
        real(dp) :: part(self%atmos%nlon, size(self%atmos%rows), 4)

        call scatter_four(self%atmos_layout, [self%atmos%nlon, self%atmos%nlat, 4], dx, part, status)
        if (status%failed()) return
        call atmos_add_surface_increment(self%atmos, part(:, :, 1), part(:, :, 2), part(:, :, 3), part(:, :, 4), status)
        call self%comm%agree(status)
    end subroutine climate_add_atmos

    !> Add rank 0's increments of sst, ssu, ssv, ssh. A zero increment changes no bit.
    subroutine climate_add_ocean(self, dx, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(in) :: dx(:, :, :)         !< (nlon, nlat, 4) on rank 0
        type(status_type), intent(inout) :: status
        real(dp) :: part(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2), 4)

        call scatter_four(self%ocean%layout, [self%ocean%nlon, self%ocean%nlat, 4], dx, part, status)
        if (status%failed()) return
        call ocean_add_surface_increment(self%ocean, part(:, :, 1), part(:, :, 2), part(:, :, 3), part(:, :, 4), status)
        call self%comm%agree(status)
    end subroutine climate_add_ocean

    subroutine scatter_four(layout, expected, dx, part, status)
        type(layout_type), intent(in) :: layout
        integer, intent(in) :: expected(3)
        real(dp), intent(in) :: dx(:, :, :)
        real(dp), intent(out) :: part(:, :, :)
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: whole(:, :)
        character(len=120) :: text
        integer :: f

        if (layout%comm%is_root() .and. any(shape(dx) /= expected)) then
            write (text, '(2(a, i0, 2(" x ", i0)))') 'increment of shape ', shape(dx), ', expected ', expected
            call status%set(status_bad_input, text)
        end if
        call layout%comm%agree(status)
        if (status%failed()) return
        allocate (whole(merge(size(dx, 1), 0, layout%comm%is_root()), size(dx, 2)))
        do f = 1, 4
            if (layout%comm%is_root()) whole = dx(:, :, f)
            call layout%scatter(whole, part(:, :, f))
        end do
    end subroutine scatter_four
end module climate_state_mod
