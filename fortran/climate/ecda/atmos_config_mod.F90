!> The namelist group &atmos_nml: every key, its default and its check.
module atmos_config_mod
    use kinds_mod, only: dp
    use constants_mod, only: solar_constant
    use status_mod, only: status_type, status_bad_input
    implicit none
    private

    integer, parameter, public :: max_levels = 100

    type, public :: config_type
        character(len=16) :: equations = 'primitive'    !< 'primitive' or 'barotropic' (vorticity alone: a test)
        character(len=16) :: forcing = 'held_suarez'    !< 'held_suarez', 'moist' or 'none'
        real(dp) :: k_a = 1.0_dp/40.0_dp                !< thermal relaxation of the free atmosphere [1/day]
        real(dp) :: k_s = 0.25_dp                       !< thermal relaxation at the equatorial surface [1/day]
        real(dp) :: k_f = 1.0_dp                        !< Rayleigh friction at the surface [1/day]
        real(dp) :: t_equator = 315.0_dp                !< equilibrium temperature at the equatorial surface [K]
        real(dp) :: delta_t_y = 60.0_dp                 !< equator to pole difference [K]
        real(dp) :: delta_theta_z = 10.0_dp             !< static stability [K]
        real(dp) :: t_strat = 200.0_dp                  !< stratosphere [K]
        real(dp) :: sigma_b = 0.7_dp                    !< top of the boundary layer
        logical :: rayleigh_friction = .true.           !< .false. where the coupler passes the surface stress
        real(dp) :: seasonal_amplitude = 0.0_dp         !< largest latitude of the heating maximum [degrees]
        real(dp) :: exchange_sigma = 0.85_dp            !< surface fluxes go to the layers centred at larger sigma
        real(dp) :: diffusion_hours = 6.0_dp            !< e-folding time at the truncation [h]; 0: none
        integer :: diffusion_order = 3                  !< power of the Laplacian
        real(dp) :: reference_temperature = 300.0_dp    !< of the implicit part [K]
        real(dp) :: initial_temperature = 280.0_dp      !< isothermal start [K]
        real(dp) :: sea_level_pressure = 1.0e5_dp       !< of the start [Pa]
        real(dp) :: perturbation = 0.1_dp               !< size of the noise in the first temperature [K]
        integer :: perturbation_seed = 1
        real(dp) :: topography_filter = 1.0_dp          !< damping exponent of the topography at the truncation; 0: none
        real(dp) :: sigma_half(max_levels - 1) = -1.0_dp !< inner interfaces, top down; default: equal layers
        ! The rest is read by forcing = 'moist' alone.
        real(dp) :: solar_irradiance = solar_constant   !< at the mean distance of the sun [W/m2]
        real(dp) :: obliquity = 23.44_dp                !< of the Earth's axis [degrees]; 0: no season
        real(dp) :: eccentricity = 0.0167_dp            !< of the orbit
        real(dp) :: perihelion = 283.0_dp               !< its longitude from the vernal equinox [degrees]
        logical :: diurnal_cycle = .false.              !< .false.: daily mean sunlight
        real(dp) :: cloud_albedo = 0.25_dp              !< share of the sunlight that clouds reflect
        real(dp) :: sw_depth = 0.22_dp                  !< short-wave optical depth of the whole air
        real(dp) :: lw_depth_equator = 6.0_dp           !< long-wave optical depth of the whole air at the equator
        real(dp) :: lw_depth_pole = 1.5_dp              !< and at the poles
        real(dp) :: lw_linear = 0.1_dp                  !< its part linear in sigma; the rest goes with sigma**4
        real(dp) :: convection_hours = 2.0_dp           !< relaxation time of the convection [h]
        real(dp) :: convection_humidity = 0.7_dp        !< relative humidity that convection leaves
        real(dp) :: mixing_length = 150.0_dp            !< of turbulence far from the ground [m]
    end type config_type

    public :: read_config

contains

    !> Read the group from a file; an empty path or a missing group leaves the defaults.
    subroutine read_config(path, nlev, config, status)
        character(len=*), intent(in) :: path
        integer, intent(in) :: nlev
        type(config_type), intent(out) :: config
        type(status_type), intent(inout) :: status
        integer :: unit, code
        logical :: is_there
        character(len=256) :: reason

        if (path /= '') then
            open (newunit=unit, file=path, status='old', action='read', iostat=code, iomsg=reason)
            if (code /= 0) then
                call status%set(status_bad_input, 'namelist '//trim(path)//': '//trim(reason))
                return
            end if
            call find_group(unit, is_there)
            if (is_there) then
                rewind (unit)
                call read_group(unit, config, code, reason)
                if (code /= 0) call status%set(status_bad_input, &
                    trim(path)//': &atmos_nml: '//trim(reason)// &
                    '; correct or remove this key (and close the group with /)')
            end if
            close (unit)
        end if
        if (.not. status%failed()) call check(path, nlev, config, status)
    end subroutine read_config

    subroutine find_group(unit, is_there)
        integer, intent(in) :: unit
        logical, intent(out) :: is_there
        character(len=256) :: line
        integer :: code, i

        is_there = .false.
        do
            read (unit, '(a)', iostat=code) line
            if (code /= 0) return
            do i = 1, len_trim(line)
                if (line(i:i) >= 'A' .and. line(i:i) <= 'Z') line(i:i) = achar(iachar(line(i:i)) + 32)
            end do
            line = adjustl(line)
            is_there = line == '&atmos_nml' .or. index(line, '&atmos_nml ') == 1
            if (is_there) return
        end do
    end subroutine find_group

    subroutine read_group(unit, config, code, reason)
        integer, intent(in) :: unit
        type(config_type), intent(inout) :: config
        integer, intent(out) :: code
        ! allow(C072)
        character(len=*), intent(out) :: reason
        character(len=16) :: equations, forcing
        real(dp) :: k_a, k_s, k_f, t_equator, delta_t_y, delta_theta_z, t_strat, sigma_b, seasonal_amplitude, &
            exchange_sigma, diffusion_hours, reference_temperature, initial_temperature, sea_level_pressure, &
            perturbation, topography_filter, sigma_half(max_levels - 1), solar_irradiance, obliquity, eccentricity, &
            perihelion, cloud_albedo, sw_depth, lw_depth_equator, lw_depth_pole, lw_linear, convection_hours, &
            convection_humidity, mixing_length
        integer :: diffusion_order, perturbation_seed
        logical :: rayleigh_friction, diurnal_cycle
        namelist /atmos_nml/ equations, forcing, k_a, k_s, k_f, t_equator, delta_t_y, delta_theta_z, t_strat, sigma_b, &
            rayleigh_friction, seasonal_amplitude, exchange_sigma, diffusion_hours, diffusion_order, &
            reference_temperature, initial_temperature, sea_level_pressure, perturbation, perturbation_seed, &
            topography_filter, sigma_half, solar_irradiance, obliquity, eccentricity, perihelion, diurnal_cycle, &
            cloud_albedo, sw_depth, lw_depth_equator, lw_depth_pole, lw_linear, convection_hours, &
            convection_humidity, mixing_length
        type(config_type) :: c

        equations = c%equations; forcing = c%forcing
        k_a = c%k_a; k_s = c%k_s; k_f = c%k_f
        t_equator = c%t_equator; delta_t_y = c%delta_t_y; delta_theta_z = c%delta_theta_z
        t_strat = c%t_strat; sigma_b = c%sigma_b
        rayleigh_friction = c%rayleigh_friction
        seasonal_amplitude = c%seasonal_amplitude; exchange_sigma = c%exchange_sigma
        diffusion_hours = c%diffusion_hours; diffusion_order = c%diffusion_order
        reference_temperature = c%reference_temperature; initial_temperature = c%initial_temperature
        sea_level_pressure = c%sea_level_pressure
        perturbation = c%perturbation; perturbation_seed = c%perturbation_seed
        topography_filter = c%topography_filter; sigma_half = c%sigma_half
        solar_irradiance = c%solar_irradiance; obliquity = c%obliquity; eccentricity = c%eccentricity
        perihelion = c%perihelion; diurnal_cycle = c%diurnal_cycle
        cloud_albedo = c%cloud_albedo; sw_depth = c%sw_depth
        lw_depth_equator = c%lw_depth_equator; lw_depth_pole = c%lw_depth_pole; lw_linear = c%lw_linear
        convection_hours = c%convection_hours; convection_humidity = c%convection_humidity
        mixing_length = c%mixing_length
        reason = ''
        read (unit, nml=atmos_nml, iostat=code, iomsg=reason)
        if (code /= 0) return
        config = config_type(equations, forcing, k_a, k_s, k_f, t_equator, delta_t_y, delta_theta_z, t_strat, sigma_b, &
            rayleigh_friction, seasonal_amplitude, exchange_sigma, diffusion_hours, diffusion_order, &
            reference_temperature, initial_temperature, sea_level_pressure, perturbation, perturbation_seed, &
            topography_filter, sigma_half, solar_irradiance, obliquity, eccentricity, perihelion, diurnal_cycle, &
            cloud_albedo, sw_depth, lw_depth_equator, lw_depth_pole, lw_linear, convection_hours, &
            convection_humidity, mixing_length)
    end subroutine read_group

    subroutine check(path, nlev, config, status)
        character(len=*), intent(in) :: path
        integer, intent(in) :: nlev
        type(config_type), intent(inout) :: config
        type(status_type), intent(inout) :: status
        integer :: k

        call refuse_if(all(config%equations /= ['primitive ', 'barotropic']), 'equations', &
            'is "'//trim(config%equations)//'"; choose primitive or barotropic')
        call refuse_if(all(config%forcing /= ['held_suarez', 'moist      ', 'none       ']), 'forcing', &
            'is "'//trim(config%forcing)//'"; choose held_suarez, moist or none')
        call refuse_if(config%forcing == 'moist' .and. config%equations /= 'primitive', 'forcing', &
            'is moist; that needs equations = primitive')
        call refuse_if(min(config%k_a, config%k_s, config%k_f) < 0.0_dp, 'k_a, k_s, k_f', 'must not be negative')
        call refuse_if(config%sigma_b <= 0.0_dp .or. config%sigma_b >= 1.0_dp, 'sigma_b', 'must lie between 0 and 1')
        call refuse_if(config%diffusion_hours < 0.0_dp, 'diffusion_hours', 'is negative; 0 switches it off')
        call refuse_if(config%diffusion_order < 1, 'diffusion_order', 'must be at least 1')
        call refuse_if(min(config%reference_temperature, config%initial_temperature) < 150.0_dp, &
            'reference_temperature, initial_temperature', 'must be above 150 K')
        call refuse_if(config%sea_level_pressure < 1.0e4_dp, 'sea_level_pressure', 'is not in Pa')
        call refuse_if(nlev < 1 .or. nlev > max_levels, 'number of levels', 'must lie between 1 and 100')
        call check_moist()
        if (status%failed()) return
        if (all(config%sigma_half < 0.0_dp)) then
            config%sigma_half(1:nlev - 1) = [(real(k, dp)/real(nlev, dp), k=1, nlev - 1)]
        else
            call refuse_if(count(config%sigma_half >= 0.0_dp) /= nlev - 1, 'sigma_half', &
                'must name one interface fewer than there are levels')
            associate (h => [0.0_dp, config%sigma_half(1:nlev - 1), 1.0_dp])
                call refuse_if(any(h(2:) <= h(:nlev)), 'sigma_half', 'must rise from above 0 to below 1')
            end associate
        end if
    contains
        subroutine check_moist()
            call refuse_if(config%forcing == 'moist' .and. nlev < 2, 'forcing', &
                'is moist; that needs two levels or more')
            call refuse_if(config%solar_irradiance < 0.0_dp, 'solar_irradiance', 'is negative')
            call refuse_if(abs(config%obliquity) > 90.0_dp, 'obliquity', 'must lie between -90 and 90 degrees')
            call refuse_if(config%eccentricity < 0.0_dp .or. config%eccentricity > 0.2_dp, 'eccentricity', &
                'must lie between 0 and 0.2, where the series for the orbit holds')
            call refuse_if(config%cloud_albedo < 0.0_dp .or. config%cloud_albedo > 1.0_dp, 'cloud_albedo', &
                'must lie between 0 and 1')
            call refuse_if(config%sw_depth < 0.0_dp, 'sw_depth', 'is negative')
            call refuse_if(min(config%lw_depth_equator, config%lw_depth_pole) <= 0.0_dp, &
                'lw_depth_equator, lw_depth_pole', 'must be positive')
            call refuse_if(config%lw_linear <= 0.0_dp .or. config%lw_linear > 1.0_dp, 'lw_linear', &
                'must be above 0 and at most 1')
            call refuse_if(config%convection_hours <= 0.0_dp, 'convection_hours', 'must be positive')
            call refuse_if(config%convection_humidity <= 0.0_dp .or. config%convection_humidity > 1.0_dp, &
                'convection_humidity', 'must be above 0 and at most 1')
            call refuse_if(config%mixing_length <= 0.0_dp, 'mixing_length', 'must be positive')
        end subroutine check_moist

        subroutine refuse_if(wrong, key, what)
            logical, intent(in) :: wrong
            character(len=*), intent(in) :: key, what
            if (wrong) call status%set(status_bad_input, trim(path)//': &atmos_nml: '//key//' '//what)
        end subroutine refuse_if
    end subroutine check
end module atmos_config_mod
