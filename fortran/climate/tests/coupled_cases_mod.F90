!> A small coupled model with analytic continents, and what its tests ask of it.
module coupled_cases_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: degree, latent_heat_fusion
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use netcdf_io_mod, only: netcdf_file_type
    use climate_mod, only: climate_type, climate_atmos_step, climate_ocean_step
    use climate_diagnostics_mod, only: n_diagnostics, diagnostic_names
    use atmos_mod, only: atmos_state_size, atmos_pack
    use ocean_mod, only: ocean_state_size, ocean_pack
    use report_mod, only: expect_well
    implicit none
    private
    public :: nlon, nlat, nlev, interval, continents, write_grid, write_namelist, remove_files
    public :: advance, state_of, differing, value_of, heat_of

    integer, parameter :: nlon = 36, nlat = 24, nlev = 5    !< ocean
    real(dp), parameter :: interval = 7200.0_dp             !< of coupling [s]

contains

    !> Two continents and polar land: 1 at sea, 0 on land.
    function continents() result(mask)
        real(dp) :: mask(nlon, nlat), lon, lat
        integer :: i, j
        do j = 1, nlat
            do i = 1, nlon
                lon = (i - 0.5_dp)*360.0_dp/nlon
                lat = -78.0_dp + (j - 0.5_dp)*156.0_dp/nlat
                mask(i, j) = merge(0.0_dp, 1.0_dp, (lon > 20.0_dp .and. lon < 70.0_dp .and. lat > -35.0_dp) .or. &
                    (abs(lon - 260.0_dp) < 15.0_dp + 10.0_dp*sin(2.0_dp*lat*degree) .and. lat > -50.0_dp))
            end do
        end do
    end function continents

    subroutine write_grid(path, mask)
        character(len=*), intent(in) :: path
        real(dp), intent(in) :: mask(:, :)
        type(netcdf_file_type) :: file
        type(status_type) :: status
        call file%create(path, status)
        call file%write('ocean_mask', ['io', 'jo'], shape(mask), mask, '1', status)
        call file%write('ocean_depth', ['io', 'jo'], shape(mask), 4000.0_dp*mask, 'm', status)
        call file%close(status)
        call expect_well(status)
    end subroutine write_grid

    !> The model's namelist file, with further keys of &climate_nml and &atmos_nml and further groups.
    subroutine write_namelist(path, grid, climate_keys, atmos_keys, groups)
        character(len=*), intent(in) :: path, grid, climate_keys, atmos_keys, groups
        integer :: unit
        open (newunit=unit, file=path, action='write', status='replace')
        write (unit, '(a)') '&climate_nml', " grid_file = '"//grid//"'", &
            ' atmos_trunc = 10, atmos_nlon = 32, atmos_nlat = 16, atmos_nlev = 5, atmos_dt = 3600', &
            ' ocean_nlon = 36, ocean_nlat = 24, ocean_nlev = 5, ocean_dt = 3600', &
            ' coupling_dt = 7200, start_seconds = 86400', climate_keys, &
            '/', '&atmos_nml', ' rayleigh_friction = .false., perturbation = 5.0', atmos_keys, '/', groups
        close (unit)
    end subroutine write_namelist

    !> Remove what a test has written; a file that is not there is none to remove.
    subroutine remove_files(prefix, names)
        character(len=*), intent(in) :: prefix, names(:)
        integer :: k, unit, code
        do k = 1, size(names)
            open (newunit=unit, file=trim(prefix)//trim(names(k)), iostat=code)
            if (code == 0) close (unit, status='delete')
        end do
    end subroutine remove_files

    subroutine advance(self, intervals)
        type(climate_type), intent(inout) :: self
        integer, intent(in) :: intervals
        type(status_type) :: status
        integer :: n
        do n = 1, intervals
            call climate_atmos_step(self, status)
            call climate_ocean_step(self, status)
        end do
        call expect_well(status)
    end subroutine advance

    !> Every prognostic number on rank 0 (of the model's communicator).
    function state_of(self) result(state)
        type(climate_type), intent(inout) :: self
        real(dp), allocatable :: state(:), land(:, :), ice(:)
        integer :: na, no
        na = atmos_state_size(self%atmos)
        no = ocean_state_size(self%ocean)
        allocate (state(na + no), land(self%atmos_layout%n_global, 3), ice(nlon*nlat), source=0.0_dp)
        call atmos_pack(self%atmos, state(:na))
        call ocean_pack(self%ocean, state(na + 1:))
        call self%atmos_layout%gather(self%land%temperature, land(:, 1))
        if (self%full) then
            call self%atmos_layout%gather(self%land%water, land(:, 2))
            call self%atmos_layout%gather(self%land%runoff, land(:, 3))
            call self%ocean%layout%gather(self%ice%volume, ice)
        end if
        state = [state, [land], ice, self%ocean_water]
    end function state_of

    !> Numbers of two states that differ in any bit on rank 0; agreed on all ranks.
    real(dp) function differing(comm, a, b)
        type(comm_type), intent(in) :: comm
        real(dp), intent(in) :: a(:), b(:)
        real(dp) :: box(1)
        box = real(count(transfer(a, 1_i8, size(a)) /= transfer(b, 1_i8, size(b))), dp)
        call comm%bcast(box)
        differing = box(1)
    end function differing

    !> A diagnostic of the coupled model, by its name.
    pure real(dp) function value_of(name, values)
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: values(n_diagnostics)
        value_of = values(findloc(diagnostic_names == name, .true., dim=1))
    end function value_of

    !> Heat of sea and land less the latent heat of the ice [J], of a model's diagnostics.
    real(dp) function heat_of(model, values)
        type(climate_type), intent(in) :: model
        real(dp), intent(in) :: values(n_diagnostics)
        heat_of = value_of('ocean_heat_content', values) &
            - model%ice%density*latent_heat_fusion*value_of('ice_volume', values) &
            + model%land%heat_capacity*value_of('mean_land_temperature', values)*sum(model%exchange%grid%land_area)
    end function heat_of
end module coupled_cases_mod
