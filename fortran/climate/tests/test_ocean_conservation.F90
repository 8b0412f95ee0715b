!> What the ocean must keep on a globe with continents, an island and a ridge: volume and heat without fluxes, and their
!! exact budgets with them; uniform tracers stay uniform; a stable initial state; zero increments.
program test_ocean_conservation
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, gravity, seawater_density, seawater_cp, seconds_per_day
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_pack, ocean_state_size, ocean_add_surface_increment
    use ocean_eos_mod, only: density
    use ocean_initial_mod, only: initial_temperature, initial_salinity, bowl_temperature, bowl_salinity
    use ocean_cases_mod, only: new_ocean, continents, contents
    use report_mod, only: report, report_bytes, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 60, nlat = 40, nlev = 8
    type(comm_type) :: comm
    integer :: mask(nlon, nlat)
    real(dp), dimension(nlon, nlat) :: depth, stress, zero, heat, rain

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call continents(nlon, nlat, mask, depth)
    zero = 0.0_dp
    call set_forcing()
    call equation_of_state()
    call without_fluxes()
    call with_fluxes('budget_volume_flux', 'virtual_salt_flux = f')
    call with_fluxes('budget_salt_flux', 'virtual_salt_flux = t')
    call uniform_tracers()
    call increments()
    call MPI_Finalize()
    call finish()

contains

    subroutine set_forcing()
        integer :: i, j
        real(dp) :: lat
        do j = 1, nlat
            lat = -78.0_dp + (j - 0.5_dp)*156.0_dp/nlat
            do i = 1, nlon
                stress(i, j) = -0.1_dp*cos(3.0_dp*lat*degree)
                heat(i, j) = 100.0_dp*cos(2.0_dp*lat*degree) + 30.0_dp*sin(4.0_dp*pi*i/nlon)
                rain(i, j) = 3.0e-5_dp*sin(6.0_dp*lat*degree) + 1.0e-5_dp
            end do
        end do
    end subroutine set_forcing

    !> Density against the international equation of state (UNESCO 1981), which Wright's fit meets within 0.01 kg/m3:
    !! 0 degC, 35, at the surface, and 25 degC, 35, at 1000 dbar. The initial state is stable.
    subroutine equation_of_state()
        real(dp), parameter :: z(12) = [5, 25, 50, 100, 150, 250, 400, 700, 1000, 2000, 3000, 4500]
        real(dp) :: jump, lat, p
        integer :: j, k
        call report('eos_surface', density(0.0_dp, 35.0_dp, 0.0_dp), 1028.10633_dp, 0.01_dp)
        call report('eos_1000_dbar', density(25.0_dp, 35.0_dp, 1.0e7_dp), 1027.54345796_dp, 0.01_dp)
        jump = huge(jump)
        do j = -77, 77
            lat = j
            do k = 1, 11
                p = gravity*seawater_density*0.5_dp*(z(k) + z(k + 1))
                jump = min(jump, density(initial_temperature(lat, z(k + 1)), initial_salinity(lat, z(k + 1)), p) &
                    - density(initial_temperature(lat, z(k)), initial_salinity(lat, z(k)), p))
            end do
        end do
        call report('initial_state_unstable_by', min(jump, 0.0_dp), 0.0_dp, 0.0_dp)
        jump = huge(jump)
        do j = -77, 77
            lat = j
            do k = 1, 11
                p = gravity*seawater_density*0.5_dp*(z(k) + z(k + 1))
                jump = min(jump, density(bowl_temperature(lat, z(k + 1)), bowl_salinity(lat, z(k + 1)), p) &
                    - density(bowl_temperature(lat, z(k)), bowl_salinity(lat, z(k)), p))
            end do
        end do
        call report('state_with_bowls_unstable_by', min(jump, 0.0_dp), 0.0_dp, 0.0_dp)
    end subroutine equation_of_state

    !> Ten windy days without fluxes of heat and water.
    subroutine without_fluxes()
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp) :: v0, h0, s0, v1, h1, s1
        call new_ocean(o, comm, 'test_ocean_conservation', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        call contents(o, v0, h0, s0)
        call ocean_step(o, stress, zero, zero, zero, 10*seconds_per_day, status)
        call contents(o, v1, h1, s1)
        call report('unforced_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
        call report('unforced_mean_eta_m', v1/wet_area(o), 0.0_dp, 1.0e-12_dp)
        call report('unforced_heat_relative', (h1 - h0)/h0, 0.0_dp, 1.0e-12_dp)
        call report('unforced_salt_relative', (s1 - s0)/s0, 0.0_dp, 1.0e-12_dp)
        call report('currents_are_moving', min(maxval(abs(o%u)), 0.1_dp), 0.1_dp, 0.0_dp)
    end subroutine without_fluxes

    !> Ten forced days: contents change by the fluxes; rain that adds volume brings the heat of the surface, which only
    !! the run itself knows, so its heat budget is closed for the salt flux alone.
    subroutine with_fluxes(name, settings)
        character(len=*), intent(in) :: name, settings
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp) :: v0, h0, s0, v1, h1, s1, seconds, expected_heat, expected_water
        integer :: j
        call new_ocean(o, comm, 'test_ocean_conservation', settings, nlon, nlat, nlev, 3600.0_dp, mask, depth)
        seconds = 10*seconds_per_day
        call contents(o, v0, h0, s0)
        call ocean_step(o, stress, zero, heat, rain, seconds, status)
        call contents(o, v1, h1, s1)
        expected_heat = 0.0_dp
        expected_water = 0.0_dp
        do j = 1, nlat
            expected_heat = expected_heat + o%grid%area(j)*sum(heat(:, j), mask=o%wet(:, j))*seconds
            expected_water = expected_water + o%grid%area(j)*sum(rain(:, j), mask=o%wet(:, j))*seconds
        end do
        expected_heat = expected_heat/(seawater_density*seawater_cp)
        expected_water = expected_water/seawater_density
        call report(name//'_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
        if (o%config%virtual_salt_flux) then
            call report(name//'_mean_eta_m', v1/wet_area(o), 0.0_dp, 1.0e-12_dp)
            call report(name//'_heat_relative', (h1 - h0 - expected_heat)/h0, 0.0_dp, 1.0e-12_dp)
            call report(name//'_salt_relative', (s1 - s0 + 35.0_dp*expected_water)/s0, 0.0_dp, 1.0e-12_dp)
        else
            call report(name//'_mean_eta_m', (v1 - expected_water)/wet_area(o), 0.0_dp, 1.0e-12_dp)
            call report(name//'_salt_relative', (s1 - s0)/s0, 0.0_dp, 1.0e-12_dp)
        end if
    end subroutine with_fluxes

    !> A uniform temperature stays uniform: tracers and volume are moved by the same fluxes.
    subroutine uniform_tracers()
        type(ocean_type) :: o
        type(status_type) :: status
        call new_ocean(o, comm, 'test_ocean_conservation', "initial_state = 'uniform'", nlon, nlat, nlev, 3600.0_dp, &
            mask, depth)
        call ocean_step(o, stress, zero, zero, zero, 5*seconds_per_day, status)
        call report('uniform_stays_uniform_degC', maxval(abs(o%t(1:nlon, 1:nlat, :) - 10.0_dp), &
            mask=o%grid%mask_t(1:nlon, 1:nlat, :) > 0), 0.0_dp, 1.0e-10_dp)
    end subroutine uniform_tracers

    !> A zero increment changes no bit; a surface increment arrives as asked and keeps the mean of the free surface.
    subroutine increments()
        type(ocean_type) :: o
        type(status_type) :: status
        real(dp), allocatable :: before(:), after(:)
        real(dp) :: v0, v1, h, s, sst, eta, bump(nlon, nlat)
        call new_ocean(o, comm, 'test_ocean_conservation', '', nlon, nlat, nlev, 3600.0_dp, mask, depth)
        call ocean_step(o, stress, zero, heat, rain, seconds_per_day, status)
        allocate (before(ocean_state_size(o)), after(ocean_state_size(o)))
        call ocean_pack(o, before)
        call ocean_add_surface_increment(o, zero, zero, zero, zero, status)
        call ocean_pack(o, after)
        call report_bytes('zero_increment_bytes', before, after)
        call contents(o, v0, h, s)
        sst = o%t(35, 20, 1)
        eta = o%eta(35, 20) - o%eta(40, 20)
        bump = zero
        bump(35, 20) = 0.5_dp
        call ocean_add_surface_increment(o, bump, zero, zero, bump, status)
        call contents(o, v1, h, s)
        call report('increment_of_sst', o%t(35, 20, 1) - sst, 0.5_dp, 1.0e-14_dp)
        call report('increment_of_ssh_difference', o%eta(35, 20) - o%eta(40, 20) - eta, 0.5_dp, 1.0e-14_dp)
        call report('increment_moves_mean_eta_m', (v1 - v0)/wet_area(o), 0.0_dp, 1.0e-14_dp)
        call ocean_step(o, stress, zero, heat, rain, seconds_per_day, status)
        call report('increment_run_failed', real(status%code, dp), 0.0_dp, 0.0_dp)
    end subroutine increments

    real(dp) function wet_area(o)
        type(ocean_type), intent(in) :: o
        integer :: j
        wet_area = sum([(o%grid%area(j)*count(o%wet(:, j)), j=1, nlat)])
    end function wet_area
end program test_ocean_conservation
