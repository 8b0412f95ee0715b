!> The whole dynamical core: isothermal rest over a mountain stays at rest; SIL3 converges at second order; energy is
!! conserved without forcing and diffusion, and rises by what the surface passes, as the angular momentum does.
program test_atmos_dynamics
    use kinds_mod, only: dp
    use constants_mod, only: degree, dry_air_cp, gravity, earth_omega, earth_radius
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_state_size, atmos_pack, atmos_unpack
    use report_mod, only: report, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer, parameter :: trunc = 21, nlon = 64, nlat = 32, nlev = 8
    character(len=*), parameter :: path = 'test_atmos_dynamics.nml'
    type(status_type) :: status
    type(comm_type) :: comm
    real(dp) :: zero(nlon, nlat)
    integer :: unit

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    zero = 0.0_dp
    call rest()
    call convergence()
    call surface_budget()
    open (newunit=unit, file=path)
    close (unit, status='delete')
    call MPI_Finalize()
    call finish()

contains

    function start(keys, dt, topography) result(atmos)
        character(len=*), intent(in) :: keys
        real(dp), intent(in) :: dt, topography(:, :)
        type(atmos_type) :: atmos
        open (newunit=unit, file=path)
        write (unit, '(a)') '&atmos_nml '//keys//' /'
        close (unit)
        call atmos_init(atmos, comm, path, trunc, nlon, nlat, nlev, dt, topography, status)
        if (status%failed()) error stop 'init refused'
    end function start

    subroutine run(atmos, seconds)
        type(atmos_type), intent(inout) :: atmos
        real(dp), intent(in) :: seconds
        integer :: i
        do i = 1, nint(seconds/atmos%dt)
            call atmos_step(atmos, zero, zero, zero, status)
        end do
        if (status%failed()) error stop 'unstable'
    end subroutine run

    !> A round mountain of 2 km at 40N; the start is 250 K, away from the reference 300 K. Five days.
    subroutine rest()
        type(atmos_type) :: atmos
        real(dp), allocatable, dimension(:, :, :) :: u, v, t
        real(dp) :: ps(nlon, nlat), mountain(nlon, nlat)
        integer :: j

        allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev))
        atmos = start("forcing = 'none'", 3600.0_dp, zero)
        do j = 1, nlat
            mountain(:, j) = 2000.0_dp*exp(-((atmos%lat(j) - 40.0_dp)/15.0_dp)**2 - ((atmos%lon - 180.0_dp)/20.0_dp)**2)
        end do
        atmos = start("forcing = 'none', perturbation = 0.0, initial_temperature = 250.0", 3600.0_dp, mountain)
        call run(atmos, 5.0_dp*86400.0_dp)
        call atmos_fields(atmos, u, v, t, ps)
        call report('rest_over_mountain_wind', max(maxval(abs(u)), maxval(abs(v))), 0.0_dp, 1.0e-8_dp)
        call report('rest_over_mountain_temperature', maxval(abs(t - 250.0_dp)), 0.0_dp, 1.0e-8_dp)
    end subroutine rest

    !> From a baroclinic flow grown in 30 days of Held-Suarez forcing: the error after 12 h, adiabatic, against a run
    !! with a step of 50 s (long steps do not resolve the gravity waves, where the order falls below two); and the
    !! drift of total energy over that time.
    subroutine convergence()
        type(atmos_type) :: atmos
        real(dp), allocatable :: begin(:), fine(:), coarse(:)
        real(dp), parameter :: span = 43200.0_dp, steps(4) = [1800.0_dp, 900.0_dp, 450.0_dp, 225.0_dp]
        real(dp) :: error(4), energy
        integer :: i

        atmos = start('perturbation = 2.0', 3600.0_dp, zero)
        call run(atmos, 30.0_dp*86400.0_dp)
        allocate(begin(atmos_state_size(atmos)), fine(atmos_state_size(atmos)), coarse(atmos_state_size(atmos)))
        call atmos_pack(atmos, begin)

        atmos = start("forcing = 'none', diffusion_hours = 0.0", 50.0_dp, zero)
        call atmos_unpack(atmos, begin, status)
        energy = total_energy(atmos)
        call run(atmos, span)
        call atmos_pack(atmos, fine)
        call report('energy_drift_12h', total_energy(atmos)/energy - 1.0_dp, 0.0_dp, 1.0e-6_dp)
        do i = 1, size(steps)
            atmos = start("forcing = 'none', diffusion_hours = 0.0", steps(i), zero)
            call atmos_unpack(atmos, begin, status)
            call run(atmos, span)
            call atmos_pack(atmos, coarse)
            error(i) = sqrt(sum((coarse - fine)**2))
        end do
        call report('sil3_order_1800_900', log(error(1)/error(2))/log(2.0_dp), 2.0_dp, 0.4_dp)
        call report('sil3_order_900_450', log(error(2)/error(3))/log(2.0_dp), 2.0_dp, 0.2_dp)
        call report('sil3_order_450_225', log(error(3)/error(4))/log(2.0_dp), 2.0_dp, 0.2_dp)
    end subroutine convergence

    !> Six hours of 100 W/m2 and of an eastward stress 0.1 cos(lat) N/m2 from rest: the gain of total energy is H t (the
    !! work of the stress is five orders smaller), that of axial angular momentum is a tau t <cos(lat)^2> = a tau t 2/3.
    subroutine surface_budget()
        type(atmos_type) :: atmos
        real(dp) :: heat(nlon, nlat), stress(nlon, nlat), energy, momentum
        integer :: i

        atmos = start("forcing = 'none', perturbation = 0.0, diffusion_hours = 0.0", 900.0_dp, zero)
        heat = 100.0_dp
        stress = 0.1_dp*spread(cos(atmos%lat*degree), 1, nlon)
        energy = total_energy(atmos)
        momentum = angular_momentum(atmos)
        do i = 1, 24
            call atmos_step(atmos, stress, zero, heat, status)
        end do
        if (status%failed()) error stop 'unstable'
        call report('surface_heat_gain_ratio', (total_energy(atmos) - energy)/gravity/(100.0_dp*21600.0_dp), &
            1.0_dp, 1.0e-3_dp)
        call report('surface_stress_gain_ratio', (angular_momentum(atmos) - momentum)/gravity &
            /(earth_radius*0.1_dp*21600.0_dp*2.0_dp/3.0_dp), 1.0_dp, 1.0e-3_dp)
    end subroutine surface_budget

    !> Mean over the globe of ps sum_k (u_k a cos(lat) + Omega a^2 cos(lat)^2) ds_k.
    real(dp) function angular_momentum(atmos)
        type(atmos_type), intent(inout) :: atmos
        real(dp), allocatable, dimension(:, :, :) :: u, v, t
        real(dp) :: ps(nlon, nlat), arm
        integer :: j

        allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev))
        call atmos_fields(atmos, u, v, t, ps)
        angular_momentum = 0.0_dp
        do j = 1, nlat
            arm = earth_radius*cos(atmos%lat(j)*degree)
            angular_momentum = angular_momentum &
                + (sin(atmos%lat_bounds(j + 1)*degree) - sin(atmos%lat_bounds(j)*degree)) &
                *sum(spread(ps(:, j), 2, nlev)*(u(:, j, :)*arm + earth_omega*arm**2))
        end do
        angular_momentum = 0.5_dp*angular_momentum/real(nlon*nlev, dp)
    end function angular_momentum

    !> Mean over the globe of ps sum_k (K + c_p T)_k ds_k [J/kg Pa]; the ground is flat.
    real(dp) function total_energy(atmos)
        type(atmos_type), intent(inout) :: atmos
        real(dp), allocatable, dimension(:, :, :) :: u, v, t
        real(dp) :: ps(nlon, nlat)
        integer :: j

        allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev))
        call atmos_fields(atmos, u, v, t, ps)
        total_energy = 0.0_dp
        do j = 1, nlat
            total_energy = total_energy + (sin(atmos%lat_bounds(j + 1)*degree) - sin(atmos%lat_bounds(j)*degree)) &
                *sum(spread(ps(:, j), 2, nlev)*(0.5_dp*(u(:, j, :)**2 + v(:, j, :)**2) + dry_air_cp*t(:, j, :)))
        end do
        total_energy = 0.5_dp*total_energy/real(nlon*nlev, dp)
    end function total_energy
end program test_atmos_dynamics
