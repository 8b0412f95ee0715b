!> The ocean's grid: Arakawa B, regular in longitude and latitude, z levels with a stretched thickness.
!!
!! T cell (i, j) has its velocity point (i, j) at the north-eastern corner. Level 1 is the uppermost. The floors of the
!! levels lie at
!!     D(s) = D_max (a s + (1 - a) s^3),   s = k/nlev,
!! with a such that the first level has the thickness asked for (Murray 1996 and others stretch alike).
!! Every local array spans is:ie, js:je including the halo; owned cells are 1:nx, 1:ny.
module ocean_grid_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree, earth_radius, earth_omega, gravity, seawater_density
    use ocean_config_mod, only: ocean_config_type
    use ocean_halo_mod, only: halo_type
    use ocean_mask_mod, only: column_levels, corner_levels
    implicit none
    private
    public :: level_floors

    type, public :: ocean_grid_type
        integer :: nlon, nlat, nk, nx, ny, is, ie, js, je
        integer :: j_global                         !< global row = local row + j_global
        real(dp) :: dy                              !< meridional spacing [m]
        real(dp), allocatable :: lon(:), lat(:), lat_bounds(:)      !< global [degrees]
        real(dp), allocatable :: area(:)            !< T cell areas of all global rows [m2]
        real(dp), allocatable :: floors(:)          !< (0:nk) depth of the surface and of the level floors [m]
        real(dp), allocatable :: dz(:)              !< (nk) thickness at rest [m]
        real(dp), allocatable :: dzw(:)             !< (nk) distance of the centres of levels k and k + 1 [m]
        real(dp), allocatable :: z(:)               !< (nk) depth of the centres [m]
        integer, allocatable :: levels(:, :)        !< global, at T points
        integer, allocatable :: corners(:, :)       !< global, at velocity points
        logical, allocatable :: wet(:, :)           !< global
        ! Of the local rows js:je
        real(dp), allocatable :: dx_t(:), dx_u(:)   !< zonal spacing at T and velocity rows [m]
        real(dp), allocatable :: area_t(:), area_u(:)   !< [m2]
        real(dp), allocatable :: f(:)               !< Coriolis parameter at velocity rows [1/s]
        real(dp), allocatable :: tan_u(:)           !< tan(latitude)/radius at velocity rows, 0 on the plane [1/m]
        real(dp), allocatable :: visc_u(:), visc_t(:)   !< horizontal viscosity at velocity and T rows [m2/s]
        ! Of the local cells
        real(dp), allocatable :: mask_t(:, :, :), mask_u(:, :, :)   !< 1 wet, 0 dry
        real(dp), allocatable :: share(:, :, :)     !< 1/(number of wet corners) of a T cell, 0 without
        real(dp), allocatable :: rest_depth(:, :)   !< sum of dz over the wet levels of a velocity point [m]
        integer :: substeps                         !< barotropic substeps per internal step
    end type ocean_grid_type

    public :: init_grid

contains

    !> Build the grid of this rank's block from the global mask and depth.
    subroutine init_grid(g, config, halo, nk, dt, mask, depth)
        type(ocean_grid_type), intent(inout) :: g
        type(ocean_config_type), intent(in) :: config
        type(halo_type), intent(in) :: halo
        integer, intent(in) :: nk
        real(dp), intent(in) :: dt              !< internal time step [s]
        integer, intent(in) :: mask(:, :)       !< global, 1 = sea
        real(dp), intent(in) :: depth(:, :)     !< global [m]
        integer :: k

        g%nlon = halo%nlon
        g%nlat = halo%nlat
        g%nk = nk
        g%nx = halo%nx
        g%ny = halo%ny
        g%is = halo%is
        g%ie = halo%ie
        g%js = halo%js
        g%je = halo%je
        g%j_global = halo%j_first - 1
        allocate (g%floors(0:nk))
        call level_floors(config, g%floors)
        g%dz = g%floors(1:nk) - g%floors(0:nk - 1)
        g%z = 0.5_dp*(g%floors(1:nk) + g%floors(0:nk - 1))
        g%dzw = [(g%z(k + 1) - g%z(k), k=1, nk - 1), g%dz(nk)]
        call set_metrics(g, config, dt)
        allocate (g%levels(g%nlon, g%nlat), g%corners(g%nlon, g%nlat))
        call column_levels(mask, depth, g%floors, config%min_levels, config%min_basin, g%levels)
        call corner_levels(g%levels, g%corners)
        g%wet = g%levels > 0
        call set_masks(g, halo)
        g%substeps = config%barotropic_substeps
        if (g%substeps == 0) g%substeps = substeps_needed(g, config, dt)
    end subroutine init_grid

    !> Depth of the surface and of the floors of all levels [m].
    pure subroutine level_floors(config, floors)
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(out) :: floors(0:)
        real(dp) :: top, a, n
        integer :: k

        n = real(ubound(floors, 1), dp)
        top = config%top_thickness
        if (top <= 0.0_dp) top = max(300.0_dp/n, 10.0_dp)
        a = 1.0_dp
        if (n > 1) a = (top/config%max_depth - n**(-3))/(1.0_dp/n - n**(-3))
        a = min(max(a, 0.0_dp), 1.0_dp)
        do k = 0, ubound(floors, 1)
            floors(k) = config%max_depth*(a*(k/n) + (1.0_dp - a)*(k/n)**3)
        end do
    end subroutine level_floors

    !> Coordinates, spacings, Coriolis parameter and viscosity. Rows of the halo beyond the edges repeat the edge.
    subroutine set_metrics(g, config, dt)
        type(ocean_grid_type), intent(inout) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        real(dp) :: dlon, dlat
        integer :: i, j, row

        dlon = config%lon_extent/g%nlon
        dlat = (config%lat_north - config%lat_south)/g%nlat
        g%lon = [((i - 0.5_dp)*dlon, i=1, g%nlon)]
        g%lat = [(config%lat_south + (j - 0.5_dp)*dlat, j=1, g%nlat)]
        g%lat_bounds = [(config%lat_south + j*dlat, j=0, g%nlat)]
        g%dy = earth_radius*dlat*degree
        g%area = [(zonal_spacing(g%lat(j))*g%dy, j=1, g%nlat)]
        allocate (g%dx_t(g%js:g%je), g%dx_u(g%js:g%je), g%area_t(g%js:g%je), g%area_u(g%js:g%je), g%f(g%js:g%je), &
            g%tan_u(g%js:g%je), g%visc_u(g%js:g%je), g%visc_t(g%js:g%je))
        do j = g%js, g%je
            row = min(max(j + g%j_global, 1), g%nlat)
            g%dx_t(j) = zonal_spacing(g%lat(row))
            g%dx_u(j) = zonal_spacing(g%lat_bounds(row + 1))
            g%area_t(j) = g%area(row)
            g%area_u(j) = g%dx_u(j)*g%dy
            g%f(j) = coriolis(g%lat_bounds(row + 1))
            g%tan_u(j) = 0.0_dp
            if (config%geometry == 'sphere') g%tan_u(j) = tan(g%lat_bounds(row + 1)*degree)/earth_radius
            g%visc_u(j) = viscosity(g%lat_bounds(row + 1), g%dx_u(j))
            g%visc_t(j) = viscosity(g%lat(row), g%dx_t(j))
        end do

    contains

        pure real(dp) function zonal_spacing(lat)
            real(dp), intent(in) :: lat
            zonal_spacing = earth_radius*dlon*degree
            if (config%geometry == 'sphere') zonal_spacing = zonal_spacing*cos(lat*degree)
        end function zonal_spacing

        pure real(dp) function coriolis(lat)
            real(dp), intent(in) :: lat
            coriolis = config%plane_f0 + config%plane_beta*earth_radius*lat*degree
            if (config%geometry == 'sphere') coriolis = 2.0_dp*earth_omega*sin(lat*degree)
        end function coriolis

        !> Munk: the western boundary layer (A/beta)**(1/3) spans munk_factor intervals. Less near the equator, where
        !! it would smother the undercurrent; never more than an eighth of the explicit limit.
        pure real(dp) function viscosity(lat, dx)
            real(dp), intent(in) :: lat, dx
            real(dp) :: beta, limit
            viscosity = config%viscosity
            if (viscosity >= 0.0_dp) return
            beta = config%plane_beta
            if (config%geometry == 'sphere') beta = 2.0_dp*earth_omega*cos(lat*degree)/earth_radius
            viscosity = beta*(config%munk_factor*dx)**3 &
                *(1.0_dp - (1.0_dp - config%equator_viscosity)*exp(-(lat/8.0_dp)**2))
            limit = 0.125_dp/(dt*(1.0_dp/dx**2 + 1.0_dp/g%dy**2))
            viscosity = min(max(viscosity, config%viscosity_min), limit)
        end function viscosity
    end subroutine set_metrics

    !> Masks of this block and its halo.
    subroutine set_masks(g, halo)
        type(ocean_grid_type), intent(inout) :: g
        type(halo_type), intent(in) :: halo
        integer :: i, j, k, ig, jg
        real(dp) :: wet_corners

        allocate (g%mask_t(g%is:g%ie, g%js:g%je, g%nk), g%mask_u(g%is:g%ie, g%js:g%je, g%nk), &
            g%share(g%is:g%ie, g%js:g%je, g%nk), g%rest_depth(g%is:g%ie, g%js:g%je), source=0.0_dp)
        do j = g%js, g%je
            jg = j + g%j_global
            if (jg < 1 .or. jg > g%nlat) cycle
            do i = g%is, g%ie
                ig = modulo(i + halo%i_first - 2, g%nlon) + 1
                do k = 1, g%nk
                    if (k <= g%levels(ig, jg)) g%mask_t(i, j, k) = 1.0_dp
                    if (k <= g%corners(ig, jg)) g%mask_u(i, j, k) = 1.0_dp
                end do
                g%rest_depth(i, j) = g%floors(g%corners(ig, jg))
            end do
        end do
        do k = 1, g%nk
            do j = g%js + 1, g%je
                do i = g%is + 1, g%ie
                    wet_corners = sum(g%mask_u(i - 1:i, j - 1:j, k))
                    if (wet_corners > 0.0_dp) g%share(i, j, k) = 1.0_dp/wet_corners
                end do
            end do
        end do
    end subroutine set_masks

    !> Barotropic substeps per internal step such that sqrt(gH) dt_b/dx <= 1/2 everywhere; the same on every rank.
    pure integer function substeps_needed(g, config, dt)
        type(ocean_grid_type), intent(in) :: g
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: dt
        real(dp) :: dx, courant
        integer :: i, j

        courant = 0.0_dp
        do j = 1, g%nlat - 1
            dx = earth_radius*config%lon_extent/g%nlon*degree
            if (config%geometry == 'sphere') dx = dx*cos(g%lat_bounds(j + 1)*degree)
            do i = 1, g%nlon
                courant = max(courant, sqrt(gravity*g%floors(g%corners(i, j)))*dt/min(dx, g%dy))
            end do
        end do
        substeps_needed = max(1, ceiling(2.0_dp*courant))
    end function substeps_needed
end module ocean_grid_mod
