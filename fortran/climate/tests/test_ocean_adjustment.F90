!> Geostrophic adjustment of a step in the free surface on an f-plane (Gill 1982, section 7.2): it ends as
!!     eta = eta0 sign(y) (1 - exp(-|y|/R)),   R = sqrt(gH)/f,
!! and one third of the potential energy lost becomes the kinetic energy of the geostrophic current; the rest leaves
!! with the waves. The mean over whole inertial periods before the waves return from the walls is the end state.
program test_ocean_adjustment
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, earth_radius, gravity
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step, ocean_surface, ocean_add_increment
    use ocean_cases_mod, only: new_ocean, linear_settings
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 12, nlat = 480
    real(dp), parameter :: depth = 200.0_dp, f = 1.0e-4_dp, eta0 = 0.1_dp
    type(comm_type) :: comm
    type(ocean_type) :: o
    type(status_type) :: status
    real(dp) :: zero(nlon, nlat), cube(nlon, nlat, 2), step(nlon, nlat), eta(nlon, nlat), u(nlon, nlat), &
        v(nlon, nlat), sst(nlon, nlat)
    real(dp) :: mean_eta(nlat), mean_u(nlat), y(nlat), exact(nlat), radius, period, kinetic, potential
    integer :: mask(nlon, nlat), n, first, last
    logical :: inner(nlat)

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    mask = 1
    zero = 0.0_dp
    cube = 0.0_dp
    call new_ocean(o, comm, 'test_ocean_adjustment', linear_settings//", geometry = 'plane', plane_f0 = 1e-4, "// &
        "lat_south = -85, lat_north = 85, lon_extent = 8, max_depth = 200, top_thickness = 100", nlon, nlat, 2, &
        1256.0_dp, mask, zero + depth)
    y = earth_radius*o%lat*degree
    step = spread(sign(eta0, y), 1, nlon)
    call ocean_add_increment(o, cube, cube, cube, cube, step, status)
    radius = sqrt(gravity*depth)/f
    period = 2.0_dp*pi/f
    first = nint(2*period/o%dt) + 1
    last = nint(6*period/o%dt)
    mean_eta = 0.0_dp
    mean_u = 0.0_dp
    do n = 1, last
        call ocean_step(o, zero, zero, zero, zero, o%dt, status)
        if (status%failed()) error stop 'the adjustment is unstable'
        call ocean_surface(o, sst, u, v, eta)
        if (n < first) cycle
        mean_eta = mean_eta + eta(nlon/2, :)/(last - first + 1)
        mean_u = mean_u + u(nlon/2, :)/(last - first + 1)
    end do

    inner = abs(y) < 5*radius
    exact = sign(eta0, y)*(1.0_dp - exp(-abs(y)/radius))
    call report('adjustment_eta_worst_error_over_eta0', maxval(abs(mean_eta - exact), mask=inner)/eta0, 0.0_dp, 0.01_dp)
    call report_series('adjustment_eta', pack(y/radius, inner), pack(mean_eta/eta0, inner), pack(exact/eta0, inner), &
        spread(0.01_dp, 1, count(inner)))
    kinetic = sum(0.5_dp*depth*mean_u**2, mask=inner)
    potential = sum(0.5_dp*gravity*(eta0**2 - mean_eta**2), mask=inner)
    call report('adjustment_kinetic_gain_over_potential_loss', kinetic/potential, 1.0_dp/3.0_dp, 0.01_dp)
    call MPI_Finalize()
    call finish()
end program test_ocean_adjustment
