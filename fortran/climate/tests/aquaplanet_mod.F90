!> A sea of prescribed temperature under the moist atmosphere, for its tests: the zonal "control" profile of Neale and
!! Hoskins (2000), 27 degC (1 - sin^2(3 lat/2)) within 60 degrees and 0 degC beyond; constant exchange coefficients.
module aquaplanet_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree, celsius_zero, dry_air_gas_constant, dry_air_cp, kappa, stefan_boltzmann
    use atmos_mod, only: atmos_type, surface_air_type, surface_flux_type, atmos_surface, atmos_step
    use atmos_surface_mod, only: surface_air_init, surface_flux_init
    use atmos_saturation_mod, only: saturation
    use status_mod, only: status_type
    implicit none
    private

    public :: sea_temperature, aquaplanet_step

    real(dp), parameter :: exchange = 1.5e-3_dp     !< coefficient of all turbulent fluxes
    real(dp), parameter :: gustiness = 1.0_dp       !< [m/s]
    real(dp), parameter :: albedo = 0.08_dp

contains

    elemental real(dp) function sea_temperature(lat)
        real(dp), intent(in) :: lat                 !< [degrees]
        sea_temperature = celsius_zero
        if (abs(lat) < 60.0_dp) sea_temperature = celsius_zero + 27.0_dp*(1.0_dp - sin(1.5_dp*lat*degree)**2)
    end function sea_temperature

    !> One step of the atmosphere over this sea; what passed between them is returned.
    subroutine aquaplanet_step(atmos, air, flux, status)
        type(atmos_type), intent(inout) :: atmos
        type(surface_air_type), intent(inout) :: air    !< allocated at the first call
        type(surface_flux_type), intent(inout) :: flux  !< likewise
        type(status_type), intent(inout) :: status
        real(dp) :: rho, wind, sea, q_s, dq_s
        integer :: i, j

        if (.not. allocated(air%ps)) then
            call surface_air_init(air, atmos%nlon, size(atmos%rows))
            call surface_flux_init(flux, atmos%nlon, size(atmos%rows))
        end if
        call atmos_surface(atmos, air)
        do j = 1, size(atmos%rows)
            sea = sea_temperature(atmos%lat(atmos%rows(j)))
            do i = 1, atmos%nlon
                call saturation(sea, air%ps(i, j), q_s, dq_s)
                wind = sqrt(air%u(i, j)**2 + air%v(i, j)**2 + gustiness**2)
                rho = exchange*wind*air%ps(i, j)/(dry_air_gas_constant*sea)
                flux%stress_x(i, j) = -rho*air%u(i, j)
                flux%stress_y(i, j) = -rho*air%v(i, j)
                flux%sensible(i, j) = rho*dry_air_cp*(sea - air%t(i, j)*atmos%sigma(atmos%nlev)**(-kappa))
                flux%evaporation(i, j) = rho*(q_s - air%q(i, j))
            end do
            flux%lw_up(:, j) = stefan_boltzmann*sea**4
            flux%sw_up(:, j) = albedo*air%sw_down(:, j)
        end do
        call atmos_step(atmos, flux, status)
    end subroutine aquaplanet_step
end module aquaplanet_mod
