!> Settings of the ocean, group &ocean_nml of the model's namelist file. Every key has a default;
!! unknown keys are refused.
module ocean_config_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use namelist_mod, only: namelist_open, namelist_close
    implicit none
    private
    public :: read_ocean_config

    type, public :: ocean_config_type
        ! Domain
        character(len=16) :: geometry = 'sphere'     !< 'sphere', or 'plane': a beta-plane with x = a lon, y = a lat
        real(dp) :: plane_f0 = 0.0_dp                !< Coriolis parameter at latitude 0 of the plane [1/s]
        real(dp) :: plane_beta = 0.0_dp              !< its northward gradient [1/m/s]
        real(dp) :: lat_south = -78.0_dp             !< southern and northern edge of the domain [degrees]
        real(dp) :: lat_north = 78.0_dp
        real(dp) :: lon_extent = 360.0_dp            !< zonal extent, periodic [degrees]
        real(dp) :: max_depth = 5000.0_dp            !< depth of the deepest level's floor [m]
        real(dp) :: top_thickness = 0.0_dp           !< top cell [m]; 0: max(300/nlev, 10)
        integer :: min_levels = 3                    !< the shallowest sea has so many levels
        integer :: min_basin = 12                    !< basins with fewer cells become land
        character(len=16) :: initial_state = 'climatology'  !< or 'bowls', or 'uniform': 10 degC, 35
        ! Time stepping
        real(dp) :: ab_epsilon = 0.1_dp              !< offset of the second-order Adams-Bashforth scheme
        real(dp) :: coriolis_implicitness = 0.55_dp  !< 0.5 centred, 1 backward
        integer :: barotropic_substeps = 0           !< per internal step; 0: from sqrt(gH) dt / dx <= 0.5
        integer :: barotropic_halo = 6               !< halo width; one exchange serves width - 2 substeps
        real(dp) :: barotropic_damping = 0.3_dp      !< eta + damping d(eta) enters the pressure gradient
        real(dp) :: checkerboard_filter = 0.1_dp     !< share of the two-grid-interval pattern of eta removed per step
        ! Processes
        logical :: momentum_advection = .true.
        logical :: tracer_advection = .true.
        logical :: baroclinic_pressure = .true.      !< pressure of the density anomalies
        logical :: virtual_salt_flux = .true.        !< freshwater as a salt flux; false: as a volume flux
        real(dp) :: reference_salinity = 35.0_dp     !< of the virtual salt flux [g/kg]
        real(dp) :: sunlight_red_share = 0.58_dp     !< penetrating short wave: Jerlov's type I (Paulson, Simpson 1977)
        real(dp) :: sunlight_red_depth = 0.35_dp     !< e-folding depth of the red and infrared share [m]
        real(dp) :: sunlight_blue_depth = 23.0_dp    !< and of the rest [m]
        real(dp) :: freezing_temperature = -1.8_dp   !< of ocean_freezing_heat, at salinity 35 [degC]
        real(dp) :: freezing_slope = 0.0_dp          !< it falls by so much per g/kg of salt; sea water: 0.054 [K kg/g]
        real(dp) :: viscosity = -1.0_dp              !< horizontal [m2/s]; negative: Munk, beta (factor dx)**3
        real(dp) :: munk_factor = 1.0_dp             !< boundary layer width (A/beta)**(1/3) in grid intervals
        real(dp) :: equator_viscosity = 0.25_dp      !< share of Munk's viscosity kept at the equator
        real(dp) :: viscosity_min = 2.0e4_dp         !< floor of the Munk viscosity [m2/s]
        real(dp) :: tracer_diffusivity = 1.0e3_dp    !< horizontal [m2/s]
        real(dp) :: vertical_viscosity = 1.0e-3_dp   !< background [m2/s]
        real(dp) :: vertical_diffusivity = 2.0e-5_dp !< background [m2/s]
        real(dp) :: pp_viscosity = 1.0e-2_dp         !< Pacanowski-Philander nu0 [m2/s]
        real(dp) :: pp_alpha = 5.0_dp                !< Pacanowski-Philander alpha
        real(dp) :: surface_diffusivity = 1.0e-3_dp  !< least value under the top cell: stirring by wind [m2/s]
        real(dp) :: convective_diffusivity = 0.1_dp  !< where the column is unstable [m2/s]
        real(dp) :: drag_coefficient = 2.5e-3_dp     !< quadratic bottom drag
        real(dp) :: drag_speed = 0.05_dp             !< unresolved (tidal) speed in the bottom drag [m/s]
        ! Increments
        real(dp) :: mixed_layer_contrast = 0.5_dp    !< the mixed layer ends where T differs so much from SST [K]
        real(dp) :: mixed_layer_cap = 200.0_dp       !< an SST increment goes no deeper [m]
        real(dp) :: current_depth = 50.0_dp          !< a surface current increment reaches so deep [m]
        ! Sanity
        real(dp) :: speed_limit = 20.0_dp            !< a faster current is an instability [m/s]
    end type ocean_config_type

contains

    !> Read &ocean_nml. A missing group means all defaults.
    subroutine read_ocean_config(config, path, status)
        type(ocean_config_type), intent(out) :: config
        character(len=*), intent(in) :: path        !< namelist file; blank: all defaults
        type(status_type), intent(inout) :: status
        character(len=16) :: geometry, initial_state
        real(dp) :: plane_f0, plane_beta, lat_south, lat_north, lon_extent, max_depth, top_thickness, ab_epsilon, &
            coriolis_implicitness, barotropic_damping, checkerboard_filter, reference_salinity, sunlight_red_share, &
            sunlight_red_depth, sunlight_blue_depth, freezing_temperature, freezing_slope, viscosity, munk_factor, &
            equator_viscosity, viscosity_min, tracer_diffusivity, vertical_viscosity, &
            vertical_diffusivity, pp_viscosity, pp_alpha, surface_diffusivity, convective_diffusivity, &
            drag_coefficient, drag_speed, mixed_layer_contrast, mixed_layer_cap, current_depth, speed_limit
        integer :: min_levels, min_basin, barotropic_substeps, barotropic_halo
        logical :: momentum_advection, tracer_advection, baroclinic_pressure, virtual_salt_flux
        namelist /ocean_nml/ geometry, plane_f0, plane_beta, lat_south, lat_north, lon_extent, max_depth, &
            top_thickness, min_levels, min_basin, initial_state, ab_epsilon, coriolis_implicitness, &
            barotropic_substeps, barotropic_halo, barotropic_damping, checkerboard_filter, momentum_advection, &
            tracer_advection, baroclinic_pressure, virtual_salt_flux, reference_salinity, sunlight_red_share, &
            sunlight_red_depth, sunlight_blue_depth, freezing_temperature, freezing_slope, viscosity, munk_factor, &
            equator_viscosity, viscosity_min, tracer_diffusivity, vertical_viscosity, vertical_diffusivity, &
            pp_viscosity, pp_alpha, surface_diffusivity, convective_diffusivity, drag_coefficient, drag_speed, &
            mixed_layer_contrast, mixed_layer_cap, current_depth, speed_limit
        integer :: unit, code
        logical :: found
        character(len=256) :: text

        if (status%failed() .or. len_trim(path) == 0) return
        call defaults()
        call namelist_open(path, 'ocean_nml', unit, found, status)
        if (found) then
            read (unit, nml=ocean_nml, iostat=code, iomsg=text)
            call namelist_close(unit, path, 'ocean_nml', code, text, status)
        end if
        if (status%failed()) return
        config = ocean_config_type(geometry, plane_f0, plane_beta, lat_south, lat_north, lon_extent, max_depth, &
            top_thickness, min_levels, min_basin, initial_state, ab_epsilon, coriolis_implicitness, &
            barotropic_substeps, barotropic_halo, barotropic_damping, checkerboard_filter, momentum_advection, &
            tracer_advection, baroclinic_pressure, virtual_salt_flux, reference_salinity, sunlight_red_share, &
            sunlight_red_depth, sunlight_blue_depth, freezing_temperature, freezing_slope, viscosity, munk_factor, &
            equator_viscosity, viscosity_min, tracer_diffusivity, vertical_viscosity, vertical_diffusivity, &
            pp_viscosity, pp_alpha, surface_diffusivity, convective_diffusivity, drag_coefficient, drag_speed, &
            mixed_layer_contrast, mixed_layer_cap, current_depth, speed_limit)
        call check(config, path, status)

    contains

        !> The type's default values are the namelist's.
        subroutine defaults()
            type(ocean_config_type) :: c
            geometry = c%geometry; plane_f0 = c%plane_f0; plane_beta = c%plane_beta
            lat_south = c%lat_south; lat_north = c%lat_north; lon_extent = c%lon_extent
            max_depth = c%max_depth; top_thickness = c%top_thickness
            min_levels = c%min_levels; min_basin = c%min_basin; initial_state = c%initial_state
            ab_epsilon = c%ab_epsilon; coriolis_implicitness = c%coriolis_implicitness
            barotropic_substeps = c%barotropic_substeps; barotropic_halo = c%barotropic_halo
            barotropic_damping = c%barotropic_damping; checkerboard_filter = c%checkerboard_filter
            momentum_advection = c%momentum_advection; tracer_advection = c%tracer_advection
            baroclinic_pressure = c%baroclinic_pressure
            virtual_salt_flux = c%virtual_salt_flux; reference_salinity = c%reference_salinity
            sunlight_red_share = c%sunlight_red_share; sunlight_red_depth = c%sunlight_red_depth
            sunlight_blue_depth = c%sunlight_blue_depth
            freezing_temperature = c%freezing_temperature; freezing_slope = c%freezing_slope
            viscosity = c%viscosity; munk_factor = c%munk_factor
            equator_viscosity = c%equator_viscosity; viscosity_min = c%viscosity_min
            tracer_diffusivity = c%tracer_diffusivity
            vertical_viscosity = c%vertical_viscosity; vertical_diffusivity = c%vertical_diffusivity
            pp_viscosity = c%pp_viscosity; pp_alpha = c%pp_alpha
            surface_diffusivity = c%surface_diffusivity; convective_diffusivity = c%convective_diffusivity
            drag_coefficient = c%drag_coefficient; drag_speed = c%drag_speed
            mixed_layer_contrast = c%mixed_layer_contrast; mixed_layer_cap = c%mixed_layer_cap
            current_depth = c%current_depth; speed_limit = c%speed_limit
        end subroutine defaults
    end subroutine read_ocean_config

    !> Refuse values without meaning.
    subroutine check(c, path, status)
        type(ocean_config_type), intent(in) :: c
        character(len=*), intent(in) :: path        !< of the namelist file, for the message
        type(status_type), intent(inout) :: status

        call expect(c%geometry == 'sphere' .or. c%geometry == 'plane', "geometry must be 'sphere' or 'plane'")
        call expect(any(c%initial_state == [character(len=11) :: 'climatology', 'bowls', 'uniform']), &
            "initial_state must be 'climatology', 'bowls' or 'uniform'")
        call expect(c%lat_south < c%lat_north .and. abs(c%lat_south) < 89 .and. abs(c%lat_north) < 89, &
            'lat_south < lat_north, both within 89 degrees')
        call expect(c%lon_extent > 0 .and. c%lon_extent <= 360, 'lon_extent must lie in (0, 360]')
        call expect(c%max_depth > 0 .and. c%top_thickness >= 0, 'max_depth must be positive, top_thickness 0 or more')
        call expect(c%min_levels >= 1, 'min_levels must be 1 or more')
        call expect(c%barotropic_halo >= 3, 'barotropic_halo must be 3 or more')
        call expect(c%barotropic_substeps >= 0, 'barotropic_substeps must be 0 (automatic) or more')
        call expect(c%coriolis_implicitness >= 0.5_dp .and. c%coriolis_implicitness <= 1, &
            'coriolis_implicitness must lie in [0.5, 1]')
        call expect(c%checkerboard_filter >= 0 .and. c%checkerboard_filter <= 1, &
            'checkerboard_filter must lie in [0, 1]')
        call expect(c%sunlight_red_share >= 0 .and. c%sunlight_red_share <= 1 &
            .and. min(c%sunlight_red_depth, c%sunlight_blue_depth) > 0, &
            'sunlight_red_share must lie in [0, 1], the depths of sunlight be positive')
        call expect(min(c%munk_factor, c%equator_viscosity, c%viscosity_min, c%tracer_diffusivity, &
            c%vertical_viscosity, c%vertical_diffusivity, c%pp_viscosity, c%pp_alpha, c%surface_diffusivity, &
            c%convective_diffusivity, c%drag_coefficient, c%drag_speed) >= 0, &
            'viscosities, diffusivities and drags must not be negative')

    contains

        subroutine expect(holds, rule)
            logical, intent(in) :: holds
            character(len=*), intent(in) :: rule
            if (.not. holds) call status%set(status_bad_input, trim(path)//': &ocean_nml: '//rule)
        end subroutine expect
    end subroutine check
end module ocean_config_mod
