!> The group &da_nml: what the ensemble filter reads, how far it believes an observation, how much it may change.
module da_config_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use namelist_mod, only: namelist_open, namelist_close
    implicit none
    private

    public :: da_config_read

    integer, parameter :: path_length = 512

    type, public :: da_config_type
        character(len=path_length) :: ensemble_file = ''        !< stationary anomalies
        character(len=path_length) :: low_frequency_file = ''
        character(len=path_length) :: high_frequency_file = ''
        real(dp) :: weights_atmos(3) = [1.0_dp, 0.0_dp, 0.0_dp] !< of stationary, low, high frequency [1]
        real(dp) :: weights_ocean(3) = [1.0_dp, 0.0_dp, 0.0_dp] !< a file whose weights are 0 is not read
        character(len=12) :: combination = 'covariances'        !< weigh covariances, or `increments` of three filters
        real(dp) :: inflation = 1.0_dp             !< factor on all anomalies [1]
        real(dp) :: inflation_atmos = 1.0_dp       !< further factor on those of the atmosphere [1]
        real(dp) :: inflation_ocean = 1.0_dp       !< further factor on those of the ocean [1]
        real(dp) :: update_hours_atmos = 0.0_dp    !< spread an increment over the steps of so long [h]; 0: at once
        real(dp) :: update_hours_ocean = 0.0_dp    !< likewise over coupling intervals [h]
        real(dp) :: outlier_limit = 4.0_dp         !< reject innovations beyond this many standard deviations; 0: none
        real(dp) :: radius_atmos = 1.0e6_dp        !< half-width c of the taper for ps, t, u, v at the equator [m]
        real(dp) :: radius_temp = 1.0e6_dp         !< the same for ocean temperature [m]
        real(dp) :: radius_salt = 5.0e5_dp         !< the same for salinity [m]
        real(dp) :: radius_current = 5.0e5_dp      !< the same for currents [m]
        real(dp) :: cosine_floor = 0.2_dp          !< the radii shrink as cos(lat), but no further than this [1]
        real(dp) :: vertical_levels = 7.0_dp       !< an observation is not felt this many levels away [levels]
        real(dp) :: vertical_atmos = 0.0_dp        !< the same for the atmosphere alone; 0: vertical_levels [levels]
        real(dp) :: vertical_ocean = 0.0_dp        !< the same for the ocean alone; 0: vertical_levels [levels]
        logical :: update_currents = .false.       !< let SST correct currents too
        real(dp) :: cap_ps = 1000.0_dp             !< largest increment of surface pressure [Pa]
        real(dp) :: cap_t = 5.0_dp                 !< of air temperature [K]
        real(dp) :: cap_wind = 10.0_dp             !< of a wind component [m/s]
        real(dp) :: cap_temp = 1.0_dp              !< of ocean temperature [K]
        real(dp) :: cap_salt = 0.3_dp              !< of salinity [g/kg]
        real(dp) :: cap_current = 0.1_dp           !< of a current component [m/s]
    end type da_config_type

contains

    !> Read the group; keys that are absent keep their defaults, but the ensemble file has none.
    subroutine da_config_read(self, path, status)
        type(da_config_type), intent(out) :: self
        character(len=*), intent(in) :: path       !< namelist file
        type(status_type), intent(inout) :: status
        character(len=path_length) :: ensemble_file, low_frequency_file, high_frequency_file
        character(len=12) :: combination
        real(dp) :: weights_atmos(3), weights_ocean(3), inflation, inflation_atmos, inflation_ocean, &
            update_hours_atmos, update_hours_ocean, outlier_limit, radius_atmos, radius_temp, radius_salt, &
            radius_current, cosine_floor, vertical_levels, vertical_atmos, vertical_ocean, cap_ps, cap_t, cap_wind, &
            cap_temp, cap_salt, cap_current
        logical :: update_currents, found
        character(len=200) :: message
        integer :: unit, code
        namelist /da_nml/ ensemble_file, low_frequency_file, high_frequency_file, weights_atmos, weights_ocean, &
            combination, inflation, inflation_atmos, inflation_ocean, update_hours_atmos, update_hours_ocean, &
            outlier_limit, radius_atmos, radius_temp, radius_salt, radius_current, cosine_floor, vertical_levels, &
            vertical_atmos, vertical_ocean, update_currents, cap_ps, cap_t, cap_wind, cap_temp, cap_salt, cap_current

        ensemble_file = self%ensemble_file
        low_frequency_file = self%low_frequency_file
        high_frequency_file = self%high_frequency_file
        weights_atmos = self%weights_atmos
        weights_ocean = self%weights_ocean
        combination = self%combination
        inflation = self%inflation
        inflation_atmos = self%inflation_atmos
        inflation_ocean = self%inflation_ocean
        update_hours_atmos = self%update_hours_atmos
        update_hours_ocean = self%update_hours_ocean
        outlier_limit = self%outlier_limit
        radius_atmos = self%radius_atmos
        radius_temp = self%radius_temp
        radius_salt = self%radius_salt
        radius_current = self%radius_current
        cosine_floor = self%cosine_floor
        vertical_levels = self%vertical_levels
        vertical_atmos = self%vertical_atmos
        vertical_ocean = self%vertical_ocean
        update_currents = self%update_currents
        cap_ps = self%cap_ps
        cap_t = self%cap_t
        cap_wind = self%cap_wind
        cap_temp = self%cap_temp
        cap_salt = self%cap_salt
        cap_current = self%cap_current
        call namelist_open(path, 'da_nml', unit, found, status)
        if (found) read (unit, nml=da_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'da_nml', code, message, status)
        if (status%failed()) return
        if (vertical_atmos <= 0.0_dp) vertical_atmos = vertical_levels
        if (vertical_ocean <= 0.0_dp) vertical_ocean = vertical_levels
        self = da_config_type(ensemble_file, low_frequency_file, high_frequency_file, weights_atmos, weights_ocean, &
            combination, inflation, inflation_atmos, inflation_ocean, update_hours_atmos, update_hours_ocean, &
            outlier_limit, radius_atmos, radius_temp, radius_salt, radius_current, cosine_floor, vertical_levels, &
            vertical_atmos, vertical_ocean, update_currents, cap_ps, cap_t, cap_wind, cap_temp, cap_salt, cap_current)
        call check(self, path, status)
    end subroutine da_config_read

    subroutine check(self, path, status)
        type(da_config_type), intent(in) :: self
        character(len=*), intent(in) :: path
        type(status_type), intent(inout) :: status

        call expect_files(self%ensemble_file, 1, 'ensemble_file is empty; name the file of stationary anomalies')
        call expect_files(self%low_frequency_file, 2, 'low_frequency_file is empty, but weights_*(2) are not 0')
        call expect_files(self%high_frequency_file, 3, 'high_frequency_file is empty, but weights_*(3) are not 0')
        call expect(min(minval(self%weights_atmos), minval(self%weights_ocean)) >= 0.0_dp, &
            'weights_atmos and weights_ocean must not be negative')
        call expect(sum(self%weights_atmos) > 0.0_dp .and. sum(self%weights_ocean) > 0.0_dp, &
            'weights_atmos and weights_ocean need one positive number each')
        call expect(self%combination == 'covariances' .or. self%combination == 'increments', &
            "combination is '"//trim(self%combination)//"'; choose 'covariances' or 'increments'")
        call expect(min(self%inflation, self%inflation_atmos, self%inflation_ocean) > 0.0_dp, &
            'every inflation must be positive')
        call expect(min(self%update_hours_atmos, self%update_hours_ocean) >= 0.0_dp, &
            'update_hours_* must not be negative; 0 adds an increment at once')
        call expect(self%outlier_limit >= 0.0_dp, 'outlier_limit must not be negative; 0 keeps all')
        call expect(min(self%radius_atmos, self%radius_temp, self%radius_salt, self%radius_current) > 0.0_dp, &
            'every radius_* must be positive [m]')
        call expect(self%cosine_floor > 0.0_dp .and. self%cosine_floor <= 1.0_dp, 'cosine_floor must lie in (0, 1]')
        call expect(self%vertical_levels > 0.0_dp, 'vertical_levels must be positive')
        call expect(min(self%cap_ps, self%cap_t, self%cap_wind, self%cap_temp, self%cap_salt, self%cap_current) &
            > 0.0_dp, 'every cap_* must be positive')
    contains
        subroutine expect_files(file, n, otherwise)
            character(len=*), intent(in) :: file, otherwise
            integer, intent(in) :: n                       !< its place among the weights
            call expect(file /= '' .or. max(self%weights_atmos(n), self%weights_ocean(n)) <= 0.0_dp, otherwise)
        end subroutine expect_files

        subroutine expect(good, otherwise)
            logical, intent(in) :: good
            character(len=*), intent(in) :: otherwise
            if (.not. good) call status%set(status_bad_input, trim(path)//': &da_nml: '//otherwise)
        end subroutine expect
    end subroutine check
end module da_config_mod
