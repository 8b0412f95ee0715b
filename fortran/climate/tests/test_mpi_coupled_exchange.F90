!> Fluxes between synthetic air, land and sea: what the atmosphere gets over a coupling interval is what ocean and land
!! give, and every rank's part has the bytes that one rank alone computes. The sea closes where it freezes.
program test_mpi_coupled_exchange
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, earth_radius
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use layout_mod, only: layout_type
    use exchange_grid_mod, only: exchange_grid_type, exchange_grid_init
    use surface_exchange_mod, only: surface_exchange_type, exchange_init, exchange_see_ocean, exchange_fluxes, &
        exchange_mean, n_simple_fluxes
    use flux_config_mod, only: flux_config_type
    use bulk_flux_mod, only: bulk_flux
    use report_mod, only: report, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    integer, parameter :: na = 32, ma = 16, no = 30, mo = 26    ! atmosphere and ocean columns and rows
    real(dp), parameter :: sigma = 0.9375_dp

    !> One interval of two steps, gathered: fluxes on whole grids.
    type :: interval_type
        real(dp) :: air(na, ma, 3) = 0.0_dp         !< mean on the atmosphere: stress x, y [N/m2], heat [W/m2]
        real(dp) :: land(na, ma, 3) = 0.0_dp        !< mean of the land tiles, the same
        real(dp) :: sea(no, mo, 3) = 0.0_dp         !< mean on the ocean: stress x, y, heat into the ocean
    end type interval_type

    type(comm_type) :: world, alone
    type(interval_type) :: here, reference
    type(exchange_grid_type) :: grid
    real(dp) :: air(na, ma, 2, 4), ground(na, ma), sea(no, mo, 3)
    logical :: wet(no, mo)
    type(flux_config_type) :: config

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call alone%init(MPI_COMM_SELF%mpi_val)
    call draw_surfaces()
    call make_grid()
    call exchange(world, here)
    call exchange(alone, reference)
    call report('air_bytes_differing', differing([here%air], [reference%air]), 0.0_dp, 0.0_dp)
    call report('sea_bytes_differing', differing([here%sea], [reference%sea]), 0.0_dp, 0.0_dp)
    call test_budget('eastward_stress', 1)
    call test_budget('northward_stress', 2)
    call test_budget('sensible_heat', 3)
    call test_freezing()
    call MPI_Finalize()
    call finish()

contains

    pure real(dp) function differing(a, b)
        real(dp), intent(in) :: a(:), b(:)
        differing = real(count(transfer(a, 1_i8, size(a)) /= transfer(b, 1_i8, size(b))), dp)
    end function differing

    !> The same noise on every rank; a third of the sea is land, the polar sea freezes.
    subroutine draw_surfaces()
        real(dp) :: noise(no, mo)
        integer :: j
        call random_seed(put=spread(5, 1, 64))
        call random_number(noise)
        call random_number(air)
        call random_number(ground)
        call random_number(sea)
        wet = noise > 0.33_dp
        air(:, :, :, 1) = 1.0e5_dp + 4.0e3_dp*(air(:, :, :, 1) - 0.5_dp)
        air(:, :, :, 2) = 260.0_dp + 40.0_dp*air(:, :, :, 2)
        air(:, :, :, 3:4) = 30.0_dp*(air(:, :, :, 3:4) - 0.5_dp)
        ground = 250.0_dp + 60.0_dp*ground
        sea(:, :, 2:3) = sea(:, :, 2:3) - 0.5_dp
        do j = 1, mo
            sea(:, j, 1) = 30.0_dp*sin(pi*(j - 1.0_dp)/(mo - 1.0_dp)) - 1.8_dp + sea(:, j, 1)
        end do
        where (.not. wet) sea(:, :, 1) = 0.0_dp
    end subroutine draw_surfaces

    subroutine make_grid()
        real(dp) :: lat_o(mo + 1), lat_a(ma + 1)
        integer :: i
        lat_o = [(-78.0_dp + 156.0_dp*i/mo, i=0, mo)]
        lat_a = [(asin(max(-1.0_dp, min(1.0_dp, -1.0_dp + 2.0_dp*i/ma)))/degree, i=0, ma)]
        call exchange_grid_init(grid, [(360.0_dp*i/na, i=0, na - 1)], lat_a, &
            [(360.0_dp*(i + 0.5_dp)/no, i=0, no - 1)], lat_o, wet, earth_radius**2*2.0_dp*pi/no*156.0_dp/mo*degree* &
            cos(0.5_dp*(lat_o(2:) + lat_o(:mo))*degree))
    end subroutine make_grid

    !> Atmosphere rows are dealt out in turn, ocean rows in bands; the result is gathered on every rank.
    subroutine exchange(comm, mean)
        type(comm_type), intent(in) :: comm
        type(interval_type), intent(out) :: mean
        type(surface_exchange_type) :: surface
        type(layout_type) :: air_layout, sea_layout
        type(status_type) :: status
        integer, allocatable :: rows(:), cells(:)
        real(dp), allocatable :: flux(:, :, :), land(:, :), total(:, :, :), part(:, :, :)
        integer :: i, j, first, last, step, f

        rows = [(j, j=comm%rank + 1, ma, comm%size)]
        cells = [((i + (rows(j) - 1)*na, i=1, na), j=1, size(rows))]
        call air_layout%init(comm, na*ma, cells, status)
        first = comm%rank*mo/comm%size + 1
        last = (comm%rank + 1)*mo/comm%size
        cells = [((i + (j - 1)*no, i=1, no), j=first, last)]
        call sea_layout%init(comm, no*mo, cells, status)
        call exchange_init(surface, comm, grid, rows, sigma, n_simple_fluxes, status)
        if (status%failed()) error stop 'layouts of the test'
        call exchange_see_ocean(surface, sea_layout, sea(:, first:last, 1), sea(:, first:last, 2), &
            sea(:, first:last, 3))
        allocate (flux(na, size(rows), 3), land(na, size(rows)), part(no, last - first + 1, 3))
        allocate (total(na, size(rows), 3), source=0.0_dp)
        do step = 1, 2
            call exchange_fluxes(surface, config, air(:, rows, step, 1), air(:, rows, step, 2), air(:, rows, step, 3), &
                air(:, rows, step, 4), ground(:, rows), flux(:, :, 1), flux(:, :, 2), flux(:, :, 3), land)
            total = total + 0.5_dp*flux
        end do
        call exchange_mean(surface, 1, first, part)
        do f = 1, 3
            call air_layout%gather_to_all(total(:, :, f), mean%air(:, :, f))
            call sea_layout%gather_to_all(part(:, :, f), mean%sea(:, :, f))
        end do
        call land_fluxes(mean%land)
    end subroutine exchange

    !> Stress on the air and heat into it over the land tiles, mean of the two steps.
    subroutine land_fluxes(mean)
        real(dp), intent(out) :: mean(na, ma, 3)
        real(dp), dimension(na, ma) :: tau_x, tau_y, heat
        integer :: step
        mean = 0.0_dp
        do step = 1, 2
            call bulk_flux(config%land_roughness, config%gustiness, config%louis_stability, sigma, air(:, :, step, 1), &
                air(:, :, step, 2), air(:, :, step, 3), air(:, :, step, 4), ground, 0.0_dp, 0.0_dp, tau_x, tau_y, heat)
            mean(:, :, 1) = mean(:, :, 1) - 0.5_dp*tau_x
            mean(:, :, 2) = mean(:, :, 2) - 0.5_dp*tau_y
            mean(:, :, 3) = mean(:, :, 3) + 0.5_dp*heat
        end do
    end subroutine land_fluxes

    !> Atmosphere + ocean = land tiles, as a share of what is exchanged.
    subroutine test_budget(name, f)
        character(len=*), intent(in) :: name
        integer, intent(in) :: f
        real(dp) :: to_air, from_land, to_sea, scale
        to_air = sum(sum(here%air(:, :, f), 1)*grid%atmos_area)
        from_land = sum(here%land(:, :, f)*grid%land_area)
        to_sea = sum(sum(here%sea(:, :, f), 1)*grid%ocean_area)
        scale = sum(sum(abs(here%air(:, :, f)), 1)*grid%atmos_area)
        call report(name//'_both_sides', (to_air + to_sea)/scale, from_land/scale, 1.0e-13_dp)
        call report(name//'_reaches_the_sea', merge(1.0_dp, 0.0_dp, abs(to_sea) > 1.0e-3_dp*scale), 1.0_dp, 0.0_dp)
    end subroutine test_budget

    !> Under cold air a sea at freezing gives no heat, one a width above gives all of it.
    subroutine test_freezing()
        type(interval_type) :: closed, open
        air(:, :, :, 2) = 230.0_dp
        sea(:, :, 1) = config%freezing_temperature
        call exchange(world, closed)
        call report('closed_sea_gives_nothing', maxval(abs(closed%sea(:, :, 3))), 0.0_dp, 0.0_dp)
        sea(:, :, 1) = config%freezing_temperature + config%freezing_width
        call exchange(world, open)
        call report('open_sea_cools', merge(1.0_dp, 0.0_dp, maxval(open%sea(:, :, 3), mask=wet) < 0.0_dp), &
            1.0_dp, 0.0_dp)
    end subroutine test_freezing
end program test_mpi_coupled_exchange
