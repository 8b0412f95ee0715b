!> The ocean's state, its grid and its settings: everything one ocean needs, so that several can live in one process.
module ocean_type_mod
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use layout_mod, only: layout_type
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_halo_mod, only: halo_type
    use ocean_momentum_mod, only: momentum_work_type
    use ocean_mixing_mod, only: mixing_work_type
    use ocean_tracer_mod, only: tracer_work_type
    use ocean_barotropic_mod, only: barotropic_work_type
    implicit none
    private

    !> What acts on the surface during one call of ocean_step, (is:ie, js:je); only owned cells count.
    type, public :: ocean_forcing_type
        real(dp), allocatable :: stress_x(:, :), stress_y(:, :)     !< at velocity points, into the ocean [N/m2]
        real(dp), allocatable :: heat(:, :)         !< absorbed at the surface [W/m2]
        real(dp), allocatable :: freshwater(:, :)   !< [kg/m2/s]
        logical :: has_shortwave = .false., has_salt = .false.      !< whether the two below were given
        real(dp), allocatable :: shortwave(:, :)    !< sunlight entering the water [W/m2]
        real(dp), allocatable :: salt(:, :)         !< [kg/m2/s]
    end type ocean_forcing_type

    !> Horizontal fields of one internal step, (is:ie, js:je). They live as long as the ocean: arrays of this size made
    !! and given back at every step go to the system and return as pages to be cleared.
    type, public :: ocean_plane_type
        real(dp), allocatable :: top(:, :)          !< thickness of the top velocity cell [m]
        real(dp), allocatable :: depth(:, :)        !< of the water at velocity points, 0 on land [m]
        real(dp), allocatable :: mean_u(:, :), mean_v(:, :)         !< substeps' mean transport, then velocity
        real(dp), allocatable :: east(:, :), north(:, :)            !< fluxes that remove the checkerboard [m3/s]
        real(dp), allocatable :: eta_old(:, :)      !< at the start of the step [m]
        real(dp), allocatable :: surface_t(:, :), surface_s(:, :)   !< sources [degC m/s], [g/kg m/s]
        real(dp), allocatable :: force(:, :, :)     !< on the depth mean [m/s2], [m/s2], [m/s]
        real(dp), allocatable :: bt(:, :, :)        !< eta [m] and depth-mean current [m/s]
    end type ocean_plane_type

    !> All three-dimensional arrays are (is:ie, js:je, nlev); u, v live at the north-eastern corners of the T cells.
    type, public :: ocean_type
        integer :: nlon = 0, nlat = 0, nlev = 0
        integer :: i_first = 1, i_last = 0, j_first = 1, j_last = 0     !< owned global indices
        real(dp) :: dt = 0.0_dp                     !< internal time step [s]
        real(dp), allocatable :: lon(:), lat(:), lat_bounds(:)          !< global [degrees]
        logical, allocatable :: wet(:, :)           !< global mask as used, .true. = sea

        type(comm_type) :: comm
        type(layout_type) :: layout                 !< of a horizontal field
        type(ocean_config_type) :: config
        type(ocean_grid_type) :: grid
        type(halo_type) :: halo

        ! Prognostic
        real(dp) :: elapsed = 0.0_dp                !< time since the initial state [s]
        logical :: has_history = .false.            !< whether gu_old, gv_old hold the previous step's tendency
        real(dp), allocatable :: t(:, :, :)         !< potential temperature [degC]
        real(dp), allocatable :: s(:, :, :)         !< salinity [g/kg]
        real(dp), allocatable :: u(:, :, :), v(:, :, :)                 !< current [m/s]
        real(dp), allocatable :: eta(:, :)          !< height of the free surface [m]
        real(dp), allocatable :: gu_old(:, :, :), gv_old(:, :, :)       !< explicit tendency of the last step [m/s2]

        ! Work space, without memory from one step to the next
        real(dp), allocatable :: gu(:, :, :), gv(:, :, :)               !< explicit tendency [m/s2]
        real(dp), allocatable :: t_new(:, :, :), s_new(:, :, :), u_new(:, :, :), v_new(:, :, :)
        real(dp), allocatable :: diffusivity(:, :, :)                   !< under level k at T points [m2/s]
        real(dp), allocatable :: reference(:)       !< density subtracted before the pressure is formed (nlev) [kg/m3]
        real(dp), allocatable :: pressure(:)        !< at the level centres (nlev) [Pa]
        real(dp), allocatable :: pressure_w(:)      !< at the level floors (nlev) [Pa]
        real(dp), allocatable :: sunlight(:)        !< share that reaches each floor (0:nlev)
        type(ocean_forcing_type) :: forcing
        type(ocean_plane_type) :: plane
        type(momentum_work_type) :: momentum_work
        type(mixing_work_type) :: mixing_work
        type(tracer_work_type) :: tracer_work
        type(barotropic_work_type) :: barotropic_work
    end type ocean_type
end module ocean_type_mod
