!> Fluxes between moist air and one tile of surface, and the temperature of a tile that holds little or no heat.
!! Bulk formulas after Louis (1979) as in bulk_flux_mod, with evaporation:
!!     H = c_p C (T_s - theta),   E = beta C (q_s(T_s) - q),   C = rho a^2/R U F_h,
!! where dew (q_s < q) always falls at beta = 1, and Ri takes virtual temperatures. The surface emits as a black body.
!! Net heat into the tile
!!     F(T_s) = (1 - albedo) S + L - sigma T_s^4 - H - L_v E.
!! The temperature of ice and land is the root of the balance of a step, found by Newton's method,
!!     F(T_s) + g (T_b - T_s) - c (T_s - T_old) = 0,
!! with conductance g to a base at T_b (ice) and heat capacity per step c = C/dt (land). All fluxes are then those of
!! this temperature, and the tile receives F itself, so that its energy is exact wherever the iteration stops.
module surface_balance_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, dry_air_gas_constant, dry_air_cp, kappa, stefan_boltzmann, &
        latent_heat_vaporization, latent_heat_fusion, vapour_gas_constant
    use atmos_saturation_mod, only: saturation
    use bulk_flux_mod, only: stability_functions, von_karman, neutral_prandtl
    implicit none
    private
    public :: surface_saturation, make_air_column, tile_fluxes, tile_temperature

    real(dp), parameter, public :: vapour_ratio = dry_air_gas_constant/vapour_gas_constant  !< R_d/R_v
    real(dp), parameter :: triple_point = 273.16_dp         !< of water [K]
    integer, parameter :: max_iterations = 20
    real(dp), parameter :: tolerance = 1.0e-6_dp            !< of the surface temperature [K]

    !> The air over a tile, with what all tiles under it share.
    type, public :: air_column_type
        real(dp) :: ps = 0.0_dp         !< surface pressure [Pa]
        real(dp) :: u = 0.0_dp, v = 0.0_dp  !< lowest level [m/s]
        real(dp) :: q = 0.0_dp          !< lowest level [kg/kg]
        real(dp) :: sw_down = 0.0_dp, lw_down = 0.0_dp  !< [W/m2]
        real(dp) :: z = 0.0_dp          !< height of the lowest level [m]
        real(dp) :: log_z = 0.0_dp      !< its logarithm
        real(dp) :: theta = 0.0_dp      !< its temperature brought down dry-adiabatically [K]
        real(dp) :: rho = 0.0_dp        !< density at the surface [kg/m3]
    end type air_column_type

    !> What a tile is made of.
    type, public :: tile_type
        real(dp) :: log_z0 = 0.0_dp     !< logarithm of the roughness length in m
        real(dp) :: gustiness = 1.0_dp  !< [m/s]
        logical :: louis = .false.      !< use the stability functions
        logical :: frozen = .false.     !< saturation over ice
        real(dp) :: vapour = 1.0_dp     !< saturation over that of pure water, less for salt water
        real(dp) :: albedo = 0.0_dp
        real(dp) :: wetness = 1.0_dp    !< beta
        real(dp) :: conductance = 0.0_dp    !< g [W/m2/K]
        real(dp) :: base = 0.0_dp       !< T_b [K]
        real(dp) :: capacity = 0.0_dp   !< c, heat capacity over the time step [W/m2/K]
    end type tile_type

    !> Fluxes of a tile; upward is positive for the four in the middle.
    type, public :: tile_flux_type
        real(dp) :: tau_x = 0.0_dp, tau_y = 0.0_dp  !< stress on the surface [N/m2]
        real(dp) :: sensible = 0.0_dp       !< [W/m2]
        real(dp) :: evaporation = 0.0_dp    !< [kg/m2/s]
        real(dp) :: lw_up = 0.0_dp          !< emitted [W/m2]
        real(dp) :: sw_up = 0.0_dp          !< reflected [W/m2]
        real(dp) :: heat = 0.0_dp           !< F, net into the surface [W/m2]
        real(dp) :: slope = 0.0_dp          !< -dF/dT_s at fixed C [W/m2/K]
    end type tile_flux_type

contains

    !> Saturation specific humidity and its slope with temperature; over ice by the latent heat of sublimation.
    elemental subroutine surface_saturation(t, p, frozen, q_s, dq_s)
        real(dp), intent(in) :: t               !< [K]
        real(dp), intent(in) :: p               !< [Pa]
        logical, intent(in) :: frozen           !< over ice
        real(dp), intent(out) :: q_s            !< [kg/kg]
        real(dp), intent(out) :: dq_s           !< [1/K]
        real(dp) :: ratio

        call saturation(t, p, q_s, dq_s)
        if (.not. frozen) return
        ratio = exp(latent_heat_fusion/vapour_gas_constant*(1.0_dp/triple_point - 1.0_dp/t))
        q_s = ratio*q_s
        dq_s = ratio*dq_s + q_s*latent_heat_fusion/(vapour_gas_constant*t**2)
    end subroutine surface_saturation

    elemental subroutine make_air_column(air, sigma, ps, t, u, v, q, sw_down, lw_down)
        type(air_column_type), intent(out) :: air
        real(dp), intent(in) :: sigma           !< pressure of the lowest level over surface pressure
        real(dp), intent(in) :: ps              !< [Pa]
        real(dp), intent(in) :: t, u, v, q      !< lowest level [K, m/s, m/s, kg/kg]
        real(dp), intent(in) :: sw_down, lw_down    !< [W/m2]

        air%ps = ps
        air%u = u
        air%v = v
        air%q = q
        air%sw_down = sw_down
        air%lw_down = lw_down
        air%z = -log(sigma)*dry_air_gas_constant*t/gravity
        air%log_z = log(air%z)
        air%theta = t*sigma**(-kappa)
        air%rho = ps/(dry_air_gas_constant*air%theta)
    end subroutine make_air_column

    !> Fluxes over a tile at surface temperature ts with surface current us, vs.
    elemental subroutine tile_fluxes(air, tile, ts, us, vs, flux)
        type(air_column_type), intent(in) :: air
        type(tile_type), intent(in) :: tile
        real(dp), intent(in) :: ts              !< [K]
        real(dp), intent(in) :: us, vs          !< [m/s]
        type(tile_flux_type), intent(out) :: flux
        real(dp) :: wind, a2, f_momentum, f_heat, theta_v, momentum, exchange, beta, qs, dqs

        call surface_saturation(ts, air%ps, tile%frozen, qs, dqs)
        qs = tile%vapour*qs
        wind = sqrt((air%u - us)**2 + (air%v - vs)**2 + tile%gustiness**2)
        a2 = (von_karman/(air%log_z - tile%log_z0))**2
        f_momentum = 1.0_dp
        f_heat = 1.0_dp
        if (tile%louis) then
            theta_v = virtual(air%theta, air%q)
            call stability_functions(gravity*air%z*(theta_v - virtual(ts, air%q + tile%wetness*(qs - air%q))) &
                /(theta_v*wind**2), exp(air%log_z - tile%log_z0), f_momentum, f_heat)
        end if
        momentum = air%rho*a2*f_momentum*wind
        exchange = air%rho*a2/neutral_prandtl*f_heat*wind
        beta = merge(tile%wetness, 1.0_dp, qs > air%q)
        flux%tau_x = momentum*(air%u - us)
        flux%tau_y = momentum*(air%v - vs)
        flux%sensible = dry_air_cp*exchange*(ts - air%theta)
        flux%evaporation = beta*exchange*(qs - air%q)
        flux%lw_up = stefan_boltzmann*ts**4
        flux%sw_up = tile%albedo*air%sw_down
        flux%heat = (air%sw_down - flux%sw_up) + (air%lw_down - flux%lw_up) - flux%sensible &
            - latent_heat_vaporization*flux%evaporation
        flux%slope = 4.0_dp*stefan_boltzmann*ts**3 + exchange*(dry_air_cp &
            + latent_heat_vaporization*beta*tile%vapour*dqs)
    end subroutine tile_fluxes

    pure real(dp) function virtual(t, q)
        real(dp), intent(in) :: t, q
        virtual = t*(1.0_dp + (1.0_dp/vapour_ratio - 1.0_dp)*q)
    end function virtual

    !> Root of the balance, at most t_max, and the fluxes there; the surface does not move.
    elemental subroutine tile_temperature(air, tile, t_old, t_max, ts, flux)
        type(air_column_type), intent(in) :: air
        type(tile_type), intent(in) :: tile
        real(dp), intent(in) :: t_old           !< before the step, and first guess [K]
        real(dp), intent(in) :: t_max           !< melting point; huge where there is none [K]
        real(dp), intent(out) :: ts             !< [K]
        type(tile_flux_type), intent(out) :: flux
        real(dp) :: imbalance, change
        integer :: n

        ts = min(t_old, t_max)
        do n = 1, max_iterations
            call tile_fluxes(air, tile, ts, 0.0_dp, 0.0_dp, flux)
            imbalance = flux%heat + tile%conductance*(tile%base - ts) - tile%capacity*(ts - t_old)
            change = imbalance/(flux%slope + tile%conductance + tile%capacity)
            if (ts >= t_max .and. change >= 0.0_dp) exit
            if (abs(change) < tolerance) exit
            ts = min(ts + change, t_max)
        end do
    end subroutine tile_temperature
end module surface_balance_mod
