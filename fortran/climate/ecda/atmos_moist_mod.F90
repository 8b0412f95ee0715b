!> The moist physics of one step (forcing = 'moist'), row by row, each process on what the one before has left:
!! holes of q filled, grey radiation, vertical diffusion with the surface fluxes, simplified Betts-Miller convection,
!! large-scale condensation. All work at fixed ps, so that for each column
!!     sum (c_p dT + dK + L dq) ps ds/g = dt (net short and long wave at the top, sw_up and lw_up + sensible
!!     + L evaporation - what radiation brings down to the surface),     sum dq ps ds/g = dt (evaporation - rain).
!! The mass of the vapour is not part of ps, its buoyancy is neglected, and all precipitation is rain.
module atmos_moist_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: gravity
    use atmos_config_mod, only: config_type
    use atmos_vertical_mod, only: vertical_type
    use atmos_surface_mod, only: surface_flux_type, surface_flux_init
    use atmos_solar_mod, only: solar_type
    use atmos_radiation_mod, only: radiation_type
    use atmos_diffusion_mod, only: heights, diffuse
    use atmos_convection_mod, only: convect_column
    use atmos_condensation_mod, only: condense_row
    use atmos_water_mod, only: fill_holes
    implicit none
    private

    type, public :: moist_type
        type(config_type) :: config
        type(solar_type) :: solar
        type(radiation_type) :: radiation
        type(surface_flux_type) :: flux                     !< of the present step
        real(dp) :: dt = 0.0_dp                             !< [s]
        ! Results of the present step, (nlon, nrows):
        real(dp), allocatable :: precipitation(:, :)        !< [kg/m2/s]
        real(dp), allocatable :: convective(:, :)           !< its part from convection [kg/m2/s]
        real(dp), allocatable :: toa_sw_net(:, :)           !< short wave kept by the planet [W/m2]
        real(dp), allocatable :: olr(:, :)                  !< long wave to space [W/m2]
        ! Sums along the rows, (nrows):
        real(dp), allocatable :: water(:)                   !< ps sum(q ds) before the step [Pa]
        real(dp), allocatable :: source(:)                  !< what the surface gave less what rained, g dt (E - P) [Pa]
    contains
        procedure :: init => moist_init
        procedure :: begin_step
        procedure :: sunlight
        procedure :: surface_radiation
        procedure :: row => moist_row
    end type moist_type

contains

    subroutine moist_init(self, config, vertical, sin_lat, nlon, dt)
        class(moist_type), intent(out) :: self
        type(config_type), intent(in) :: config
        type(vertical_type), intent(in) :: vertical
        real(dp), intent(in) :: sin_lat(:)                  !< (nrows)
        integer, intent(in) :: nlon
        real(dp), intent(in) :: dt                          !< [s]
        integer :: nrows

        nrows = size(sin_lat)
        self%config = config
        self%dt = dt
        call self%solar%init(config%obliquity, config%eccentricity, config%perihelion, config%diurnal_cycle)
        call self%radiation%init(config, vertical, sin_lat)
        call surface_flux_init(self%flux, nlon, nrows)
        allocate(self%precipitation(nlon, nrows), self%convective(nlon, nrows), self%toa_sw_net(nlon, nrows), &
            self%olr(nlon, nrows), source=0.0_dp)
        allocate(self%water(nrows), self%source(nrows), source=0.0_dp)
    end subroutine moist_init

    subroutine begin_step(self, seconds, flux)
        class(moist_type), intent(inout) :: self
        integer(i8), intent(in) :: seconds                  !< since 2000-01-01
        type(surface_flux_type), intent(in) :: flux
        self%flux = flux
        call self%solar%set_time(seconds, self%dt)
    end subroutine begin_step

    !> Short wave that passes the top of the atmosphere downward and is not reflected by clouds, one row [W/m2].
    pure function sunlight(self, sin_lat, nlon) result(sw_in)
        class(moist_type), intent(in) :: self
        real(dp), intent(in) :: sin_lat
        integer, intent(in) :: nlon
        real(dp) :: sw_in(nlon)
        call self%solar%cosine_row(sin_lat, sw_in)
        sw_in = self%config%solar_irradiance*self%solar%nearness*(1.0_dp - self%config%cloud_albedo)*sw_in
    end function sunlight

    !> What arrives at the surface of one row.
    pure subroutine surface_radiation(self, row, sin_lat, t, sw_down, lw_down)
        class(moist_type), intent(in) :: self
        integer, intent(in) :: row                          !< local row
        real(dp), intent(in) :: sin_lat
        real(dp), intent(in), contiguous :: t(:, :)         !< (nlon, nlev) [K]
        real(dp), intent(out) :: sw_down(:), lw_down(:)     !< (nlon) [W/m2]
        real(dp) :: b(size(t, 1), 0:2*size(t, 2)), flux(size(t, 1), 0:size(t, 2))

        sw_down = self%radiation%sw_surface*self%sunlight(sin_lat, size(sw_down))
        call self%radiation%planck_nodes(row, t, b)
        call self%radiation%down(row, b, flux)
        lw_down = flux(:, size(t, 2))
    end subroutine surface_radiation

    !> Tendencies of one latitude row, as means over the step.
    subroutine moist_row(self, vertical, row, sin_lat, u, v, t, q, log_ps, du, dv, dt_air, dq)
        class(moist_type), intent(inout) :: self
        type(vertical_type), intent(in) :: vertical
        integer, intent(in) :: row                                          !< local row
        real(dp), intent(in) :: sin_lat
        real(dp), intent(in), contiguous :: u(:, :), v(:, :), t(:, :), q(:, :)  !< (nlon, nlev) [m/s], [K], [kg/kg]
        real(dp), intent(in), contiguous :: log_ps(:)                       !< (nlon) ln(ps/Pa)
        real(dp), intent(out), contiguous :: du(:, :), dv(:, :), dt_air(:, :), dq(:, :)  !< per second
        real(dp), dimension(size(u, 1), size(u, 2)) :: u1, v1, t1, q1, phi, phi_half, heating
        real(dp), dimension(size(u, 1)) :: ps, sw_in
        integer :: k

        ps = exp(log_ps)
        self%water(row) = 0.0_dp
        do k = 1, size(q, 2)
            self%water(row) = self%water(row) + vertical%ds(k)*sum(ps*q(:, k))
        end do
        u1 = u
        v1 = v
        q1 = q
        call fill_holes(vertical%ds, ps, q1)
        sw_in = self%sunlight(sin_lat, size(ps))
        associate (f => self%flux)
            call self%radiation%heating(row, t, ps, sw_in, f%lw_up(:, row), heating, self%olr(:, row))
            self%toa_sw_net(:, row) = sw_in - f%sw_up(:, row)
            t1 = t + self%dt*heating
            call heights(vertical, t1, phi, phi_half)
            call diffuse(vertical, self%config%mixing_length, self%dt, ps, phi, phi_half, f%stress_x(:, row), &
                f%stress_y(:, row), f%sensible(:, row), f%evaporation(:, row), u1, v1, t1, q1)
            call rain(self, vertical, row, ps, t1, q1)
            self%source(row) = gravity*self%dt*sum(f%evaporation(:, row) - self%precipitation(:, row))
        end associate
        du = (u1 - u)/self%dt
        dv = (v1 - v)/self%dt
        dt_air = (t1 - t)/self%dt
        dq = (q1 - q)/self%dt
    end subroutine moist_row

    !> Convection and condensation.
    pure subroutine rain(self, vertical, row, ps, t, q)
        class(moist_type), intent(inout) :: self
        type(vertical_type), intent(in) :: vertical
        integer, intent(in) :: row
        real(dp), intent(in) :: ps(:)
        real(dp), intent(inout), contiguous :: t(:, :), q(:, :)             !< (nlon, nlev)
        real(dp), dimension(size(t, 1), size(t, 2)) :: phi, phi_half
        real(dp), dimension(size(t, 2)) :: t_column, q_column
        real(dp), dimension(size(t, 1)) :: convective, stratiform, layer
        real(dp) :: share
        integer :: i, k

        call heights(vertical, t, phi, phi_half)
        share = min(1.0_dp, self%dt/(3600.0_dp*self%config%convection_hours))
        do i = 1, size(ps)
            t_column = t(i, :)
            q_column = q(i, :)
            call convect_column(share, self%config%convection_humidity, ps(i)*vertical%full, vertical%ds, phi(i, :), &
                t_column, q_column, convective(i))
            t(i, :) = t_column
            q(i, :) = q_column
        end do
        stratiform = 0.0_dp
        do k = 1, size(t, 2)
            call condense_row(ps*vertical%full(k), t(:, k), q(:, k), layer)
            stratiform = stratiform + layer*vertical%ds(k)
        end do
        self%convective(:, row) = convective*ps/(gravity*self%dt)
        self%precipitation(:, row) = (convective + stratiform)*ps/(gravity*self%dt)
    end subroutine rain
end module atmos_moist_mod
