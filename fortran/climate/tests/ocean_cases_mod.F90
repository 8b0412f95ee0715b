!> Idealised oceans for verification.
module ocean_cases_mod
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_init
    implicit none
    private
    public :: new_ocean, linear_settings, continents, contents

    !> A linear, frictionless ocean of uniform density.
    character(len=*), parameter :: linear_settings = "initial_state = 'uniform', momentum_advection = f, "// &
        "baroclinic_pressure = f, viscosity = 0, vertical_viscosity = 0, pp_viscosity = 0, drag_coefficient = 0, "// &
        "min_levels = 1"

contains

    !> An ocean with the given lines of &ocean_nml; stops the program if it cannot be built.
    subroutine new_ocean(o, comm, name, settings, nlon, nlat, nlev, dt, mask, depth)
        type(ocean_type), intent(inout) :: o
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: name        !< of the namelist file in the working directory
        character(len=*), intent(in) :: settings    !< key = value, ...
        integer, intent(in) :: nlon, nlat, nlev, mask(:, :)
        real(dp), intent(in) :: dt, depth(:, :)
        type(status_type) :: status
        integer :: unit

        if (comm%is_root()) then
            open (newunit=unit, file=name//'.nml', action='write', status='replace')
            write (unit, '(3a)') '&ocean_nml ', settings, ' /'
            close (unit)
        end if
        call comm%barrier()
        call ocean_init(o, comm, name//'.nml', nlon, nlat, nlev, dt, mask, depth, status)
        if (status%failed()) then
            print '(2a)', name, ': '//trim(status%message)
            error stop 1
        end if
    end subroutine new_ocean

    !> Two continents, an island, a strait, a one-cell lake and a sloping floor with a ridge, on any grid.
    subroutine continents(nlon, nlat, mask, depth)
        integer, intent(in) :: nlon, nlat
        integer, intent(out) :: mask(nlon, nlat)        !< 1 = sea
        real(dp), intent(out) :: depth(nlon, nlat)      !< [m]
        real(dp) :: lon, lat
        integer :: i, j

        mask = 1
        do j = 1, nlat
            lat = -78.0_dp + (j - 0.5_dp)*156.0_dp/nlat
            do i = 1, nlon
                lon = (i - 0.5_dp)*360.0_dp/nlon
                depth(i, j) = 4500.0_dp - 2000.0_dp*exp(-((lon - 210.0_dp)/15.0_dp)**2) &
                    - 3500.0_dp*exp(-((lat - 70.0_dp)/15.0_dp)**2)
                if (lon > 10 .and. lon < 40 .and. lat > -35) mask(i, j) = 0
                if (abs(lon - 285.0_dp + 0.4_dp*lat) < 20 .and. lat > -56) mask(i, j) = 0
                if (lon > 120 .and. lon < 145 .and. lat > -35 .and. lat < -12) mask(i, j) = 0
                if (lat < -70) mask(i, j) = 0
            end do
        end do
        mask(nlon/18, (3*nlat)/4) = 1
        mask((5*nlon)/9, (2*nlat)/3) = 0
    end subroutine continents

    !> Volume above rest [m3] and content of heat [degC m3] and salt [g/kg m3] of an ocean on one rank.
    subroutine contents(o, volume, heat_content, salt)
        type(ocean_type), intent(in) :: o
        real(dp), intent(out) :: volume, heat_content, salt
        real(dp) :: cell
        integer :: i, j, k
        volume = 0.0_dp
        heat_content = 0.0_dp
        salt = 0.0_dp
        do j = 1, o%nlat
            do i = 1, o%nlon
                if (o%wet(i, j)) volume = volume + o%grid%area(j)*o%eta(i, j)
                do k = 1, o%grid%levels(i, j)
                    cell = o%grid%area(j)*(o%grid%dz(k) + merge(o%eta(i, j), 0.0_dp, k == 1))
                    heat_content = heat_content + cell*o%t(i, j, k)
                    salt = salt + cell*o%s(i, j, k)
                end do
            end do
        end do
    end subroutine contents
end module ocean_cases_mod
