!> Zero-layer thermodynamic sea ice (Semtner 1976, appendix) on the cells of an ocean: no heat capacity, no salt, no
!! snow. The one prognostic number is the volume V of ice per area of the cell; cover and thickness follow from it,
!!     a = min(1, V/h_min),    h = max(V, h_min),
!! so that thin ice is a few floes of thickness h_min and open water closes without a jump. The surface balances what
!! the air gives with conduction from the base, k (T_f - T_s)/h, and is nowhere warmer than 0 degC. As the ice holds
!! no heat but the latent one, its budget needs the sum alone of surface melt and basal growth:
!!     rho_i L_f dV/dt = freezing heat of the ocean - (heat from the air) - (heat from the ocean),
!!     heat from the ocean = a rho c_p u_m (SST - T_f).
!! Where more heat comes than the ice can take the rest goes on to the ocean. Conduction fades over the last metre below
!! h_max and ends there: such ice neither takes heat from the ocean nor grows, and no energy is lost.
module ice_mod
    use kinds_mod, only: dp
    use constants_mod, only: celsius_zero, latent_heat_fusion, seawater_density, seawater_cp
    use status_mod, only: status_type, status_bad_input
    use namelist_mod, only: namelist_open, namelist_close
    implicit none
    private
    public :: ice_init, ice_cover, ice_thickness, ice_conductance, ice_step

    real(dp), parameter, public :: melting_temperature = celsius_zero   !< of the surface, fresh [K]
    real(dp), parameter :: fading_depth = 1.0_dp    !< conduction fades over so much below the largest thickness [m]

    type, public :: ice_type
        real(dp) :: albedo = 0.6_dp
        real(dp) :: roughness = 1.0e-3_dp           !< momentum roughness length [m]
        real(dp) :: density = 900.0_dp              !< rho_i [kg/m3]
        real(dp) :: conductivity = 2.03_dp          !< k [W/m/K]
        real(dp) :: min_thickness = 0.3_dp          !< h_min of floes [m]
        real(dp) :: max_thickness = 5.0_dp          !< h_max [m]
        real(dp) :: melting_velocity = 6.0e-5_dp    !< u_m of the heat exchange with the ocean [m/s]
        real(dp) :: freezing_temperature = -1.8_dp  !< T_f of sea water [degC]
        real(dp), allocatable :: volume(:, :)       !< V, prognostic, own block [m]
    end type ice_type

contains

    !> Read &ice_nml; no ice at the start.
    subroutine ice_init(self, path, nx, ny, freezing_point, status)
        type(ice_type), intent(out) :: self
        character(len=*), intent(in) :: path            !< namelist file
        integer, intent(in) :: nx, ny                   !< own block
        real(dp), intent(in) :: freezing_point          !< T_f [degC]
        type(status_type), intent(inout) :: status
        real(dp) :: albedo, roughness, density, conductivity, min_thickness, max_thickness, melting_velocity
        namelist /ice_nml/ albedo, roughness, density, conductivity, min_thickness, max_thickness, melting_velocity
        character(len=256) :: message
        integer :: unit, code
        logical :: found

        if (status%failed()) return
        albedo = self%albedo
        roughness = self%roughness
        density = self%density
        conductivity = self%conductivity
        min_thickness = self%min_thickness
        max_thickness = self%max_thickness
        melting_velocity = self%melting_velocity
        call namelist_open(path, 'ice_nml', unit, found, status)
        if (found) read (unit, nml=ice_nml, iostat=code, iomsg=message)
        if (found) call namelist_close(unit, path, 'ice_nml', code, message, status)
        if (min(roughness, density, conductivity, min_thickness) <= 0.0_dp .or. melting_velocity < 0.0_dp) then
            call status%set(status_bad_input, trim(path)//': &ice_nml: roughness, density, conductivity and '// &
                'min_thickness must be positive and melting_velocity not negative')
        end if
        if (max_thickness < min_thickness + fading_depth) call status%set(status_bad_input, &
            trim(path)//': &ice_nml: max_thickness must be at least min_thickness + 1 m')
        if (albedo < 0.0_dp .or. albedo > 1.0_dp) call status%set(status_bad_input, &
            trim(path)//': &ice_nml: albedo must lie between 0 and 1')
        if (status%failed()) return
        self = ice_type(albedo, roughness, density, conductivity, min_thickness, max_thickness, melting_velocity, &
            freezing_point)
        allocate (self%volume(nx, ny), source=0.0_dp)
    end subroutine ice_init

    !> a, share of the cell under ice.
    elemental real(dp) function ice_cover(self, volume)
        type(ice_type), intent(in) :: self
        real(dp), intent(in) :: volume          !< [m]
        ice_cover = min(1.0_dp, volume/self%min_thickness)
    end function ice_cover

    !> h of the ice where there is some [m].
    elemental real(dp) function ice_thickness(self, volume)
        type(ice_type), intent(in) :: self
        real(dp), intent(in) :: volume          !< [m]
        ice_thickness = max(volume, self%min_thickness)
    end function ice_thickness

    !> Heat conducted to the surface per degree between base and surface [W/m2/K].
    elemental real(dp) function ice_conductance(self, thickness)
        type(ice_type), intent(in) :: self
        real(dp), intent(in) :: thickness       !< [m]
        ice_conductance = self%conductivity/thickness* &
            max(0.0_dp, min(1.0_dp, (self%max_thickness - thickness)/fading_depth))
    end function ice_conductance

    !> Let the ice of the own block grow or melt. What it gives the ocean comes out as means over the whole cell.
    subroutine ice_step(self, seconds, air_heat, freezing_heat, sst, ocean_heat, freshwater)
        type(ice_type), intent(inout) :: self
        real(dp), intent(in) :: seconds             !< length of the step
        real(dp), intent(in) :: air_heat(:, :)      !< from the air into the ice, per area of the cell [W/m2]
        real(dp), intent(in) :: freezing_heat(:, :) !< that the ocean received to stay at T_f [J/m2]
        real(dp), intent(in) :: sst(:, :)           !< [degC]
        real(dp), intent(out) :: ocean_heat(:, :)   !< into the ocean [W/m2]
        real(dp), intent(out) :: freshwater(:, :)   !< into the ocean [kg/m2/s]
        real(dp) :: latent, from_ocean, volume
        integer :: i, j

        latent = self%density*latent_heat_fusion
        do j = 1, size(sst, 2)
            do i = 1, size(sst, 1)
                from_ocean = ice_cover(self, self%volume(i, j))*seawater_density*seawater_cp*self%melting_velocity &
                    *max(0.0_dp, sst(i, j) - self%freezing_temperature)
                volume = self%volume(i, j) + (freezing_heat(i, j) - seconds*(air_heat(i, j) + from_ocean))/latent
                ocean_heat(i, j) = -from_ocean + max(0.0_dp, -volume)*latent/seconds
                volume = max(0.0_dp, volume)
                freshwater(i, j) = -self%density*(volume - self%volume(i, j))/seconds
                self%volume(i, j) = volume
            end do
        end do
    end subroutine ice_step
end module ice_mod
