!> Fluxes between the atmosphere and the surfaces under it. Each rank computes the exchange cells of its own atmosphere
!! rows, averages them to its atmosphere and sums them over the coupling interval; the mean of the interval then goes to
!! every rank, and each ocean block takes the average of its own cells.
module surface_exchange_mod
    use kinds_mod, only: dp
    use constants_mod, only: celsius_zero
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use layout_mod, only: layout_type
    use flux_config_mod, only: flux_config_type
    use exchange_grid_mod, only: exchange_grid_type, sum_to_atmosphere, average_to_ocean
    use bulk_flux_mod, only: bulk_flux
    use ocean_forcing_mod, only: open_water
    implicit none
    private
    public :: exchange_init, exchange_see_ocean, exchange_fluxes, exchange_mean

    !> Fluxes summed for the ocean, second index of flux_sum; the last three under a moist atmosphere alone.
    integer, parameter, public :: flux_stress_x = 1, flux_stress_y = 2  !< [N/m2]
    integer, parameter, public :: flux_heat = 3             !< into the sea; without what the ice takes [W/m2]
    integer, parameter, public :: flux_water = 4            !< rain less evaporation of sea and ice [kg/m2/s]
    integer, parameter, public :: flux_ice_heat = 5         !< into the ice [W/m2]
    integer, parameter, public :: flux_shortwave = 6        !< short wave part of flux_heat [W/m2]
    integer, parameter, public :: n_simple_fluxes = 3, n_full_fluxes = 6

    type, public :: surface_exchange_type
        type(exchange_grid_type) :: grid
        type(layout_type) :: layout                 !< of the exchange cells
        integer, allocatable :: rows(:)             !< atmosphere rows held here
        real(dp) :: sigma = 1.0_dp                  !< pressure of the lowest level over surface pressure
        integer :: steps = 0                        !< atmosphere steps summed
        integer :: n_fluxes = n_simple_fluxes
        real(dp), allocatable :: flux_sum(:, :)     !< (cells here, n_fluxes), per area of sea and ice together
        real(dp), allocatable :: sst(:, :), ssu(:, :), ssv(:, :)    !< global, as the atmosphere sees them [degC, m/s]
        real(dp), allocatable :: ice_cover(:, :)    !< global; 0 where no ice is carried
        real(dp), allocatable :: ice_conductance(:, :)      !< global [W/m2/K]
    end type surface_exchange_type

contains

    !> Collective.
    subroutine exchange_init(self, comm, grid, rows, sigma, n_fluxes, status)
        type(surface_exchange_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        type(exchange_grid_type), intent(in) :: grid
        integer, intent(in) :: rows(:)              !< global atmosphere rows held here
        real(dp), intent(in) :: sigma               !< pressure of the lowest level over surface pressure
        integer, intent(in) :: n_fluxes             !< to be summed for the ocean
        type(status_type), intent(inout) :: status
        integer, allocatable :: cells(:)
        integer :: j, k

        self%grid = grid
        self%rows = rows
        self%sigma = sigma
        self%n_fluxes = n_fluxes
        allocate (cells(0))
        do j = 1, size(rows)
            cells = [cells, (k, k=grid%row_first(rows(j)), grid%row_first(rows(j) + 1) - 1)]
        end do
        call self%layout%init(comm, grid%n, cells, status)
        allocate (self%flux_sum(size(cells), n_fluxes), source=0.0_dp)
        allocate (self%sst(grid%nlon_ocean, grid%nlat_ocean), self%ssu(grid%nlon_ocean, grid%nlat_ocean), &
            self%ssv(grid%nlon_ocean, grid%nlat_ocean), self%ice_cover(grid%nlon_ocean, grid%nlat_ocean), &
            self%ice_conductance(grid%nlon_ocean, grid%nlat_ocean), source=0.0_dp)
    end subroutine exchange_init

    !> Show the atmosphere the ocean's present surface. Collective.
    subroutine exchange_see_ocean(self, ocean_layout, sst, ssu, ssv)
        type(surface_exchange_type), intent(inout) :: self
        type(layout_type), intent(in) :: ocean_layout
        real(dp), intent(in) :: sst(:, :), ssu(:, :), ssv(:, :)     !< this rank's block [degC, m/s]
        call ocean_layout%gather_to_all(sst, self%sst)
        call ocean_layout%gather_to_all(ssu, self%ssu)
        call ocean_layout%gather_to_all(ssv, self%ssv)
    end subroutine exchange_see_ocean

    !> Fluxes of one atmosphere step: averages for the atmosphere, heat of the land tiles, and the sums for the ocean.
    subroutine exchange_fluxes(self, config, ps, ta, ua, va, land_temperature, stress_x, stress_y, sensible, &
        land_sensible)
        type(surface_exchange_type), intent(inout) :: self
        type(flux_config_type), intent(in) :: config
        real(dp), intent(in) :: ps(:, :), ta(:, :), ua(:, :), va(:, :)  !< lowest level (nlon, nrows) [Pa, K, m/s]
        real(dp), intent(in) :: land_temperature(:, :)                  !< [K]
        real(dp), intent(out) :: stress_x(:, :), stress_y(:, :)         !< on the atmosphere [N/m2]
        real(dp), intent(out) :: sensible(:, :)                         !< into the atmosphere, all tiles [W/m2]
        real(dp), intent(out) :: land_sensible(:, :)                    !< into the atmosphere, land tile [W/m2]
        real(dp), dimension(size(ps, 1)) :: land_tau_x, land_tau_y
        real(dp), allocatable :: tau_x(:), tau_y(:), heat(:)
        integer :: j, row, first, last

        last = 0
        do j = 1, size(self%rows)
            row = self%rows(j)
            first = last + 1
            last = last + self%grid%row_first(row + 1) - self%grid%row_first(row)
            allocate (tau_x(first:last), tau_y(first:last), heat(first:last))
            call sea_fluxes(self, config, row, ps(:, j), ta(:, j), ua(:, j), va(:, j), tau_x, tau_y, heat)
            call bulk_flux(config%land_roughness, config%gustiness, config%louis_stability, self%sigma, ps(:, j), &
                ta(:, j), ua(:, j), va(:, j), land_temperature(:, j), 0.0_dp, 0.0_dp, land_tau_x, land_tau_y, &
                land_sensible(:, j))
            call sum_to_atmosphere(self%grid, row, -tau_x, -land_tau_x, stress_x(:, j))
            call sum_to_atmosphere(self%grid, row, -tau_y, -land_tau_y, stress_y(:, j))
            call sum_to_atmosphere(self%grid, row, heat, land_sensible(:, j), sensible(:, j))
            self%flux_sum(first:last, 1) = self%flux_sum(first:last, 1) + tau_x
            self%flux_sum(first:last, 2) = self%flux_sum(first:last, 2) + tau_y
            self%flux_sum(first:last, 3) = self%flux_sum(first:last, 3) - heat
            deallocate (tau_x, tau_y, heat)
        end do
        self%steps = self%steps + 1
    end subroutine exchange_fluxes

    !> Fluxes of the exchange cells of one atmosphere row.
    subroutine sea_fluxes(self, config, row, ps, ta, ua, va, tau_x, tau_y, heat)
        type(surface_exchange_type), intent(in) :: self
        type(flux_config_type), intent(in) :: config
        integer, intent(in) :: row                              !< global atmosphere row
        real(dp), intent(in) :: ps(:), ta(:), ua(:), va(:)      !< (nlon)
        real(dp), intent(out) :: tau_x(:), tau_y(:)             !< on the sea [N/m2]
        real(dp), intent(out) :: heat(:)                        !< into the atmosphere [W/m2]
        integer :: cell, k, i, io, jo

        do k = 1, size(heat)
            cell = self%grid%row_first(row) + k - 1
            i = self%grid%ia(cell)
            io = self%grid%io(cell)
            jo = self%grid%jo(cell)
            call bulk_flux(config%sea_roughness, config%gustiness, config%louis_stability, self%sigma, ps(i), ta(i), &
                ua(i), va(i), self%sst(io, jo) + celsius_zero, self%ssu(io, jo), self%ssv(io, jo), tau_x(k), tau_y(k), &
                heat(k))
            if (heat(k) > 0.0_dp) heat(k) = heat(k)*open_water(config, self%sst(io, jo))
        end do
    end subroutine sea_fluxes

    !> Mean fluxes of the interval over this rank's ocean block; the sums start anew. Collective.
    subroutine exchange_mean(self, i_first, j_first, fluxes)
        type(surface_exchange_type), intent(inout) :: self
        integer, intent(in) :: i_first, j_first     !< global indices of the block's first cell
        real(dp), intent(out) :: fluxes(:, :, :)    !< (nx, ny, n_fluxes) into the ocean
        real(dp) :: mean(self%grid%n)
        integer :: f

        do f = 1, self%n_fluxes
            call self%layout%gather_to_all(self%flux_sum(:, f)/self%steps, mean)
            call average_to_ocean(self%grid, mean, i_first, j_first, fluxes(:, :, f))
        end do
        self%flux_sum = 0.0_dp
        self%steps = 0
    end subroutine exchange_mean
end module surface_exchange_mod
