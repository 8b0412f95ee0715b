!> Monthly means of a run with the full surface, one file per month; a month is a twelfth of the mean Gregorian year.
!! Every coupling interval counts once, with the fields at its end and the fluxes of its course.
!!
!! Of products: mass_flux = <v ps>/g per unit of sigma [kg/m/s], which makes the overturning of the air, and the eddy
!! fluxes' parents uv, vt, vq. The currents uo, vo stand at the corners north-east of their cells, where the ocean model
!! has them, so that the transports through the cells' faces can be formed from them.
module climate_means_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: gravity, seconds_per_year
    use status_mod, only: status_type, status_bad_input
    use netcdf_io_mod, only: netcdf_file_type
    use climate_type_mod, only: climate_type, forcing_stress_x, forcing_stress_y, forcing_heat, forcing_water
    use climate_mod, only: climate_seconds
    use climate_output_mod, only: open_output, put_air, put_air_levels, put_sea, put_sea_levels
    use climate_state_mod, only: land_fraction
    use ice_mod, only: ice_cover
    use atmos_mod, only: atmos_fields
    implicit none
    private
    public :: climate_means_init, climate_means_add

    !> What is summed, by the third index of `air` and the fourth of the others.
    character(len=*), parameter :: air_levels_names(8) = [character(len=9) :: 'u', 'v', 't', 'q', 'mass_flux', 'uv', &
        'vt', 'vq']
    character(len=*), parameter :: air_levels_units(8) = [character(len=12) :: 'm s-1', 'm s-1', 'K', 'kg kg-1', &
        'kg m-1 s-1', 'm2 s-2', 'K m s-1', 'm s-1']
    character(len=*), parameter :: air_names(8) = [character(len=18) :: 'precipitation', 'evaporation', &
        'surface_heat', 'net_sunlight', 'outgoing_long_wave', 'ps', 'land_temperature', 'land_water']
    character(len=*), parameter :: air_units(8) = [character(len=10) :: 'kg m-2 s-1', 'kg m-2 s-1', 'W m-2', 'W m-2', &
        'W m-2', 'Pa', 'K', 'kg m-2']
    character(len=*), parameter :: sea_levels_names(4) = [character(len=4) :: 'temp', 'salt', 'uo', 'vo']
    character(len=*), parameter :: sea_levels_units(4) = [character(len=6) :: 'degC', 'g kg-1', 'm s-1', 'm s-1']
    integer, parameter :: sea_forcings(4) = [forcing_stress_x, forcing_stress_y, forcing_heat, forcing_water]
    character(len=*), parameter :: sea_names(7) = [character(len=10) :: 'stress_x', 'stress_y', 'heat', 'freshwater', &
        'ssh', 'ice_volume', 'ice_cover']
    character(len=*), parameter :: sea_units(7) = [character(len=10) :: 'N m-2', 'N m-2', 'W m-2', 'kg m-2 s-1', 'm', &
        'm', '1']

    type, public :: climate_means_type
        character(len=:), allocatable :: path               !< its ending is preceded by the month: means_000001.nc
        integer :: samples = 0
        real(dp), allocatable :: air_levels(:, :, :, :)     !< sums (nlon, nrows, nlev, 8)
        real(dp), allocatable :: air(:, :, :)               !< (nlon, nrows, 8)
        real(dp), allocatable :: sea_levels(:, :, :, :)     !< (nx, ny, nlev, 4)
        real(dp), allocatable :: sea(:, :, :)               !< (nx, ny, 7)
    end type climate_means_type

contains

    subroutine climate_means_init(self, climate, path, status)
        type(climate_means_type), intent(out) :: self
        type(climate_type), intent(in) :: climate
        character(len=*), intent(in) :: path        !< of the files, before the month is put in
        type(status_type), intent(inout) :: status

        if (.not. climate%full) call status%set(status_bad_input, trim(path)//": monthly means need surface = 'full'")
        self%path = trim(path)
        associate (a => climate%atmos, nx => size(climate%ocean_forcing, 1), ny => size(climate%ocean_forcing, 2))
            allocate (self%air_levels(a%nlon, size(a%rows), a%nlev, size(air_levels_names)), source=0.0_dp)
            allocate (self%air(a%nlon, size(a%rows), size(air_names)), source=0.0_dp)
            allocate (self%sea_levels(nx, ny, climate%ocean%nlev, size(sea_levels_names)), source=0.0_dp)
            allocate (self%sea(nx, ny, size(sea_names)), source=0.0_dp)
        end associate
    end subroutine climate_means_init

    !> Count the coupling interval that has just ended; the last one of a month writes the month. An interval belongs to
    !! the month of its middle. Collective.
    subroutine climate_means_add(self, climate, status)
        type(climate_means_type), intent(inout) :: self
        type(climate_type), intent(inout) :: climate
        type(status_type), intent(inout) :: status
        real(dp) :: middle

        middle = real(climate_seconds(climate), dp) - 0.5_dp*climate%config%coupling_dt
        self%samples = self%samples + 1
        call add_air(self, climate)
        call add_sea(self, climate)
        if (month_of(middle + climate%config%coupling_dt) == month_of(middle)) return
        call write_month(self, climate, month_of(middle), status)
        self%samples = 0
        self%air_levels = 0.0_dp
        self%air = 0.0_dp
        self%sea_levels = 0.0_dp
        self%sea = 0.0_dp
    end subroutine climate_means_add

    !> 0 is the first month of the year 2000.
    pure integer function month_of(seconds)
        real(dp), intent(in) :: seconds         !< clock
        month_of = floor(12.0_dp*seconds/seconds_per_year)
    end function month_of

    subroutine add_air(self, climate)
        type(climate_means_type), intent(inout) :: self
        type(climate_type), intent(inout) :: climate
        real(dp), dimension(size(self%air, 1), size(self%air, 2), size(self%air_levels, 3)) :: u, v, t, q
        real(dp) :: ps(size(self%air, 1), size(self%air, 2))
        integer :: k

        call atmos_fields(climate%atmos, u, v, t, ps, q)
        associate (m => self%air_levels)
            m(:, :, :, 1) = m(:, :, :, 1) + u
            m(:, :, :, 2) = m(:, :, :, 2) + v
            m(:, :, :, 3) = m(:, :, :, 3) + t
            m(:, :, :, 4) = m(:, :, :, 4) + q
            do k = 1, size(m, 3)
                m(:, :, k, 5) = m(:, :, k, 5) + v(:, :, k)*ps/gravity
            end do
            m(:, :, :, 6) = m(:, :, :, 6) + u*v
            m(:, :, :, 7) = m(:, :, :, 7) + v*t
            m(:, :, :, 8) = m(:, :, :, 8) + v*q
        end associate
        associate (m => self%air)
            m(:, :, :5) = m(:, :, :5) + climate%air_mean
            m(:, :, 6) = m(:, :, 6) + ps
            m(:, :, 7) = m(:, :, 7) + climate%land%temperature
            m(:, :, 8) = m(:, :, 8) + climate%land%water
        end associate
    end subroutine add_air

    subroutine add_sea(self, climate)
        type(climate_means_type), intent(inout) :: self
        type(climate_type), intent(in) :: climate
        integer :: nx, ny

        nx = size(self%sea, 1)
        ny = size(self%sea, 2)
        associate (m => self%sea_levels, o => climate%ocean)
            m(:, :, :, 1) = m(:, :, :, 1) + o%t(1:nx, 1:ny, :)
            m(:, :, :, 2) = m(:, :, :, 2) + o%s(1:nx, 1:ny, :)
            m(:, :, :, 3) = m(:, :, :, 3) + o%u(1:nx, 1:ny, :)
            m(:, :, :, 4) = m(:, :, :, 4) + o%v(1:nx, 1:ny, :)
        end associate
        associate (m => self%sea)
            m(:, :, :4) = m(:, :, :4) + climate%ocean_forcing(:, :, sea_forcings)
            m(:, :, 5) = m(:, :, 5) + climate%ocean%eta(1:nx, 1:ny)
            m(:, :, 6) = m(:, :, 6) + climate%ice%volume
            m(:, :, 7) = m(:, :, 7) + ice_cover(climate%ice, climate%ice%volume)
        end associate
    end subroutine add_sea

    subroutine write_month(self, climate, month, status)
        type(climate_means_type), intent(in) :: self
        type(climate_type), intent(in) :: climate
        integer, intent(in) :: month
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file
        character(len=12) :: name
        integer :: dot, k
        real(dp) :: share

        share = 1.0_dp/self%samples
        write (name, '(i0.6)') month
        dot = index(self%path, '.', back=.true.)
        if (dot == 0) dot = len(self%path) + 1
        call open_output(climate, self%path(:dot - 1)//'_'//trim(name)//self%path(dot:), &
            (month + 0.5_dp)*seconds_per_year/12.0_dp, file, status)
        if (climate%comm%is_root()) call file%write_attribute('samples', real(self%samples, dp), status)
        do k = 1, size(air_levels_names)
            call put_air_levels(climate, file, trim(air_levels_names(k)), share*self%air_levels(:, :, :, k), &
                trim(air_levels_units(k)), status)
        end do
        do k = 1, size(air_names)
            call put_air(climate, file, trim(air_names(k)), share*self%air(:, :, k), trim(air_units(k)), status)
        end do
        do k = 1, size(sea_levels_names)
            call put_sea_levels(climate, file, trim(sea_levels_names(k)), share*self%sea_levels(:, :, :, k), &
                trim(sea_levels_units(k)), status)
        end do
        do k = 1, size(sea_names)
            call put_sea(climate, file, trim(sea_names(k)), share*self%sea(:, :, k), trim(sea_units(k)), status)
        end do
        call put_air(climate, file, 'land_fraction', land_fraction(climate), '1', status)
        call file%close(status)
        call climate%comm%agree(status)
    end subroutine write_month
end module climate_means_mod
