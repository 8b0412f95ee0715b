!> Settings of the coupled model, group &climate_nml, and the grid file they name.
module climate_config_mod
    use kinds_mod, only: dp, i8
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use namelist_mod, only: namelist_open, namelist_close, namelist_check_groups
    use netcdf_io_mod, only: netcdf_file_type
    implicit none
    private
    public :: climate_config_read, grid_file_read

    integer, parameter :: path_length = 512, max_levels = 100

    type, public :: climate_config_type
        character(len=path_length) :: grid_file = ''    !< grid.nc; relative to the working directory
        integer :: atmos_trunc = 31                     !< triangular truncation
        integer :: atmos_nlon = 96, atmos_nlat = 48, atmos_nlev = 8
        integer :: atmos_dt = 3600                      !< [s]
        integer :: ocean_nlon = 90, ocean_nlat = 50, ocean_nlev = 10
        integer :: ocean_dt = 3600                      !< internal step [s]
        integer :: coupling_dt = 7200                   !< [s]
        integer(i8) :: start_seconds = 0                !< clock at the start, since 2000-01-01 [s]
        logical :: use_topography = .false.
        character(len=16) :: surface = 'simple'         !< or 'full': tiles, ice and buckets under a moist atmosphere
        real(dp) :: pressure_levels(max_levels) = -1.0_dp  !< of the air in files of fields, rising [hPa]; -1: none
    end type climate_config_type

    !> Every group a namelist file of this model may hold.
    character(len=*), parameter :: known_groups(8) = [character(len=11) :: 'climate_nml', 'atmos_nml', 'ocean_nml', &
        'land_nml', 'ice_nml', 'flux_nml', 'da_nml', 'driver_nml']

contains

    !> Read &climate_nml and refuse groups that nobody reads.
    subroutine climate_config_read(config, path, status)
        type(climate_config_type), intent(out) :: config
        character(len=*), intent(in) :: path            !< namelist file
        type(status_type), intent(inout) :: status
        character(len=path_length) :: grid_file
        integer :: atmos_trunc, atmos_nlon, atmos_nlat, atmos_nlev, atmos_dt, ocean_nlon, ocean_nlat, ocean_nlev, &
            ocean_dt, coupling_dt
        integer(i8) :: start_seconds
        logical :: use_topography, found
        character(len=16) :: surface
        real(dp) :: pressure_levels(max_levels)
        namelist /climate_nml/ grid_file, atmos_trunc, atmos_nlon, atmos_nlat, atmos_nlev, atmos_dt, ocean_nlon, &
            ocean_nlat, ocean_nlev, ocean_dt, coupling_dt, start_seconds, use_topography, surface, pressure_levels
        character(len=256) :: message
        integer :: unit, code

        if (status%failed()) return
        grid_file = config%grid_file
        atmos_trunc = config%atmos_trunc
        atmos_nlon = config%atmos_nlon
        atmos_nlat = config%atmos_nlat
        atmos_nlev = config%atmos_nlev
        atmos_dt = config%atmos_dt
        ocean_nlon = config%ocean_nlon
        ocean_nlat = config%ocean_nlat
        ocean_nlev = config%ocean_nlev
        ocean_dt = config%ocean_dt
        coupling_dt = config%coupling_dt
        start_seconds = config%start_seconds
        use_topography = config%use_topography
        surface = config%surface
        pressure_levels = config%pressure_levels
        call namelist_check_groups(path, known_groups, status)
        call namelist_open(path, 'climate_nml', unit, found, status)
        if (found) read (unit, nml=climate_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'climate_nml', code, message, status)
        if (status%failed()) return
        config = climate_config_type(grid_file, atmos_trunc, atmos_nlon, atmos_nlat, atmos_nlev, atmos_dt, ocean_nlon, &
            ocean_nlat, ocean_nlev, ocean_dt, coupling_dt, start_seconds, use_topography, surface, pressure_levels)
        call check(config, path, status)
    end subroutine climate_config_read

    subroutine check(config, path, status)
        type(climate_config_type), intent(in) :: config
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status
        character(len=:), allocatable :: where_found

        where_found = trim(path)//': &climate_nml: '
        if (config%grid_file == '') call status%set(status_bad_input, where_found//'grid_file is not given')
        if (min(config%atmos_trunc, config%atmos_nlon, config%atmos_nlat, config%atmos_nlev, config%ocean_nlon, &
            config%ocean_nlat, config%ocean_nlev, config%atmos_dt, config%ocean_dt, config%coupling_dt) < 1) then
          call status%set(status_bad_input, where_found//'sizes and time steps must be positive')
        end if
        if (status%failed()) return
        if (mod(config%coupling_dt, config%atmos_dt) /= 0 .or. mod(config%coupling_dt, config%ocean_dt) /= 0) then
          call status%set(status_bad_input, where_found//'coupling_dt must be a multiple of atmos_dt and of ocean_dt')
        end if
        if (all(config%surface /= [character(len=16) :: 'simple', 'full'])) call status%set(status_bad_input, &
            where_found//"surface is '"//trim(config%surface)//"'; it must be 'simple' or 'full'")
        associate (p => pack(config%pressure_levels, config%pressure_levels /= -1.0_dp))
            if (any(p <= 0.0_dp) .or. any(p(2:) <= p(:size(p) - 1))) call status%set(status_bad_input, &
                where_found//'pressure_levels have to be positive and to rise [hPa]; -1 for none')
        end associate
        if (config%start_seconds < 0) call status%set(status_bad_input, &
            where_found//'start_seconds must not be before 2000-01-01')
    end subroutine check

    !> Read mask, depth and topography on rank 0 and give them to all. Collective.
    subroutine grid_file_read(config, comm, mask, depth, topography, status)
        type(climate_config_type), intent(in) :: config
        type(comm_type), intent(in) :: comm
        real(dp), allocatable, intent(out) :: mask(:, :)        !< 1 = sea (ocean_nlon, ocean_nlat)
        real(dp), allocatable, intent(out) :: depth(:, :)       !< [m]
        real(dp), allocatable, intent(out) :: topography(:, :)  !< [m] (atmos_nlon, atmos_nlat); 0 unless it is used
        type(status_type), intent(inout) :: status
        type(netcdf_file_type) :: file

        allocate (mask(config%ocean_nlon, config%ocean_nlat), depth(config%ocean_nlon, config%ocean_nlat), &
            topography(config%atmos_nlon, config%atmos_nlat), source=0.0_dp)
        if (comm%is_root()) then
            call file%open_to_read(config%grid_file, status)
            call file%read('ocean_mask', shape(mask), mask, status)
            call file%read('ocean_depth', shape(depth), depth, status)
            if (config%use_topography) call file%read('topography', shape(topography), topography, status)
            call file%close(status)
        end if
        call comm%agree(status)
        if (status%failed()) return
        call broadcast(mask)
        call broadcast(depth)
        call broadcast(topography)

    contains

        subroutine broadcast(field)
            real(dp), contiguous, target, intent(inout) :: field(:, :)
            real(dp), contiguous, pointer :: flat(:)
            flat(1:size(field)) => field
            call comm%bcast(flat)
        end subroutine broadcast
    end subroutine grid_file_read
end module climate_config_mod
