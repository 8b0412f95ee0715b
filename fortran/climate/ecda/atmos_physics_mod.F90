!> Forcing: relaxation of Held and Suarez (1994) and the surface exchange that the coupler passes.
!!
!! T_eq = max{T_strat, [T_equator - dT_y (sin lat - sin lat_0)^2 - dTheta_z ln(p/p0) cos^2 lat] (p/p0)^kappa}
!! dT/dt = -k_T (T - T_eq),  k_T = k_a + (k_s - k_a) max(0, (s - s_b)/(1 - s_b)) cos^4 lat
!! dv/dt = -k_v v,           k_v = k_f max(0, (s - s_b)/(1 - s_b))
!! lat_0 (Lindzen and Hou 1988) follows the season, seasonal_amplitude * sin(2 pi (t - 20 March)/year); 0 is the
!! benchmark. Surface fluxes act on the air as one slab over the layers centred at sigma > exchange_sigma (at least the
!! lowest): dv/dt = g stress/(ps dsigma), dT/dt = g sensible/(c_p ps dsigma). Switch rayleigh_friction off where the
!! coupler's stress replaces it: both together would count friction twice.
module atmos_physics_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, kappa, gravity, dry_air_cp, reference_pressure, &
        seconds_per_day, seconds_per_year
    use atmos_config_mod, only: config_type
    use atmos_vertical_mod, only: vertical_type
    implicit none
    private

    type, public :: physics_type
        type(config_type) :: config
        logical :: relaxes = .true.
        real(dp) :: sin_lat_0 = 0.0_dp                  !< sine of the latitude of the heating maximum
        integer :: exchange_first = 1                   !< highest level that feels the surface fluxes
        real(dp) :: exchange_ds = 1.0_dp                !< sigma thickness of the slab that does
        real(dp), allocatable :: stress_x(:, :), stress_y(:, :)  !< (nlon, nrows) on the air [N/m2]
        real(dp), allocatable :: sensible(:, :)                  !< into the air [W/m2]
        real(dp), allocatable :: full(:)                !< sigma of the layers
        real(dp), allocatable :: boundary(:)            !< max(0, (s - s_b)/(1 - s_b))
    contains
        procedure :: init => physics_init
        procedure :: begin_step
        procedure :: row => physics_row
    end type physics_type

contains

    subroutine physics_init(self, config, vertical)
        class(physics_type), intent(out) :: self
        type(config_type), intent(in) :: config
        type(vertical_type), intent(in) :: vertical

        self%config = config
        self%relaxes = config%forcing == 'held_suarez'
        self%full = vertical%full
        self%boundary = max(0.0_dp, (vertical%full - config%sigma_b)/(1.0_dp - config%sigma_b))
        self%exchange_first = vertical%nlev
        do while (self%exchange_first > 1)
            if (vertical%full(self%exchange_first - 1) <= config%exchange_sigma) exit
            self%exchange_first = self%exchange_first - 1
        end do
        self%exchange_ds = sum(vertical%ds(self%exchange_first:))
    end subroutine physics_init

    !> Take over the fluxes and the season of this step.
    subroutine begin_step(self, seconds, stress_x, stress_y, sensible)
        class(physics_type), intent(inout) :: self
        integer(i8), intent(in) :: seconds  !< since 2000-01-01
        real(dp), intent(in) :: stress_x(:, :), stress_y(:, :), sensible(:, :)  !< (nlon, nrows)
        integer, parameter :: equinox_day = 79
        real(dp) :: phase

        phase = (modulo(real(seconds, dp), seconds_per_year) - equinox_day*seconds_per_day)/seconds_per_year
        self%sin_lat_0 = sin(self%config%seasonal_amplitude*degree*sin(2.0_dp*pi*phase))
        self%stress_x = stress_x
        self%stress_y = stress_y
        self%sensible = sensible
    end subroutine begin_step

    !> Tendencies of one latitude row.
    pure subroutine physics_row(self, row, sin_lat, u, v, t, log_ps, du, dv, dt)
        class(physics_type), intent(in) :: self
        integer, intent(in) :: row                                          !< local row
        real(dp), intent(in) :: sin_lat
        real(dp), intent(in), contiguous :: u(:, :), v(:, :), t(:, :)       !< (nlon, nlev) [m/s], [K]
        real(dp), intent(in), contiguous :: log_ps(:)                       !< (nlon) ln(ps/Pa)
        real(dp), intent(out), contiguous :: du(:, :), dv(:, :), dt(:, :)   !< [m/s2], [K/s]
        real(dp) :: inverse_mass(size(u, 1))
        integer :: k

        du = 0.0_dp
        dv = 0.0_dp
        dt = 0.0_dp
        if (self%relaxes) then
            call relax_temperature(self, sin_lat, t, log_ps, dt)
            if (self%config%rayleigh_friction) then
                do k = 1, size(u, 2)
                    du(:, k) = -(self%config%k_f/seconds_per_day*self%boundary(k))*u(:, k)
                    dv(:, k) = -(self%config%k_f/seconds_per_day*self%boundary(k))*v(:, k)
                end do
            end if
        end if
        inverse_mass = gravity/(exp(log_ps)*self%exchange_ds)
        do k = self%exchange_first, size(u, 2)
            du(:, k) = du(:, k) + self%stress_x(:, row)*inverse_mass
            dv(:, k) = dv(:, k) + self%stress_y(:, row)*inverse_mass
            dt(:, k) = dt(:, k) + self%sensible(:, row)*inverse_mass/dry_air_cp
        end do
    end subroutine physics_row

    pure subroutine relax_temperature(self, sin_lat, t, log_ps, dt)
        class(physics_type), intent(in) :: self
        real(dp), intent(in) :: sin_lat
        real(dp), intent(in), contiguous :: t(:, :), log_ps(:)
        real(dp), intent(inout), contiguous :: dt(:, :)
        real(dp) :: surface, rate, cos2, log_sigma, exner_sigma, exner_ps(size(t, 1)), t_eq
        integer :: i, k

        cos2 = 1.0_dp - sin_lat**2
        exner_ps = exp(kappa*(log_ps - log(reference_pressure)))
        associate (c => self%config)
            surface = c%t_equator - c%delta_t_y*(sin_lat - self%sin_lat_0)**2
            do k = 1, size(t, 2)
                log_sigma = log(self%full(k)) - log(reference_pressure)
                exner_sigma = self%full(k)**kappa
                rate = (c%k_a + (c%k_s - c%k_a)*self%boundary(k)*cos2**2)/seconds_per_day
                do i = 1, size(t, 1)
                    t_eq = (surface - c%delta_theta_z*cos2*(log_sigma + log_ps(i)))*exner_sigma*exner_ps(i)
                    dt(i, k) = -rate*(t(i, k) - max(c%t_strat, t_eq))
                end do
            end do
        end associate
    end subroutine relax_temperature
end module atmos_physics_mod
