!> Sea, ice and land under prescribed air and a slab ocean: the same bytes on these ranks as on one; what the air gives
!! is what the tiles receive, for momentum, heat and water; a year of rain, evaporation, freezing and rivers loses none.
program test_mpi_coupled_tiles
    use kinds_mod, only: dp, i8
    use constants_mod, only: pi, degree, earth_radius, seawater_density, seawater_cp, latent_heat_fusion, &
        latent_heat_vaporization
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use layout_mod, only: layout_type
    use exchange_grid_mod, only: exchange_grid_type, exchange_grid_init
    use surface_exchange_mod, only: surface_exchange_type, exchange_init, exchange_see_ocean, exchange_mean, &
        n_full_fluxes, flux_heat, flux_water, flux_ice_heat, flux_shortwave
    use tile_exchange_mod, only: tile_exchange_fluxes, tile_exchange_rain
    use atmos_surface_mod, only: surface_air_type, surface_flux_type, surface_air_init, surface_flux_init
    use flux_config_mod, only: flux_config_type
    use ice_mod, only: ice_type, ice_init, ice_cover, ice_thickness, ice_conductance, ice_step
    use land_mod, only: land_type, land_init, land_take_rain
    use runoff_mod, only: rivers_type, rivers_init, rivers_flow
    use report_mod, only: report, report_that, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD, MPI_COMM_SELF
    implicit none

    integer, parameter :: na = 32, ma = 16, no = 36, mo = 24
    real(dp), parameter :: day = 86400.0_dp, seconds = day/4.0_dp
    real(dp), parameter :: slab = 30.0_dp*seawater_density*seawater_cp      !< heat capacity [J/m2/K]

    !> All surfaces of one communicator.
    type :: surfaces_type
        type(surface_exchange_type) :: exchange
        type(layout_type) :: air_layout, sea_layout
        type(ice_type) :: ice
        type(land_type) :: land
        type(rivers_type) :: rivers
        integer :: first = 1, last = mo                 !< own ocean rows
        real(dp), allocatable :: sst(:, :)              !< own rows [degC]
        real(dp), allocatable :: sea_water(:, :)        !< received, own rows [kg/m2]
        real(dp), allocatable :: air_heat(:, :), air_water(:, :)    !< given by the air, own rows [J/m2, kg/m2]
        real(dp), allocatable :: through(:, :)          !< size of what passed, own rows [J/m2]
    end type surfaces_type

    type(comm_type) :: world, alone
    type(exchange_grid_type) :: grid
    type(flux_config_type) :: config
    type(surfaces_type) :: here
    real(dp) :: lon_a(na), lat_a(ma), lon_o(no), lat_o(mo)
    logical :: wet(no, mo)

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call alone%init(MPI_COMM_SELF%mpi_val)
    call make_grid()
    call test_rivers()
    call test_one_interval(.false.)
    call test_one_interval(.true.)
    call test_one_rank()
    call test_year()
    call MPI_Finalize()
    call finish()

contains

    !> Two continents and polar land.
    subroutine make_grid()
        real(dp) :: bounds_a(ma + 1), bounds_o(mo + 1)
        integer :: i, j
        bounds_o = [(-78.0_dp + 156.0_dp*i/mo, i=0, mo)]
        bounds_a = [(asin(max(-1.0_dp, min(1.0_dp, -1.0_dp + 2.0_dp*i/ma)))/degree, i=0, ma)]
        lon_a = [(360.0_dp*i/na, i=0, na - 1)]
        lon_o = [(360.0_dp*(i + 0.5_dp)/no, i=0, no - 1)]
        lat_a = 0.5_dp*(bounds_a(2:) + bounds_a(:ma))
        lat_o = 0.5_dp*(bounds_o(2:) + bounds_o(:mo))
        do j = 1, mo
            do i = 1, no
                wet(i, j) = .not. ((lon_o(i) > 20.0_dp .and. lon_o(i) < 70.0_dp .and. lat_o(j) > -35.0_dp) .or. &
                    abs(lon_o(i) - 260.0_dp) < 15.0_dp + 10.0_dp*sin(2.0_dp*lat_o(j)*degree))
            end do
        end do
        call exchange_grid_init(grid, lon_a, bounds_a, lon_o, bounds_o, wet, &
            earth_radius**2*2.0_dp*pi/no*156.0_dp/mo*degree*cos(lat_o*degree))
    end subroutine make_grid

    subroutine start(self, comm)
        type(surfaces_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        type(status_type) :: status
        integer, allocatable :: rows(:)
        integer :: i, j, unit
        character(len=40) :: name
        rows = [(j, j=comm%rank + 1, ma, comm%size)]
        self%first = comm%rank*mo/comm%size + 1
        self%last = (comm%rank + 1)*mo/comm%size
        write (name, '(2(a, i0), a)') 'test_tiles_', world%size, '_', world%rank, '.nml'
        open (newunit=unit, file=name, action='write', status='replace')
        write (unit, '(a)') '&land_nml', '/', '&ice_nml', '/'
        close (unit)
        call self%air_layout%init(comm, na*ma, [((i + (rows(j) - 1)*na, i=1, na), j=1, size(rows))], status)
        call self%sea_layout%init(comm, no*mo, [((i + (j - 1)*no, i=1, no), j=self%first, self%last)], status)
        call exchange_init(self%exchange, comm, grid, rows, 0.95_dp, n_full_fluxes, status)
        call ice_init(self%ice, name, no, self%last - self%first + 1, config%freezing_temperature, status)
        call land_init(self%land, name, na, lat_a(rows), 0_i8, seconds, status)
        call rivers_init(self%rivers, grid, lon_a, lat_a, lon_o, lat_o, wet, config%runoff_radius)
        open (newunit=unit, file=name)
        close (unit, status='delete')
        if (status%failed()) error stop 'the test cannot start its surfaces'
        self%sst = spread(-1.8_dp + 29.0_dp*cos(lat_o(self%first:self%last)*degree)**3, 1, no)
        allocate (self%air_heat(na, size(rows)), self%air_water(na, size(rows)), self%through(na, size(rows)), &
            source=0.0_dp)
        allocate (self%sea_water(no, self%last - self%first + 1), source=0.0_dp)
    end subroutine start

    !> Air of a season and weather: waves in longitude and time, sunlight, rain where the air rises.
    subroutine set_air(self, step, air, rain)
        type(surfaces_type), intent(in) :: self
        integer, intent(in) :: step
        type(surface_air_type), intent(out) :: air
        real(dp), allocatable, intent(out) :: rain(:, :)        !< [kg/m2/s]
        real(dp) :: season, phi, wave(na)
        integer :: j
        call surface_air_init(air, na, size(self%exchange%rows))
        allocate (rain(na, size(self%exchange%rows)))
        season = cos(2.0_dp*pi*step*seconds/(365.0_dp*day))
        do j = 1, size(self%exchange%rows)
            phi = lat_a(self%exchange%rows(j))*degree
            wave = sin(5.0_dp*lon_a*degree - 0.1_dp*step + 3.0_dp*phi)
            air%ps(:, j) = 1.0e5_dp + 1.0e3_dp*wave
            air%t(:, j) = 258.0_dp + 40.0_dp*cos(phi)**2 - 20.0_dp*sin(phi)*season + 5.0_dp*wave
            air%u(:, j) = 8.0_dp*sin(3.0_dp*phi) + 6.0_dp*wave
            air%v(:, j) = 6.0_dp*cos(4.0_dp*lon_a*degree + 0.07_dp*step)
            air%q(:, j) = 1.0e-3_dp*exp(2.6_dp*cos(phi)**2 + 0.3_dp*wave)
            air%sw_down(:, j) = max(0.0_dp, 280.0_dp*cos(phi) - 180.0_dp*sin(phi)*season)
            air%lw_down(:, j) = 230.0_dp + 160.0_dp*cos(phi)**2 - 70.0_dp*sin(phi)*season + 20.0_dp*wave
            rain(:, j) = max(0.0_dp, 6.0_dp*cos(phi)**2*wave + 1.5_dp)/day
        end do
    end subroutine set_air

    !> One interval of one atmosphere step, as the coupled model makes it; fluxes for tests of a single interval.
    subroutine advance(self, step, flux, fluxes)
        type(surfaces_type), intent(inout) :: self
        integer, intent(in) :: step
        type(surface_flux_type), intent(out) :: flux
        real(dp), allocatable, intent(out) :: fluxes(:, :, :)   !< into the own ocean rows (no, rows, n_full_fluxes)
        type(surface_air_type) :: air
        type(status_type) :: status
        real(dp), allocatable :: rain(:, :), freezing(:, :), ice_heat(:, :), ice_water(:, :)
        real(dp) :: runoff(na, ma), flow(no, mo)

        call set_air(self, step, air, rain)
        call surface_flux_init(flux, na, size(self%exchange%rows))
        call show_surface(self)
        call tile_exchange_fluxes(self%exchange, config, self%ice, self%land, air, flux, status)
        if (status%failed()) error stop 'the surfaces left their range'
        call tile_exchange_rain(self%exchange, rain)
        call land_take_rain(self%land, rain)
        self%air_heat = self%air_heat + seconds*((air%sw_down - flux%sw_up) + (air%lw_down - flux%lw_up) &
            - flux%sensible - latent_heat_vaporization*flux%evaporation)
        self%air_water = self%air_water + seconds*(rain - flux%evaporation)
        self%through = self%through + seconds*(flux%lw_up + air%sw_down)

        allocate (fluxes(no, size(self%sst, 2), n_full_fluxes), ice_heat(no, size(self%sst, 2)), &
            ice_water(no, size(self%sst, 2)))
        call exchange_mean(self%exchange, 1, self%first, fluxes)
        freezing = slab*max(0.0_dp, config%freezing_temperature - self%sst)
        self%sst = self%sst + freezing/slab
        call ice_step(self%ice, seconds, fluxes(:, :, flux_ice_heat), freezing, self%sst, ice_heat, ice_water)
        call self%air_layout%gather_to_all(self%land%runoff, runoff)
        self%land%runoff = 0.0_dp
        call rivers_flow(self%rivers, grid, runoff, flow)
        self%sst = self%sst + seconds*(fluxes(:, :, flux_heat) + ice_heat)/slab
        self%sea_water = self%sea_water + seconds*(fluxes(:, :, flux_water) + ice_water) &
            + flow(:, self%first:self%last)
    end subroutine advance

    subroutine show_surface(self)
        type(surfaces_type), intent(inout) :: self
        real(dp) :: rest(no, self%last - self%first + 1)
        rest = 0.1_dp
        call exchange_see_ocean(self%exchange, self%sea_layout, self%sst, rest, -rest)
        call self%sea_layout%gather_to_all(ice_cover(self%ice, self%ice%volume), self%exchange%ice_cover)
        call self%sea_layout%gather_to_all(ice_conductance(self%ice, ice_thickness(self%ice, self%ice%volume)), &
            self%exchange%ice_conductance)
    end subroutine show_surface

    !> Sum over the sphere of a field on the own atmosphere rows; over the sea of one on the own ocean rows.
    real(dp) function over_air(self, field)
        type(surfaces_type), intent(in) :: self
        real(dp), intent(in) :: field(:, :)
        real(dp) :: whole(na, ma)
        call self%air_layout%gather_to_all(field, whole)
        over_air = sum(sum(whole, 1)*grid%atmos_area)
    end function over_air

    real(dp) function over_land(self, field)
        type(surfaces_type), intent(in) :: self
        real(dp), intent(in) :: field(:, :)
        real(dp) :: whole(na, ma)
        call self%air_layout%gather_to_all(field, whole)
        over_land = sum(whole*grid%land_area)
    end function over_land

    real(dp) function over_sea(self, field)
        type(surfaces_type), intent(in) :: self
        real(dp), intent(in) :: field(:, :)
        real(dp) :: whole(no, mo)
        call self%sea_layout%gather_to_all(field, whole)
        over_sea = sum(sum(merge(whole, 0.0_dp, wet), 1)*grid%ocean_area)
    end function over_sea

    !> Every land tile has a mouth; the water of one tile arrives whole and near it.
    subroutine test_rivers()
        type(rivers_type) :: rivers
        real(dp) :: runoff(na, ma), flow(no, mo), noise(na, ma)
        call rivers_init(rivers, grid, lon_a, lat_a, lon_o, lat_o, wet, 5.0e5_dp)
        call report('tiles_without_mouth', real(count((rivers%mouth_of > 0) .neqv. (grid%land_area > 0.0_dp)), dp), &
            0.0_dp, 0.0_dp)
        call random_seed(put=spread(2, 1, 64))
        call random_number(noise)
        call rivers_flow(rivers, grid, noise, flow)
        call report('rivers_lose_nothing', sum(sum(flow, 1)*grid%ocean_area)/sum(noise*grid%land_area), 1.0_dp, &
            1.0e-13_dp)
        call report('rivers_on_land', sum(merge(0.0_dp, flow, wet)), 0.0_dp, 0.0_dp)
        runoff = 0.0_dp
        runoff(:, ma) = 1.0_dp
        call rivers_flow(rivers, grid, runoff, flow)
        call report('polar_rivers_end_in_the_north', sum(flow(:, :mo - 3)), 0.0_dp, 0.0_dp)
        runoff = 0.0_dp
        runoff(24, 9) = 1.0_dp      ! 258.75 E, inland of the western continent's middle (245-275 E)
        call rivers_flow(rivers, grid, runoff, flow)
        call report('continental_river_at_its_coast', maxval(abs(spread(lon_o, 2, mo) - 260.0_dp), &
            mask=flow > 0.0_dp), 20.0_dp, 10.0_dp)
    end subroutine test_rivers

    !> Both sides of every flux in one interval over sea, ice and land, with and without stability functions.
    subroutine test_one_interval(louis)
        logical, intent(in) :: louis
        type(surface_flux_type) :: flux
        real(dp), allocatable :: fluxes(:, :, :), given(:, :), t0(:, :)
        character(len=:), allocatable :: tag
        real(dp) :: land_heat, scale, ice_share
        integer :: n
        tag = merge('_louis  ', '_neutral', louis)
        config%louis_stability = louis
        call start(here, world)
        here%ice%volume = max(0.0_dp, 2.0_dp*sin(4.0_dp*here%sst) - 0.5_dp)*merge(1.0_dp, 0.0_dp, here%sst < 8.0_dp)
        do n = 1, 3
            here%air_heat = 0.0_dp
            here%through = 0.0_dp
            t0 = here%land%temperature
            call advance(here, n, flux, fluxes)
        end do
        land_heat = over_land(here, here%land%temperature - t0)*here%land%heat_capacity
        given = fluxes(:, :, flux_heat) + fluxes(:, :, flux_ice_heat)
        scale = over_air(here, here%through)
        call report('heat_both_sides'//trim(tag), (land_heat + seconds*over_sea(here, given))/scale, &
            over_air(here, here%air_heat)/scale, 1.0e-13_dp)
        ice_share = over_sea(here, ice_cover(here%ice, here%ice%volume))/over_sea(here, 0.0_dp*here%sst + 1.0_dp)
        call report('some_ice'//trim(tag), merge(1.0_dp, 0.0_dp, ice_share > 0.02_dp .and. ice_share < 0.6_dp), &
            1.0_dp, 0.0_dp)
        call report('ice_takes_heat'//trim(tag), merge(1.0_dp, 0.0_dp, &
            abs(over_sea(here, fluxes(:, :, flux_ice_heat)))*seconds > 1.0e-4_dp*scale), 1.0_dp, 0.0_dp)
        call report('sunlight_of_the_sea_is_part'//trim(tag), merge(1.0_dp, 0.0_dp, &
            all(fluxes(:, :, flux_shortwave) >= 0.0_dp) .and. &
            over_sea(here, merge(1.0_dp, 0.0_dp, fluxes(:, :, flux_shortwave) > 200.0_dp)) > 0.0_dp), 1.0_dp, 0.0_dp)
    end subroutine test_one_interval

    !> Thirty days on these ranks and on one: bytes of sea, ice, land and of the air's fluxes.
    subroutine test_one_rank()
        type(surfaces_type) :: single
        type(surface_flux_type) :: flux, flux_single
        real(dp), allocatable :: fluxes(:, :, :), fluxes_single(:, :, :)
        real(dp) :: ours(na, ma), sea(no, mo)
        integer :: n
        config%louis_stability = .false.
        call start(here, world)
        call start(single, alone)
        do n = 1, 120
            call advance(here, n, flux, fluxes)
            call advance(single, n, flux_single, fluxes_single)
        end do
        call here%air_layout%gather_to_all(flux%evaporation, ours)
        call report('bytes_of_evaporation', differing([ours], [flux_single%evaporation]), 0.0_dp, 0.0_dp)
        call here%air_layout%gather_to_all(here%land%water, ours)
        call report('bytes_of_land_water', differing([ours], [single%land%water]), 0.0_dp, 0.0_dp)
        call here%sea_layout%gather_to_all(here%ice%volume, sea)
        call report('bytes_of_ice', differing([sea], [single%ice%volume]), 0.0_dp, 0.0_dp)
        call here%sea_layout%gather_to_all(here%sea_water, sea)
        call report('bytes_of_sea_water', differing([sea], [single%sea_water]), 0.0_dp, 0.0_dp)
        call report_that('some_ice_forms', any(sea > 0.0_dp))
    end subroutine test_one_rank

    pure real(dp) function differing(a, b)
        real(dp), intent(in) :: a(:), b(:)
        differing = real(count(transfer(a, 1_i8, size(a)) /= transfer(b, 1_i8, size(b))), dp)
    end function differing

    !> A year: what the air gave is what sea, ice and land hold.
    subroutine test_year()
        type(surface_flux_type) :: flux
        real(dp), allocatable :: fluxes(:, :, :), sst_0(:, :), ground_0(:, :), water_0(:, :), most(:, :), gone(:, :)
        real(dp) :: held, scale
        integer :: n
        call start(here, world)
        sst_0 = here%sst
        ground_0 = here%land%temperature
        water_0 = here%land%water
        most = here%ice%volume
        gone = 0.0_dp*most
        do n = 1, 4*365
            call advance(here, n, flux, fluxes)
            most = max(most, here%ice%volume)
            where (most > 0.1_dp .and. here%ice%volume <= 0.0_dp) gone = 1.0_dp
        end do
        held = slab*over_sea(here, here%sst - sst_0) - here%ice%density*latent_heat_fusion*over_sea(here, &
            here%ice%volume) + here%land%heat_capacity*over_land(here, here%land%temperature - ground_0)
        scale = over_air(here, here%through)
        call report('heat_of_a_year', held/scale, over_air(here, here%air_heat)/scale, 1.0e-12_dp)
        held = over_sea(here, here%sea_water + here%ice%density*here%ice%volume) &
            + over_land(here, here%land%water - water_0)
        scale = over_sea(here, abs(here%sea_water)) + over_land(here, here%land%water)
        call report('water_of_a_year', held/scale, over_air(here, here%air_water)/scale, 1.0e-12_dp)
        call report_that('ice_comes', over_sea(here, most) > 1.0e12_dp)
        call report_that('ice_goes', over_sea(here, gone) > 1.0e12_dp)
        call report_that('buckets_hold_their_limits', minval(here%land%water) >= 0.0_dp .and. &
            maxval(here%land%water) <= here%land%capacity)
    end subroutine test_year
end program test_mpi_coupled_tiles
