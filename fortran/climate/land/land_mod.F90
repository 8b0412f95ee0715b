!> Slab land: one surface temperature per atmosphere cell,
!!     C dT/dt = lambda (T*(latitude, season) - T) - sensible,
!! with the heat capacity C of a few metres of water. The first term stands for the whole radiative and latent budget
!! (the atmosphere has neither yet); sensible is the heat given to the atmosphere, to the digit. The step is explicit:
!! C is worth about a day of the strongest exchange, the step an hour.
module land_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: celsius_zero
    use status_mod, only: status_type, status_bad_input, status_unstable
    use namelist_mod, only: namelist_open, namelist_close
    use seasonal_profile_mod, only: seasonal_profile_type
    implicit none
    private
    public :: land_init, land_step

    real(dp), parameter :: water_heat_capacity = 4.18e6_dp      !< [J/m3/K]

    type, public :: land_type
        real(dp) :: heat_capacity = 0.0_dp              !< C [J/m2/K]
        real(dp) :: restoring = 0.0_dp                  !< lambda [W/m2/K]
        real(dp) :: time_step = 0.0_dp                  !< [s]
        type(seasonal_profile_type) :: target           !< T* [degC]
        real(dp), allocatable :: latitude(:)            !< of the rows held here [degrees]
        real(dp), allocatable :: temperature(:, :)      !< prognostic (nlon, nrows) [K]
    end type land_type

contains

    !> Read &land_nml and start from the equilibrium T* of the clock.
    subroutine land_init(self, path, nlon, latitude, clock, dt, status)
        type(land_type), intent(out) :: self
        character(len=*), intent(in) :: path            !< namelist file
        integer, intent(in) :: nlon
        real(dp), intent(in) :: latitude(:)             !< of the rows held here [degrees]
        integer(i8), intent(in) :: clock                !< [s]
        real(dp), intent(in) :: dt                      !< time step [s]
        type(status_type), intent(inout) :: status
        real(dp) :: water_depth, restoring_coefficient, equator_temperature, pole_temperature, seasonal_amplitude, &
            peak_day
        namelist /land_nml/ water_depth, restoring_coefficient, equator_temperature, pole_temperature, &
            seasonal_amplitude, peak_day
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
        call namelist_open(path, 'land_nml', unit, found, status)
        if (found) read (unit, nml=land_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'land_nml', code, message, status)
        if (water_depth <= 0.0_dp .or. restoring_coefficient < 0.0_dp) call status%set(status_bad_input, &
            trim(path)//': &land_nml: water_depth must be positive and restoring_coefficient not negative')
        if (status%failed()) return
        self%heat_capacity = water_depth*water_heat_capacity
        self%restoring = restoring_coefficient
        self%time_step = dt
        self%target = seasonal_profile_type(equator_temperature, pole_temperature, seasonal_amplitude, peak_day, &
            sea=.false.)
        self%latitude = latitude
        allocate (self%temperature(nlon, size(latitude)))
        do j = 1, size(latitude)
            self%temperature(:, j) = celsius_zero + self%target%value(latitude(j), clock)
        end do
    end subroutine land_init

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
        if (.not. all(self%temperature > 100.0_dp .and. self%temperature < 400.0_dp)) then
          call status%set(status_unstable, 'land: a surface temperature left 100-400 K')
        end if
    end subroutine land_step
end module land_mod
