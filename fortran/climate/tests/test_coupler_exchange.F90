!> The exchange grid against the areas of spherical zones, its two averages against each other, and the bulk formulas
!! against their closed forms.
program test_coupler_exchange
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, earth_radius, gravity, dry_air_gas_constant, dry_air_cp, kappa
    use overlap_mod, only: periodic_overlaps
    use exchange_grid_mod, only: exchange_grid_type, exchange_grid_init, sum_to_atmosphere, average_to_ocean
    use bulk_flux_mod, only: bulk_flux, stability_functions, von_karman, neutral_prandtl
    use flux_config_mod, only: flux_config_type
    use ocean_forcing_mod, only: open_water, restoring_heat, restoring_freshwater
    use report_mod, only: report, finish
    implicit none

    call test_overlaps()
    call test_coverage(96, 48, 90, 50)
    call test_coverage(144, 96, 360, 200)
    call test_conservation(96, 48, 90, 50)
    call test_conservation(144, 96, 360, 200)
    call test_bulk()
    call test_forcing()
    call finish()

contains

    !> Four cells centred at 0, 90, ... against four centred at 45, 135, ...: every neighbour shares a half.
    subroutine test_overlaps()
        real(dp) :: length(4, 4)
        integer :: i
        call periodic_overlaps([(90.0_dp*i, i=0, 3)], 90.0_dp, [(45.0_dp + 90.0_dp*i, i=0, 3)], 90.0_dp, length)
        call report('overlap_across_0', length(1, 4), 45.0_dp, 1.0e-12_dp)
        call report('overlap_next', length(2, 1), 45.0_dp, 1.0e-12_dp)
        call report('overlap_none', length(3, 1), 0.0_dp, 0.0_dp)
        call report('overlap_sum', sum(length), 360.0_dp, 1.0e-10_dp)
    end subroutine test_overlaps

    !> Grids as the models have them: atmosphere bands of equal sine, ocean rows of equal latitude from 78S to 78N.
    subroutine make_grid(grid, na, ma, no, mo, wet)
        type(exchange_grid_type), intent(out) :: grid
        integer, intent(in) :: na, ma, no, mo       !< columns and rows of the atmosphere and of the ocean
        logical, intent(in) :: wet(:, :)
        real(dp) :: lat_o(mo + 1), lat_a(ma + 1)
        integer :: i
        lat_o = [(-78.0_dp + 156.0_dp*i/mo, i=0, mo)]
        lat_a = [(asin(max(-1.0_dp, min(1.0_dp, -1.0_dp + 2.0_dp*i/ma)))/degree, i=0, ma)]
        call exchange_grid_init(grid, [(360.0_dp*i/na, i=0, na - 1)], lat_a, &
            [(360.0_dp*(i + 0.5_dp)/no, i=0, no - 1)], lat_o, wet, &
            earth_radius**2*2.0_dp*pi/no*(sin(lat_o(2:)*degree) - sin(lat_o(:mo)*degree)))
    end subroutine make_grid

    !> An ocean without continents: the exchange cells tile the zone 78S-78N and every ocean cell.
    subroutine test_coverage(na, ma, no, mo)
        integer, intent(in) :: na, ma, no, mo
        type(exchange_grid_type) :: grid
        logical :: wet(no, mo)
        real(dp) :: zone, ones(no, mo), row_flux(na), row_area(ma)
        integer :: j, n
        character(len=12) :: name

        wet = .true.
        call make_grid(grid, na, ma, no, mo, wet)
        write (name, '(i0, a, i0)') na, 'x', ma
        zone = 4.0_dp*pi*earth_radius**2*sin(78.0_dp*degree)
        row_area = [(sum(grid%area(grid%row_first(j):grid%row_first(j + 1) - 1)), j=1, ma)]
        call report('zone_area_'//name, sum(row_area)/zone, 1.0_dp, 1.0e-13_dp)
        call report('sphere_area_'//name, sum(row_area + sum(grid%land_area, 1))/(4.0_dp*pi*earth_radius**2), &
            1.0_dp, 1.0e-13_dp)
        call average_to_ocean(grid, spread(1.0_dp, 1, grid%n), 1, 1, ones)
        call report('ocean_cells_covered_'//name, maxval(abs(ones - 1.0_dp)), 0.0_dp, 1.0e-12_dp)
        j = ma/2
        n = grid%row_first(j + 1) - grid%row_first(j)
        call sum_to_atmosphere(grid, j, spread(1.0_dp, 1, n), spread(7.0_dp, 1, na), row_flux)
        call report('no_land_at_equator_'//name, maxval(abs(row_flux - 1.0_dp)), 0.0_dp, 1.0e-12_dp)
        call report('polar_cap_is_land_'//name, sum(grid%land_area(:, ma))/(na*grid%atmos_area(ma)), &
            min(1.0_dp, (1.0_dp - sin(78.0_dp*degree))/(2.0_dp/ma)), 1.0e-12_dp)
    end subroutine test_coverage

    !> Rough fluxes over patchy seas: what the atmosphere gets is what land and ocean give, and 1 averages to 1.
    subroutine test_conservation(na, ma, no, mo)
        integer, intent(in) :: na, ma, no, mo
        type(exchange_grid_type) :: grid
        logical :: wet(no, mo)
        real(dp) :: noise(no, mo), land_flux(na, ma), ocean_flux(no, mo), atmos_flux(na), ones(na)
        real(dp), allocatable :: tile_flux(:)
        real(dp) :: received, given, scale, worst
        integer :: j, first, last
        character(len=12) :: name

        call random_seed(put=spread(11, 1, 64))
        call random_number(noise)
        wet = noise > 0.35_dp
        call make_grid(grid, na, ma, no, mo, wet)
        allocate (tile_flux(grid%n))
        call random_number(tile_flux)
        call random_number(land_flux)
        tile_flux = 400.0_dp*(tile_flux - 0.5_dp)
        land_flux = 400.0_dp*(land_flux - 0.5_dp)
        call average_to_ocean(grid, tile_flux, 1, 1, ocean_flux)
        received = 0.0_dp
        worst = 0.0_dp
        do j = 1, ma
            first = grid%row_first(j)
            last = grid%row_first(j + 1) - 1
            call sum_to_atmosphere(grid, j, tile_flux(first:last), land_flux(:, j), atmos_flux)
            received = received + sum(atmos_flux)*grid%atmos_area(j)
            call sum_to_atmosphere(grid, j, spread(1.0_dp, 1, last - first + 1), spread(1.0_dp, 1, na), ones)
            worst = max(worst, maxval(abs(ones - 1.0_dp)))
        end do
        given = sum(land_flux*grid%land_area) + sum(sum(ocean_flux, 1)*grid%ocean_area)
        scale = sum(abs(tile_flux)*grid%area) + sum(abs(land_flux)*grid%land_area)
        write (name, '(i0, a, i0)') na, 'x', ma
        call report('flux_both_sides_'//name, received/scale, given/scale, 1.0e-13_dp)
        call report('one_averages_to_one_'//name, worst, 0.0_dp, 1.0e-12_dp)
    end subroutine test_conservation

    !> Neutral: u* = k U/ln(z/z0). Louis's functions at numbers where they are simple.
    subroutine test_bulk()
        real(dp), parameter :: sigma = 0.9375_dp, ps = 1.0e5_dp, ta = 280.0_dp, z0 = 1.0e-3_dp
        real(dp) :: tau_x, tau_y, heat, z, theta, rho, speed, fm, fh, c, other

        z = -log(sigma)*dry_air_gas_constant*ta/gravity
        theta = ta/sigma**kappa
        rho = ps/(dry_air_gas_constant*theta)
        speed = sqrt(3.0_dp**2 + 4.0_dp**2 + 1.0_dp)
        call bulk_flux(z0, 1.0_dp, .false., sigma, ps, ta, 4.0_dp, 4.0_dp, theta + 2.0_dp, 1.0_dp, 0.0_dp, tau_x, &
            tau_y, heat)
        call report('neutral_stress', tau_x, rho*(von_karman/log(z/z0))**2*speed*3.0_dp, 1.0e-15_dp)
        call report('stress_direction', tau_y/tau_x, 4.0_dp/3.0_dp, 1.0e-14_dp)
        call report('neutral_heat', heat, 2.0_dp*rho*dry_air_cp*(von_karman/log(z/z0))**2/neutral_prandtl*speed, &
            1.0e-11_dp)
        call bulk_flux(z0, 1.0_dp, .true., sigma, ps, ta, 4.0_dp, 4.0_dp, theta, 1.0_dp, 0.0_dp, other, tau_y, heat)
        call report('louis_neutral_limit', other, tau_x, 1.0e-15_dp)
        call report('no_heat_without_difference', heat, 0.0_dp, 1.0e-12_dp)
        call stability_functions(0.1_dp, 1.0e4_dp, fm, fh)
        call report('louis_stable', fm, 1.0_dp/1.47_dp**2, 1.0e-15_dp)
        call stability_functions(-1.0_dp, 1.0e4_dp, fm, fh)
        c = (0.4_dp/(4.0_dp*log(10.0_dp)))**2*9.4_dp*100.0_dp
        call report('louis_unstable_momentum', fm, 1.0_dp + 9.4_dp/(1.0_dp + 7.4_dp*c), 1.0e-14_dp)
        call report('louis_unstable_heat', fh, 1.0_dp + 9.4_dp/(1.0_dp + 5.3_dp*c), 1.0e-14_dp)
    end subroutine test_bulk

    !> The sea closes at freezing; the freshwater sums to nothing; the restoring vanishes at its target.
    subroutine test_forcing()
        type(flux_config_type) :: config
        integer, parameter :: n = 30, m = 20
        real(dp) :: lat(m), area(m), sss(n, m), freshwater(n, m), target
        logical :: wet(n, m)
        integer :: j

        target = config%target_temperature%value(20.0_dp, 0_i8)
        call report('restoring_at_target', restoring_heat(config, 20.0_dp, 0_i8, target), 0.0_dp, 0.0_dp)
        call report('restoring_one_kelvin', restoring_heat(config, 20.0_dp, 0_i8, target - 1.0_dp), &
            config%heat_restoring, 1.0e-12_dp)
        call report('open_sea', open_water(config, 5.0_dp), 1.0_dp, 0.0_dp)
        call report('half_closed', open_water(config, config%freezing_temperature + 0.5_dp*config%freezing_width), &
            0.5_dp, 1.0e-14_dp)
        call report('closed_sea', open_water(config, config%freezing_temperature), 0.0_dp, 0.0_dp)
        call report('season_returns', config%target_temperature%value(45.0_dp, 31556952_i8), &
            config%target_temperature%value(45.0_dp, 0_i8), 0.0_dp)
        call report('hemispheres_opposed', config%target_temperature%value(45.0_dp, 17280000_i8) &
            - config%target_temperature%value(-45.0_dp, 17280000_i8), 2.0_dp*config%target_temperature%amplitude, &
            1.0e-12_dp)
        lat = [(-75.0_dp + 150.0_dp*(j - 1)/(m - 1), j=1, m)]
        area = cos(lat*degree)
        call random_number(sss)
        wet = sss > 0.3_dp
        sss = 33.0_dp + 4.0_dp*sss
        call restoring_freshwater(config, lat, area, wet, sss, freshwater)
        call report('freshwater_balances', sum(sum(freshwater, 1)*area)/sum(sum(abs(freshwater), 1)*area), 0.0_dp, &
            1.0e-14_dp)
        call report('no_freshwater_on_land', maxval(abs(freshwater), mask=.not. wet), 0.0_dp, 0.0_dp)
    end subroutine test_forcing
end program test_coupler_exchange
