!> Settings of the exchange between atmosphere and ocean, group &flux_nml.
module flux_config_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use namelist_mod, only: namelist_open, namelist_close
    use seasonal_profile_mod, only: seasonal_profile_type
    implicit none
    private
    public :: flux_config_read

    type, public :: flux_config_type
        real(dp) :: sea_roughness = 1.0e-3_dp       !< momentum roughness length z0 of the sea [m]
        real(dp) :: land_roughness = 1.0e-2_dp      !< the same of land [m]
        real(dp) :: gustiness = 1.0_dp              !< wind that turbulence adds to the mean wind [m/s]
        logical :: louis_stability = .false.        !< Louis's stability functions; they suit levels below about 100 m
        real(dp) :: heat_restoring = 30.0_dp        !< lambda [W/m2/K]
        type(seasonal_profile_type) :: target_temperature = &
            seasonal_profile_type(27.5_dp, -1.8_dp, 4.0_dp, 200.0_dp, .true.)   !< T* [degC]
        real(dp) :: salt_restoring_days = 120.0_dp  !< time scale over the depth below [days]
        real(dp) :: salt_restoring_depth = 50.0_dp  !< [m]
        real(dp) :: freezing_temperature = -1.8_dp  !< [degC]
        real(dp) :: freezing_width = 0.5_dp         !< the sea begins to close so much above freezing [K]
        real(dp) :: sea_albedo = 0.08_dp
        real(dp) :: runoff_radius = 5.0e5_dp        !< rivers spread so far from their mouths [m]
    end type flux_config_type

contains

    !> Read &flux_nml; an absent group means all defaults.
    subroutine flux_config_read(config, path, status)
        type(flux_config_type), intent(out) :: config
        character(len=*), intent(in) :: path            !< namelist file
        type(status_type), intent(inout) :: status
        real(dp) :: sea_roughness, land_roughness, gustiness, restoring_coefficient, equator_temperature, &
            pole_temperature, seasonal_amplitude, peak_day, salt_restoring_days, salt_restoring_depth, &
            freezing_temperature, freezing_width, sea_albedo, runoff_radius
        logical :: louis_stability
        namelist /flux_nml/ sea_roughness, land_roughness, gustiness, louis_stability, restoring_coefficient, &
            equator_temperature, pole_temperature, seasonal_amplitude, peak_day, salt_restoring_days, &
            salt_restoring_depth, freezing_temperature, freezing_width, sea_albedo, runoff_radius
        character(len=256) :: message
        integer :: unit, code
        logical :: found

        if (status%failed()) return
        sea_roughness = config%sea_roughness
        land_roughness = config%land_roughness
        gustiness = config%gustiness
        louis_stability = config%louis_stability
        restoring_coefficient = config%heat_restoring
        equator_temperature = config%target_temperature%equator
        pole_temperature = config%target_temperature%pole
        seasonal_amplitude = config%target_temperature%amplitude
        peak_day = config%target_temperature%peak_day
        salt_restoring_days = config%salt_restoring_days
        salt_restoring_depth = config%salt_restoring_depth
        freezing_temperature = config%freezing_temperature
        freezing_width = config%freezing_width
        sea_albedo = config%sea_albedo
        runoff_radius = config%runoff_radius
        call namelist_open(path, 'flux_nml', unit, found, status)
        if (found) read (unit, nml=flux_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'flux_nml', code, message, status)
        if (min(sea_roughness, land_roughness, gustiness, salt_restoring_days, freezing_width) <= 0.0_dp) then
          call status%set(status_bad_input, trim(path)//': &flux_nml: roughness lengths, gustiness, '// &
                'salt_restoring_days and freezing_width must be positive')
        end if
        if (min(restoring_coefficient, salt_restoring_depth, runoff_radius) < 0.0_dp) then
            call status%set(status_bad_input, trim(path)//': &flux_nml: restoring_coefficient, '// &
                'salt_restoring_depth and runoff_radius must not be negative')
        end if
        if (sea_albedo < 0.0_dp .or. sea_albedo > 1.0_dp) call status%set(status_bad_input, &
            trim(path)//': &flux_nml: sea_albedo must lie between 0 and 1')
        if (status%failed()) return
        config = flux_config_type(sea_roughness, land_roughness, gustiness, louis_stability, restoring_coefficient, &
            seasonal_profile_type(equator_temperature, pole_temperature, seasonal_amplitude, peak_day, .true.), &
            salt_restoring_days, salt_restoring_depth, freezing_temperature, freezing_width, sea_albedo, &
            runoff_radius)
    end subroutine flux_config_read
end module flux_config_mod
