!> What passes between the moist atmosphere and the surfaces under it, as area means over the tiles of a cell.
module atmos_surface_mod
    use kinds_mod, only: dp
    implicit none
    private

    !> The atmosphere as the surfaces see it, (nlon, nrows).
    type, public :: surface_air_type
        real(dp), allocatable :: ps(:, :)               !< surface pressure [Pa]
        real(dp), allocatable :: t(:, :)                !< lowest level, temperature [K]
        real(dp), allocatable :: u(:, :), v(:, :)       !< lowest level, wind [m/s]
        real(dp), allocatable :: q(:, :)                !< lowest level, specific humidity [kg/kg]
        real(dp), allocatable :: sw_down(:, :)          !< short wave arriving, mean over the coming step [W/m2]
        real(dp), allocatable :: lw_down(:, :)          !< long wave arriving [W/m2]
    end type surface_air_type

    !> The surfaces as the atmosphere feels them over one step, (nlon, nrows).
    type, public :: surface_flux_type
        real(dp), allocatable :: stress_x(:, :), stress_y(:, :)  !< eastward, northward stress on the air [N/m2]
        real(dp), allocatable :: sensible(:, :)         !< heat into the air [W/m2]
        real(dp), allocatable :: evaporation(:, :)      !< water vapour into the air [kg/m2/s]
        real(dp), allocatable :: lw_up(:, :)            !< long wave emitted (and reflected) upward [W/m2]
        real(dp), allocatable :: sw_up(:, :)            !< short wave reflected upward [W/m2]
    end type surface_flux_type

    public :: surface_air_init, surface_flux_init

contains

    subroutine surface_air_init(self, nlon, nrows)
        type(surface_air_type), intent(out) :: self
        integer, intent(in) :: nlon, nrows
        allocate(self%ps(nlon, nrows), self%t(nlon, nrows), self%u(nlon, nrows), self%v(nlon, nrows), &
            self%q(nlon, nrows), self%sw_down(nlon, nrows), self%lw_down(nlon, nrows), source=0.0_dp)
    end subroutine surface_air_init

    subroutine surface_flux_init(self, nlon, nrows)
        type(surface_flux_type), intent(out) :: self
        integer, intent(in) :: nlon, nrows
        allocate(self%stress_x(nlon, nrows), self%stress_y(nlon, nrows), self%sensible(nlon, nrows), &
            self%evaporation(nlon, nrows), self%lw_up(nlon, nrows), self%sw_up(nlon, nrows), source=0.0_dp)
    end subroutine surface_flux_init
end module atmos_surface_mod
