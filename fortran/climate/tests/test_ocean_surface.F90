!> What passes the surface: sunlight, salt, rain and frost, each against its closed form.
program test_ocean_surface
    use kinds_mod, only: dp
    use constants_mod, only: seawater_density, seawater_cp, seconds_per_day
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_add_increment, ocean_freezing_heat, ocean_freezing_point, &
        ocean_pack, ocean_state_size
    use ocean_cases_mod, only: new_ocean, linear_settings, continents, contents
    use report_mod, only: report, report_series, report_bytes, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    !> No mixing but convection, on a plane that does not turn.
    character(len=*), parameter :: still = linear_settings//", geometry = 'plane', vertical_diffusivity = 0, "// &
        "surface_diffusivity = 0, tracer_diffusivity = 0, lat_south = -8, lat_north = 8, lon_extent = 16"
    integer, parameter :: n = 16
    type(comm_type) :: comm
    integer :: mask(n, n)
    real(dp) :: zero(n, n)

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    mask = 1
    zero = 0.0_dp
    call sunlight()
    call convection()
    call frost()
    call rain_and_salt()
    call MPI_Finalize()
    call finish()

contains

    !> One hour of 1000 W/m2 in still water: each level takes what the two exponentials of Paulson and Simpson (1977,
    !! type I) leave between its top and its floor, the bottom of a shelf the rest.
    subroutine sunlight()
        integer, parameter :: nlev = 10
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp) :: depth(n, n), expected(nlev), heat
        integer :: k
        depth = 100.0_dp
        depth(1:8, :) = 20.0_dp
        call new_ocean(o, comm, 'test_ocean_surface_sun', still//", max_depth = 100, top_thickness = 10, "// &
            "convective_diffusivity = 0", n, n, nlev, 3600.0_dp, mask, depth)
        call ocean_step(o, zero, zero, zero, zero, 3600.0_dp, status, shortwave=zero + 1000.0_dp)
        expected = [(light(10.0_dp*(k - 1)) - merge(0.0_dp, light(10.0_dp*k), k == nlev), k=1, nlev)] &
            *3600.0_dp*1000.0_dp/(seawater_density*seawater_cp*10.0_dp)
        call report('sunlight_profile_worst_error_K', maxval(abs(o%t(12, 8, :) - 10.0_dp - expected)), 0.0_dp, &
            1.0e-12_dp)
        call report_series('sunlight_warming_mK', o%grid%z, 1.0e3_dp*(o%t(12, 8, :) - 10.0_dp), 1.0e3_dp*expected)
        heat = sum((o%t(4, 8, 1:2) - 10.0_dp)*10.0_dp)*seawater_density*seawater_cp
        call report('sunlight_kept_by_a_shelf_J_m2', heat, 3.6e6_dp, 1.0e-3_dp)
        call report('sunlight_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    end subroutine sunlight

    pure real(dp) function light(z)
        real(dp), intent(in) :: z       !< [m]
        light = 0.58_dp*exp(-z/0.35_dp) + 0.42_dp*exp(-z/23.0_dp)
    end function light

    !> Cooling of a linear stratification without entrainment: all of the heat comes out of the mixed layer,
    !!     h = sqrt(2 Q t/(rho0 c_p gamma)),   SST = T(0) - gamma h       (Turner 1973, section 9.2).
    subroutine convection()
        integer, parameter :: nlev = 60, days = 30
        real(dp), parameter :: gamma = 0.02_dp, cooling = 200.0_dp
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp), allocatable :: dt(:, :, :), none(:, :, :)
        real(dp) :: depth(n, n), h(days), layer(days)
        integer :: day
        depth = 300.0_dp
        call new_ocean(o, comm, 'test_ocean_surface_convection', still//", max_depth = 300, top_thickness = 5", n, n, &
            nlev, 3600.0_dp, mask, depth)
        allocate (none(n, n, nlev), source=0.0_dp)
        dt = spread(spread(10.0_dp - gamma*o%grid%z, 1, n), 2, n)
        call ocean_add_increment(o, dt, none, none, none, zero, status)
        h = sqrt([(2.0_dp*cooling*day*seconds_per_day/(seawater_density*seawater_cp*gamma), day=1, days)])
        do day = 1, days
            call ocean_step(o, zero, zero, zero - cooling, zero, seconds_per_day, status)
            ! Where the water is as it was the layer has not come.
            layer(day) = o%grid%floors(count(abs(o%t(8, 8, :) - 20.0_dp + gamma*o%grid%z) > 0.01_dp*gamma*h(days)))
        end do
        call report('convection_sst_fall_K', 20.0_dp - o%t(8, 8, 1), gamma*h(days), 0.05_dp*gamma*h(days))
        call report('convection_layer_depth_m', layer(days), h(days), 0.05_dp*h(days))
        call report_series('convection_layer_depth_m', [(real(day, dp), day=1, days)], layer, h, &
            [spread(0.0_dp, 1, days - 1), 0.05_dp*h(days)])
        call report('convection_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    end subroutine convection

    !> Water below the freezing point comes back to it for exactly the heat it is short of; nothing else changes, and a
    !! second call finds nothing.
    subroutine frost()
        integer, parameter :: nlev = 5
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp) :: depth(n, n), dt(n, n, nlev), none(n, n, nlev), heat(n, n), v, h0, s0, h1, s1
        real(dp), allocatable :: before(:), after(:)
        depth = 100.0_dp
        call new_ocean(o, comm, 'test_ocean_surface_frost', still//', max_depth = 100, top_thickness = 20, '// &
            'freezing_slope = 0.054', n, n, nlev, 3600.0_dp, mask, depth)
        allocate (before(ocean_state_size(o)), after(ocean_state_size(o)))
        call ocean_pack(o, before)
        call ocean_freezing_heat(o, heat)
        call ocean_pack(o, after)
        call report_bytes('frost_without_cold_bytes', after, before)
        none = 0.0_dp
        dt = none
        dt(5, 6, 1:2) = -13.0_dp
        dt(9, 9, :) = -10.0_dp - 1.7_dp
        call ocean_add_increment(o, dt, none, none, none, zero, status)
        call contents(o, v, h0, s0)
        call ocean_freezing_heat(o, heat)
        call contents(o, v, h1, s1)
        call report('frost_heat_given_and_taken', sum(heat*spread(o%grid%area, 1, n))/(seawater_density*seawater_cp) &
            /(h1 - h0), 1.0_dp, 1.0e-12_dp)
        call report('frost_heat_J_m2', heat(5, 6), 40.0_dp*seawater_density*seawater_cp*(3.0_dp - 1.8_dp), 1.0e-3_dp)
        call report('frost_above_freezing_J_m2', heat(9, 9), 0.0_dp, 0.0_dp)
        call report('frost_temperature_degC', o%t(5, 6, 2), ocean_freezing_point(o%config, o%s(5, 6, 2)), 0.0_dp)
        call ocean_freezing_heat(o, heat)
        call report('frost_twice_J_m2', sum(heat), 0.0_dp, 0.0_dp)
        ! Millero's formula: -1.922 degC at salinity 35, -1.638 at 30.
        o%config%freezing_temperature = -1.922_dp
        call report('freezing_point_at_salinity_30_degC', ocean_freezing_point(o%config, 30.0_dp), -1.638_dp, 0.02_dp)
    end subroutine frost

    !> Ten days of sun, salt, rain as volume and wind on a globe: volume, heat and salt change by what came in. Rain has
    !! the surface's temperature at each step.
    subroutine rain_and_salt()
        integer, parameter :: nlon = 36, nlat = 30, nlev = 6
        type(ocean_type) :: o
        type(status_type) :: status
        integer :: land(nlon, nlat), i, j, step
        real(dp), dimension(nlon, nlat) :: depth, stress, heat, rain, salt, sun
        real(dp) :: v0, h0, s0, v1, h1, s1, water, warmth, grams
        call continents(nlon, nlat, land, depth)
        call new_ocean(o, comm, 'test_ocean_surface_rain', 'virtual_salt_flux = f', nlon, nlat, nlev, 3600.0_dp, land, &
            depth)
        do j = 1, nlat
            do i = 1, nlon
                stress(i, j) = 0.1_dp*sin(0.3_dp*j)
                heat(i, j) = -100.0_dp + 30.0_dp*sin(0.5_dp*i)
                rain(i, j) = 1.0e-4_dp*cos(0.4_dp*j)
                salt(i, j) = 1.0e-6_dp*sin(0.2_dp*i + 0.3_dp*j)
                sun(i, j) = 200.0_dp*sin(3.14_dp*j/nlat)**2
            end do
        end do
        call contents(o, v0, h0, s0)
        water = 0.0_dp
        warmth = 0.0_dp
        grams = 0.0_dp
        do step = 1, 240
            do j = 1, nlat
                water = water + o%dt*o%grid%area(j)*sum(rain(:, j), mask=o%wet(:, j))/seawater_density
                grams = grams + o%dt*o%grid%area(j)*sum(salt(:, j), mask=o%wet(:, j))*1000.0_dp/seawater_density
                warmth = warmth + o%dt*o%grid%area(j)*sum((heat(:, j) + sun(:, j))/(seawater_density*seawater_cp) &
                    + rain(:, j)/seawater_density*o%t(1:nlon, j, 1), mask=o%wet(:, j))
            end do
            call ocean_step(o, stress, 0.0_dp*rain, heat, rain, o%dt, status, shortwave=sun, salt=salt)
        end do
        call contents(o, v1, h1, s1)
        call report('rain_and_salt_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
        call report('rain_volume_relative', (v1 - v0)/water, 1.0_dp, 1.0e-10_dp)
        call report('rain_and_sun_heat_relative', (h1 - h0 - warmth)/h0, 0.0_dp, 1.0e-12_dp)
        call report('salt_flux_relative', (s1 - s0 - grams)/s0, 0.0_dp, 1.0e-12_dp)
        call report('salt_flux_alone', (s1 - s0)/grams, 1.0_dp, 1.0e-6_dp)
    end subroutine rain_and_salt
end program test_ocean_surface
