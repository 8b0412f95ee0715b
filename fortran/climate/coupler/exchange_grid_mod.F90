!> The exchange grid: every overlap of an atmosphere cell with a wet ocean cell, as in Balaji et al. (2006). Fluxes are
!! computed on it once and averaged to both sides, first order,
!!     F_A = (sum_k a_k F_k + a_land F_land)/A_A,     F_O = sum_k a_k F_k/A_O,
!! so that sum(F A) is the same number on both sides. Cells are stored by atmosphere row, then atmosphere column, then
!! ocean row and column; sums run in that order, on whichever rank. What no wet ocean cell covers is land.
module exchange_grid_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree, earth_radius
    use overlap_mod, only: periodic_overlaps, interval_overlaps
    implicit none
    private
    public :: exchange_grid_init, sum_to_atmosphere, average_to_ocean

    type, public :: exchange_grid_type
        integer :: n = 0                            !< exchange cells
        integer :: nlon_atmos = 0, nlat_atmos = 0, nlon_ocean = 0, nlat_ocean = 0
        integer, allocatable :: ia(:), ja(:)        !< atmosphere cell of each
        integer, allocatable :: io(:), jo(:)        !< ocean cell of each
        real(dp), allocatable :: area(:)            !< a_k [m2]
        integer, allocatable :: row_first(:)        !< (nlat_atmos + 1) first exchange cell of an atmosphere row
        real(dp), allocatable :: atmos_area(:)      !< A_A, (nlat_atmos) [m2]
        real(dp), allocatable :: ocean_area(:)      !< A_O as the ocean model has it, (nlat_ocean) [m2]
        real(dp), allocatable :: land_area(:, :)    !< a_land, (nlon_atmos, nlat_atmos) [m2]
    end type exchange_grid_type

contains

    subroutine exchange_grid_init(self, lon_atmos, bounds_atmos, lon_ocean, bounds_ocean, wet, ocean_area)
        type(exchange_grid_type), intent(out) :: self
        real(dp), intent(in) :: lon_atmos(:), lon_ocean(:)          !< centres, regular [degrees]
        real(dp), intent(in) :: bounds_atmos(:), bounds_ocean(:)    !< latitudes of the edges, ascending [degrees]
        logical, intent(in) :: wet(:, :)                            !< (nlon_ocean, nlat_ocean)
        real(dp), intent(in) :: ocean_area(:)                       !< of one cell of each row [m2]
        real(dp), allocatable :: dlon(:, :), shared_sine(:, :)
        real(dp) :: width_atmos, width_ocean

        self%nlon_atmos = size(lon_atmos)
        self%nlat_atmos = size(bounds_atmos) - 1
        self%nlon_ocean = size(lon_ocean)
        self%nlat_ocean = size(bounds_ocean) - 1
        width_atmos = 360.0_dp/self%nlon_atmos
        width_ocean = 360.0_dp/self%nlon_ocean
        allocate (dlon(self%nlon_ocean, self%nlon_atmos), shared_sine(self%nlat_ocean, self%nlat_atmos))
        call periodic_overlaps(lon_ocean, width_ocean, lon_atmos, width_atmos, dlon)
        call interval_overlaps(sin(bounds_ocean*degree), sin(bounds_atmos*degree), shared_sine)
        self%atmos_area = earth_radius**2*degree*width_atmos* &
            (sin(bounds_atmos(2:)*degree) - sin(bounds_atmos(:self%nlat_atmos)*degree))
        self%ocean_area = ocean_area
        call list_cells(self, earth_radius**2*degree*dlon, shared_sine, wet)
        call set_land(self)
    end subroutine exchange_grid_init

    !> Count the cells, then store them in order.
    subroutine list_cells(self, dlon, shared_sine, wet)
        type(exchange_grid_type), intent(inout) :: self
        real(dp), intent(in) :: dlon(:, :)          !< (ocean, atmosphere) shared longitude times radius squared [m2]
        real(dp), intent(in) :: shared_sine(:, :)          !< (ocean, atmosphere) shared sine of latitude
        logical, intent(in) :: wet(:, :)
        integer :: pass, k, ia, ja, io, jo

        allocate (self%row_first(self%nlat_atmos + 1))
        do pass = 1, 2
            k = 0
            do ja = 1, self%nlat_atmos
                self%row_first(ja) = k + 1
                do ia = 1, self%nlon_atmos
                    do jo = 1, self%nlat_ocean
                        if (shared_sine(jo, ja) <= 0.0_dp) cycle
                        do io = 1, self%nlon_ocean
                            if (dlon(io, ia) <= 0.0_dp .or. .not. wet(io, jo)) cycle
                            k = k + 1
                            if (pass == 2) call store(k)
                        end do
                    end do
                end do
            end do
            self%row_first(self%nlat_atmos + 1) = k + 1
            if (pass == 1) allocate (self%ia(k), self%ja(k), self%io(k), self%jo(k), self%area(k))
        end do
        self%n = k

    contains

        subroutine store(cell)
            integer, intent(in) :: cell
            self%ia(cell) = ia
            self%ja(cell) = ja
            self%io(cell) = io
            self%jo(cell) = jo
            self%area(cell) = dlon(io, ia)*shared_sine(jo, ja)
        end subroutine store
    end subroutine list_cells

    !> What the wet cells leave of an atmosphere cell; a remainder that is only round-off is none.
    subroutine set_land(self)
        type(exchange_grid_type), intent(inout) :: self
        integer :: j, k

        allocate (self%land_area(self%nlon_atmos, self%nlat_atmos))
        do j = 1, self%nlat_atmos
            self%land_area(:, j) = self%atmos_area(j)
            do k = self%row_first(j), self%row_first(j + 1) - 1
                self%land_area(self%ia(k), j) = self%land_area(self%ia(k), j) - self%area(k)
            end do
            where (self%land_area(:, j) < 1.0e-9_dp*self%atmos_area(j)) self%land_area(:, j) = 0.0_dp
        end do
    end subroutine set_land

    !> Average the flux of the exchange cells of one atmosphere row and of the land tiles to the atmosphere.
    pure subroutine sum_to_atmosphere(self, row, tile_flux, land_flux, flux)
        type(exchange_grid_type), intent(in) :: self
        integer, intent(in) :: row                  !< global atmosphere row
        real(dp), intent(in) :: tile_flux(:)        !< F_k of the row's exchange cells, in stored order
        real(dp), intent(in) :: land_flux(:)        !< F_land (nlon_atmos)
        real(dp), intent(out) :: flux(:)            !< F_A (nlon_atmos)
        integer :: i, k, offset

        offset = self%row_first(row) - 1
        flux = 0.0_dp
        do k = 1, size(tile_flux)
            i = self%ia(offset + k)
            flux(i) = flux(i) + self%area(offset + k)*tile_flux(k)
        end do
        flux = (flux + self%land_area(:, row)*land_flux)/self%atmos_area(row)
    end subroutine sum_to_atmosphere

    !> Average the flux of all exchange cells to a block of the ocean.
    pure subroutine average_to_ocean(self, tile_flux, i_first, j_first, flux)
        type(exchange_grid_type), intent(in) :: self
        real(dp), intent(in) :: tile_flux(:)        !< F_k of all exchange cells (n)
        integer, intent(in) :: i_first, j_first     !< global indices of the block's first cell
        real(dp), intent(out) :: flux(:, :)         !< F_O of the block
        integer :: i, j, k

        flux = 0.0_dp
        do k = 1, self%n
            i = self%io(k) - i_first + 1
            j = self%jo(k) - j_first + 1
            if (i < 1 .or. i > size(flux, 1) .or. j < 1 .or. j > size(flux, 2)) cycle
            flux(i, j) = flux(i, j) + self%area(k)*tile_flux(k)
        end do
        do j = 1, size(flux, 2)
            flux(:, j) = flux(:, j)/self%ocean_area(j + j_first - 1)
        end do
    end subroutine average_to_ocean
end module exchange_grid_mod
