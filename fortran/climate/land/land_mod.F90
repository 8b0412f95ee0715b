!> Slab land: one surface temperature per atmosphere cell,
!!     C dT/dt = lambda (T*(latitude, season) - T) - sensible,
!! with the heat capacity C of a few metres of water. The first term stands for the whole radiative and latent budget
!! (a dry atmosphere has neither); sensible is the heat given to the atmosphere, to the digit. The step is explicit:
!! C is worth about a day of the strongest exchange, the step an hour.
!!
!! Under a moist atmosphere the same slab has a budget of its own and a bucket of water W (Manabe 1969),
!!     C dT/dt = net short wave + net long wave - sensible - L_v E,      dW/dt = P - E - runoff,
!! with the evaporation a fraction beta = min(1, W/(0.75 W_c)) of that of open water, and everything above the capacity
!! W_c running off. Rain and bucket are liquid at every temperature. There is no snow; the albedo instead rises linearly
!! from `albedo` at 0 degC to `frozen_albedo` at -10 degC.
module land_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: celsius_zero
    use status_mod, only: status_type, status_bad_input, status_unstable
    use namelist_mod, only: namelist_open, namelist_close
    use seasonal_profile_mod, only: seasonal_profile_type
    implicit none
    private
    public :: land_init, land_step, land_wetness, land_albedo, land_take_fluxes, land_take_rain

    real(dp), parameter :: water_heat_capacity = 4.18e6_dp      !< [J/m3/K]
    real(dp), parameter :: critical_filling = 0.75_dp           !< of the bucket, from which evaporation is not limited
    real(dp), parameter :: freezing_range = 10.0_dp             !< over which the albedo rises below 0 degC [K]

    type, public :: land_type
        real(dp) :: heat_capacity = 0.0_dp              !< C [J/m2/K]
        real(dp) :: restoring = 0.0_dp                  !< lambda [W/m2/K]
        real(dp) :: time_step = 0.0_dp                  !< [s]
        type(seasonal_profile_type) :: target           !< T* [degC]
        real(dp), allocatable :: latitude(:)            !< of the rows held here [degrees]
        real(dp) :: albedo = 0.2_dp, frozen_albedo = 0.6_dp
        real(dp) :: capacity = 150.0_dp                 !< W_c of the bucket [kg/m2]
        real(dp), allocatable :: temperature(:, :)      !< prognostic (nlon, nrows) [K]
        real(dp), allocatable :: water(:, :)            !< W, prognostic (nlon, nrows) [kg/m2]
        real(dp), allocatable :: runoff(:, :)           !< not yet given to the sea (nlon, nrows) [kg/m2]
    end type land_type

contains

    !> Read &land_nml and start from the equilibrium T* of the clock, with half a bucket of water.
    subroutine land_init(self, path, nlon, latitude, clock, dt, status)
        type(land_type), intent(out) :: self
        character(len=*), intent(in) :: path            !< namelist file
        integer, intent(in) :: nlon
        real(dp), intent(in) :: latitude(:)             !< of the rows held here [degrees]
        integer(i8), intent(in) :: clock                !< [s]
        real(dp), intent(in) :: dt                      !< time step [s]
        type(status_type), intent(inout) :: status
        real(dp) :: water_depth, restoring_coefficient, equator_temperature, pole_temperature, seasonal_amplitude, &
            peak_day, albedo, frozen_albedo, bucket_capacity
        namelist /land_nml/ water_depth, restoring_coefficient, equator_temperature, pole_temperature, &
            seasonal_amplitude, peak_day, albedo, frozen_albedo, bucket_capacity
        character(len=256) :: message
        integer :: unit, code, j
        logical :: found

        if (status%failed()) return
        water_depth = 2.0_dp
        restoring_coefficient = 10.0_dp
        equator_temperature = 27.0_dp
        pole_temperature = -25.0_dp
        seasonal_amplitude = 15.0_dp
        peak_day = 200.0_dp
        albedo = self%albedo
        frozen_albedo = self%frozen_albedo
        bucket_capacity = self%capacity
        call namelist_open(path, 'land_nml', unit, found, status)
        if (found) read (unit, nml=land_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'land_nml', code, message, status)
        if (water_depth <= 0.0_dp .or. restoring_coefficient < 0.0_dp) call status%set(status_bad_input, &
            trim(path)//': &land_nml: water_depth must be positive and restoring_coefficient not negative')
        if (min(albedo, frozen_albedo) < 0.0_dp .or. max(albedo, frozen_albedo) > 1.0_dp) call status%set( &
            status_bad_input, trim(path)//': &land_nml: albedo and frozen_albedo must lie between 0 and 1')
        if (bucket_capacity <= 0.0_dp) call status%set(status_bad_input, &
            trim(path)//': &land_nml: bucket_capacity must be positive')
        if (status%failed()) return
        self%heat_capacity = water_depth*water_heat_capacity
        self%restoring = restoring_coefficient
        self%time_step = dt
        self%target = seasonal_profile_type(equator_temperature, pole_temperature, seasonal_amplitude, peak_day, &
            sea=.false.)
        self%latitude = latitude
        self%albedo = albedo
        self%frozen_albedo = frozen_albedo
        self%capacity = bucket_capacity
        allocate (self%temperature(nlon, size(latitude)))
        allocate (self%water(nlon, size(latitude)), source=0.5_dp*bucket_capacity)
        allocate (self%runoff(nlon, size(latitude)), source=0.0_dp)
        do j = 1, size(latitude)
            self%temperature(:, j) = celsius_zero + self%target%value(latitude(j), clock)
        end do
    end subroutine land_init

    !> beta, evaporation over that of open water.
    elemental real(dp) function land_wetness(self, water)
        type(land_type), intent(in) :: self
        real(dp), intent(in) :: water                   !< W [kg/m2]
        land_wetness = min(1.0_dp, water/(critical_filling*self%capacity))
    end function land_wetness

    elemental real(dp) function land_albedo(self, temperature)
        type(land_type), intent(in) :: self
        real(dp), intent(in) :: temperature             !< [K]
        land_albedo = self%albedo + (self%frozen_albedo - self%albedo)* &
            min(1.0_dp, max(0.0_dp, (celsius_zero - temperature)/freezing_range))
    end function land_albedo

    !> One step under the net heat into the land and the evaporation from it, which must not exceed the bucket's water.
    subroutine land_take_fluxes(self, heat, evaporation, status)
        type(land_type), intent(inout) :: self
        real(dp), intent(in) :: heat(:, :)              !< (nlon, nrows) [W/m2]
        real(dp), intent(in) :: evaporation(:, :)       !< (nlon, nrows) [kg/m2/s]
        type(status_type), intent(inout) :: status

        if (status%failed()) return
        self%temperature = self%temperature + self%time_step/self%heat_capacity*heat
        self%water = self%water - self%time_step*evaporation
        call check_temperature(self, status)
    end subroutine land_take_fluxes

    !> Rain of one step fills the bucket; what the bucket cannot hold is runoff.
    subroutine land_take_rain(self, precipitation)
        type(land_type), intent(inout) :: self
        real(dp), intent(in) :: precipitation(:, :)     !< (nlon, nrows) [kg/m2/s]
        real(dp) :: excess
        integer :: i, j

        do j = 1, size(precipitation, 2)
            do i = 1, size(precipitation, 1)
                self%water(i, j) = self%water(i, j) + self%time_step*precipitation(i, j)
                excess = max(0.0_dp, self%water(i, j) - self%capacity)
                self%water(i, j) = self%water(i, j) - excess
                self%runoff(i, j) = self%runoff(i, j) + excess
            end do
        end do
    end subroutine land_take_rain

    !> One step under the sensible heat given to the atmosphere.
    subroutine land_step(self, clock, sensible, status)
        type(land_type), intent(inout) :: self
        integer(i8), intent(in) :: clock                !< at the start of the step [s]
        real(dp), intent(in) :: sensible(:, :)          !< (nlon, nrows) upward [W/m2]
        type(status_type), intent(inout) :: status
        real(dp) :: equilibrium
        integer :: i, j

        if (status%failed()) return
        do j = 1, size(self%latitude)
            equilibrium = celsius_zero + self%target%value(self%latitude(j), clock)
            do i = 1, size(sensible, 1)
                self%temperature(i, j) = self%temperature(i, j) + self%time_step/self%heat_capacity* &
                    (self%restoring*(equilibrium - self%temperature(i, j)) - sensible(i, j))
            end do
        end do
        call check_temperature(self, status)
    end subroutine land_step

    !> Refuse what no surface has; the caller knows the time.
    subroutine check_temperature(self, status)
        type(land_type), intent(in) :: self
        type(status_type), intent(inout) :: status
        character(len=160) :: text
        integer :: i, j

        do j = 1, size(self%temperature, 2)
            do i = 1, size(self%temperature, 1)
                if (self%temperature(i, j) > 100.0_dp .and. self%temperature(i, j) < 400.0_dp) cycle
                write (text, '(a, es11.3, 2(a, f0.2))') 'land: a surface temperature left 100-400 K:', &
                    self%temperature(i, j), ' at longitude ', 360.0_dp*(i - 1)/size(self%temperature, 1), &
                    ', latitude ', self%latitude(j)
                call status%set(status_unstable, text)
                return
            end do
        end do
    end subroutine check_temperature
end module land_mod
