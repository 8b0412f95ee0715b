!> Fields of the coupled model in a NetCDF file: gathered level by level, written by rank 0. All routines are
!! collective.
module climate_output_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type
    use netcdf_io_mod, only: netcdf_file_type
    use layout_mod, only: layout_type
    use climate_type_mod, only: climate_type
    implicit none
    private
    public :: open_output, put_air, put_air_levels, put_air_pressures, put_sea, put_sea_levels

contains

    !> Begin a file with the coordinates of both grids and its time [s].
    subroutine open_output(self, path, seconds, file, status)
        type(climate_type), intent(in) :: self
        character(len=*), intent(in) :: path
        real(dp), intent(in) :: seconds         !< clock that the file stands for
        type(netcdf_file_type), intent(inout) :: file
        type(status_type), intent(inout) :: status

        if (.not. self%comm%is_root()) return
        call file%create(path, status)
        call file%write_attribute('seconds', seconds, status)
        call file%write('lon', ['lon'], [self%atmos%nlon], self%atmos%lon, 'degrees_east', status)
        call file%write('lat', ['lat'], [self%atmos%nlat], self%atmos%lat, 'degrees_north', status)
        call file%write('level', ['level'], [self%atmos%nlev], self%atmos%sigma, '1', status)
        call file%write('ocean_lon', ['io'], [self%ocean%nlon], self%ocean%lon, 'degrees_east', status)
        call file%write('ocean_lat', ['jo'], [self%ocean%nlat], self%ocean%lat, 'degrees_north', status)
        call file%write('depth', ['depth'], [self%ocean%nlev], self%ocean%grid%z, 'm', status)
    end subroutine open_output

    subroutine put_air_levels(self, file, name, field, units, status)
        type(climate_type), intent(in) :: self
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name, units
        real(dp), intent(in) :: field(:, :, :)      !< (nlon, nrows, nlev)
        type(status_type), intent(inout) :: status
        call put(file, self%atmos_layout, name, [character(len=5) :: 'lon', 'lat', 'level'], &
            [self%atmos%nlon, self%atmos%nlat, self%atmos%nlev], field, units, status)
    end subroutine put_air_levels

    !> On the pressure levels of &climate_nml.
    subroutine put_air_pressures(self, file, name, field, units, status)
        type(climate_type), intent(in) :: self
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name, units
        real(dp), intent(in) :: field(:, :, :)      !< (nlon, nrows, nplev)
        type(status_type), intent(inout) :: status
        call put(file, self%atmos_layout, name, [character(len=4) :: 'lon', 'lat', 'plev'], &
            [self%atmos%nlon, self%atmos%nlat, size(field, 3)], field, units, status)
    end subroutine put_air_pressures

    subroutine put_air(self, file, name, field, units, status)
        type(climate_type), intent(in) :: self
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name, units
        real(dp), intent(in) :: field(:, :)         !< (nlon, nrows)
        type(status_type), intent(inout) :: status
        call put(file, self%atmos_layout, name, [character(len=3) :: 'lon', 'lat'], &
            [self%atmos%nlon, self%atmos%nlat], field, units, status)
    end subroutine put_air

    subroutine put_sea(self, file, name, field, units, status)
        type(climate_type), intent(in) :: self
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name, units
        real(dp), intent(in) :: field(:, :)         !< (nx, ny), the own block
        type(status_type), intent(inout) :: status
        call put(file, self%ocean%layout, name, [character(len=2) :: 'io', 'jo'], &
            [self%ocean%nlon, self%ocean%nlat], field, units, status)
    end subroutine put_sea

    subroutine put_sea_levels(self, file, name, field, units, status)
        type(climate_type), intent(in) :: self
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: name, units
        real(dp), intent(in) :: field(:, :, :)      !< (nx, ny, nlev)
        type(status_type), intent(inout) :: status
        call put(file, self%ocean%layout, name, [character(len=5) :: 'io', 'jo', 'depth'], &
            [self%ocean%nlon, self%ocean%nlat, self%ocean%nlev], field, units, status)
    end subroutine put_sea_levels

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
end module climate_output_mod
