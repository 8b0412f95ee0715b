!> Rivers: what land cannot hold flows to the sea at once. Every land tile drains to the wet ocean cell nearest on the
!! sphere (the lower index where two are as near), its mouth; the water of a mouth spreads evenly over all wet cells
!! within `radius` of it, so that a great basin does not pour into one cell. Nearest of all rather than zonally nearest:
!! it knows no poles and no empty rows, and sends no water around half the Earth. Every kilogram arrives.
module runoff_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree, earth_radius
    use exchange_grid_mod, only: exchange_grid_type
    implicit none
    private
    public :: rivers_init, rivers_flow

    type, public :: rivers_type
        integer, allocatable :: mouth_of(:, :)      !< mouth of every land tile, 0 elsewhere (nlon_atmos, nlat_atmos)
        integer, allocatable :: first(:)            !< (mouths + 1) first cell of a mouth's plume
        integer, allocatable :: io(:), jo(:)        !< ocean cells of the plumes
        real(dp), allocatable :: area(:)            !< of each plume [m2]
    end type rivers_type

contains

    !> The same on every rank.
    subroutine rivers_init(self, grid, lon_atmos, lat_atmos, lon_ocean, lat_ocean, wet, radius)
        type(rivers_type), intent(out) :: self
        type(exchange_grid_type), intent(in) :: grid
        real(dp), intent(in) :: lon_atmos(:), lat_atmos(:), lon_ocean(:), lat_ocean(:)  !< cell centres [degrees]
        logical, intent(in) :: wet(:, :)            !< global
        real(dp), intent(in) :: radius              !< of the plumes [m]
        integer, allocatable :: sea_i(:), sea_j(:), number(:)
        real(dp), allocatable :: sea(:, :)
        integer :: i, j, n, nearest

        sea_i = pack(spread([(i, i=1, size(wet, 1))], 2, size(wet, 2)), wet)
        sea_j = pack(spread([(j, j=1, size(wet, 2))], 1, size(wet, 1)), wet)
        allocate (sea(size(sea_i), 3), number(size(sea_i)))
        do n = 1, size(sea_i)
            sea(n, :) = unit_vector(lon_ocean(sea_i(n)), lat_ocean(sea_j(n)))
        end do
        allocate (self%mouth_of(grid%nlon_atmos, grid%nlat_atmos), source=0)
        allocate (self%first(1), source=1)
        allocate (self%io(0), self%jo(0), self%area(0))
        number = 0
        do j = 1, grid%nlat_atmos
            do i = 1, grid%nlon_atmos
                if (grid%land_area(i, j) <= 0.0_dp) cycle
                nearest = maxloc(cosine_to(unit_vector(lon_atmos(i), lat_atmos(j)), sea), dim=1)
                if (number(nearest) == 0) then
                    call add_mouth(self, grid, pack([(n, n=1, size(sea_i))], &
                        cosine_to(sea(nearest, :), sea) >= cos(radius/earth_radius) - epsilon(1.0_dp)), sea_i, sea_j)
                    number(nearest) = size(self%area)
                end if
                self%mouth_of(i, j) = number(nearest)
            end do
        end do
    end subroutine rivers_init

    subroutine add_mouth(self, grid, plume, sea_i, sea_j)
        type(rivers_type), intent(inout) :: self
        type(exchange_grid_type), intent(in) :: grid
        integer, intent(in) :: plume(:)                 !< wet cells of the plume
        integer, intent(in) :: sea_i(:), sea_j(:)       !< columns and rows of all wet cells
        self%io = [self%io, sea_i(plume)]
        self%jo = [self%jo, sea_j(plume)]
        self%first = [self%first, size(self%io) + 1]
        self%area = [self%area, sum(grid%ocean_area(sea_j(plume)))]
    end subroutine add_mouth

    pure function unit_vector(lon, lat)
        real(dp), intent(in) :: lon, lat                !< [degrees]
        real(dp) :: unit_vector(3)
        unit_vector = [cos(lat*degree)*cos(lon*degree), cos(lat*degree)*sin(lon*degree), sin(lat*degree)]
    end function unit_vector

    !> Cosine of the distance of one point from many.
    pure function cosine_to(point, points)
        real(dp), intent(in) :: point(3)
        real(dp), intent(in) :: points(:, :)            !< (n, 3)
        real(dp) :: cosine_to(size(points, 1))
        cosine_to = point(1)*points(:, 1) + point(2)*points(:, 2) + point(3)*points(:, 3)
    end function cosine_to

    !> Runoff of the land tiles as water for every ocean cell, both per area; sums in stored order.
    pure subroutine rivers_flow(self, grid, runoff, flow)
        type(rivers_type), intent(in) :: self
        type(exchange_grid_type), intent(in) :: grid
        real(dp), intent(in) :: runoff(:, :)            !< of all land tiles, per area of the tile [kg/m2]
        real(dp), intent(out) :: flow(:, :)             !< into all ocean cells (nlon_ocean, nlat_ocean) [kg/m2]
        real(dp) :: discharge(size(self%area))
        integer :: i, j, n, k

        discharge = 0.0_dp
        do j = 1, grid%nlat_atmos
            do i = 1, grid%nlon_atmos
                n = self%mouth_of(i, j)
                if (n > 0) discharge(n) = discharge(n) + grid%land_area(i, j)*runoff(i, j)
            end do
        end do
        flow = 0.0_dp
        do n = 1, size(discharge)
            do k = self%first(n), self%first(n + 1) - 1
                flow(self%io(k), self%jo(k)) = flow(self%io(k), self%jo(k)) + discharge(n)/self%area(n)
            end do
        end do
    end subroutine rivers_flow
end module runoff_mod
