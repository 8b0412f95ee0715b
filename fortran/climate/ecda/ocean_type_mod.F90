!> The ocean's state, its grid and its settings: everything one ocean needs, so that several can live in one process.
module ocean_type_mod
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use layout_mod, only: layout_type
    use ocean_config_mod, only: ocean_config_type
    use ocean_grid_mod, only: ocean_grid_type
    use ocean_halo_mod, only: halo_type
    implicit none
    private

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
        real(dp), allocatable :: t_new(:, :, :), s_new(:, :, :)
        real(dp), allocatable :: viscosity(:, :, :), diffusivity(:, :, :)   !< under level k at T points [m2/s]
        real(dp), allocatable :: reference(:)       !< density subtracted before the pressure is formed (nlev) [kg/m3]
        real(dp), allocatable :: pressure(:)        !< at the level centres (nlev) [Pa]
        real(dp), allocatable :: pressure_w(:)      !< at the level floors (nlev) [Pa]
    end type ocean_type
end module ocean_type_mod
