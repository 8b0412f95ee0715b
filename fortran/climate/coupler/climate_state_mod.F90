!> The coupled state as a file of three-dimensional fields and as surface fields on rank 0: the eight interface
!! variables and their increments. All routines are collective.
module climate_state_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use netcdf_io_mod, only: netcdf_file_type
    use layout_mod, only: layout_type
    use climate_type_mod, only: climate_type, forcing_rivers, air_rain, air_evaporation, air_sw_net, air_olr
    use climate_mod, only: climate_seconds
    use climate_output_mod, only: open_output, put_air, put_air_levels, put_air_pressures, put_sea, &
        put_sea_levels
    use atmos_mod, only: atmos_surface, atmos_fields, atmos_pressure_levels, atmos_add_surface_increment
    use ocean_mod, only: ocean_surface, ocean_fields, ocean_add_surface_increment
    implicit none
    private
    public :: climate_write_state, land_fraction, climate_get_atmos, climate_get_ocean, climate_add_atmos, &
        climate_add_ocean

contains

    !> Three-dimensional fields, named as in ensemble.nc; with the full surface also humidity, ice, land and the water
    !! and radiation of the last interval; the air on pressure levels where &climate_nml names any.
    subroutine climate_write_state(self, path, status)
        type(climate_type), intent(inout) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows), self%atmos%nlev) :: u, v, t, q
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows)) :: ps
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2), self%ocean%nlev) :: temp, &
            salt, uo, vo
        real(dp), dimension(size(self%ocean_forcing, 1), size(self%ocean_forcing, 2)) :: ssh

        call atmos_fields(self%atmos, u, v, t, ps, q)
        call ocean_fields(self%ocean, temp, salt, uo, vo, ssh)
        call open_output(self, path, real(climate_seconds(self), dp), file, status)
        call put_air_levels(self, file, 'u', u, 'm s-1', status)
        call put_air_levels(self, file, 'v', v, 'm s-1', status)
        call put_air_levels(self, file, 't', t, 'K', status)
        call put_air(self, file, 'ps', ps, 'Pa', status)
        call write_pressure_levels(self, file, status)
        call put_sea_levels(self, file, 'temp', temp, 'degC', status)
        call put_sea_levels(self, file, 'salt', salt, 'g kg-1', status)
        call put_sea_levels(self, file, 'uo', uo, 'm s-1', status)
        call put_sea_levels(self, file, 'vo', vo, 'm s-1', status)
        call put_sea(self, file, 'ssh', ssh, 'm', status)
        if (self%full) then
            call put_air_levels(self, file, 'q', q, 'kg kg-1', status)
            call put_sea(self, file, 'ice_volume', self%ice%volume, 'm', status)
            call put_air(self, file, 'land_temperature', self%land%temperature, 'K', status)
            call put_air(self, file, 'land_water', self%land%water, 'kg m-2', status)
            call put_air(self, file, 'precipitation', self%air_mean(:, :, air_rain), 'kg m-2 s-1', status)
            call put_air(self, file, 'evaporation', self%air_mean(:, :, air_evaporation), 'kg m-2 s-1', status)
            call put_air(self, file, 'net_sunlight', self%air_mean(:, :, air_sw_net), 'W m-2', status)
            call put_air(self, file, 'outgoing_long_wave', self%air_mean(:, :, air_olr), 'W m-2', status)
            call put_air(self, file, 'land_fraction', land_fraction(self), '1', status)
            call put_sea(self, file, 'rivers', self%ocean_forcing(:, :, forcing_rivers), 'kg m-2 s-1', status)
        end if
        call file%close(status)
        call self%comm%agree(status)
    end subroutine climate_write_state

    subroutine write_pressure_levels(self, file, status)
        type(climate_type), intent(inout) :: self
        type(netcdf_file_type), intent(in) :: file
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: pressure(:), u(:, :, :), v(:, :, :), t(:, :, :), q(:, :, :), z(:, :, :)

        pressure = pack(self%config%pressure_levels, self%config%pressure_levels > 0.0_dp)
        if (size(pressure) == 0) return
        allocate (u(self%atmos%nlon, size(self%atmos%rows), size(pressure)))
        allocate (v, t, q, z, mold=u)
        call atmos_pressure_levels(self%atmos, 100.0_dp*pressure, u, v, t, q, z)
        if (self%comm%is_root()) call file%write('plev', ['plev'], [size(pressure)], 100.0_dp*pressure, 'Pa', status)
        call put_air_pressures(self, file, 'u_plev', u, 'm s-1', status)
        call put_air_pressures(self, file, 'v_plev', v, 'm s-1', status)
        call put_air_pressures(self, file, 't_plev', t, 'K', status)
        if (self%full) call put_air_pressures(self, file, 'q_plev', q, 'kg kg-1', status)
        call put_air_pressures(self, file, 'z_plev', z, 'm', status)
    end subroutine write_pressure_levels

    !> Share of land on the own atmosphere rows.
    function land_fraction(self)
        type(climate_type), intent(in) :: self
        real(dp) :: land_fraction(self%atmos%nlon, size(self%atmos%rows))
        associate (g => self%exchange%grid, rows => self%atmos%rows)
            land_fraction = g%land_area(:, rows)/spread(g%atmos_area(rows), 1, self%atmos%nlon)
        end associate
    end function land_fraction

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
