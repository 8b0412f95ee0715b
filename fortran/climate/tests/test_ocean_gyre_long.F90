!> A wind-driven gyre in a flat closed basin on the beta-plane against Munk (1950) and Stommel (1948): with the stress
!! -tau0 cos(pi y/Ly),
!!     psi = pi tau0/(rho0 beta Ly) sin(pi y/Ly) Lx X(x),
!! where X joins Sverdrup's balance in the interior to boundary layers of width delta = (A/beta)^(1/3), here solved from
!!     -delta^3 X'''' + X' = -1/Lx,   X = X' = 0 at both coasts (A lap^2 psi is its x part)
!! and, with a linear drag r instead of the viscosity and delta = r/beta,
!!     delta (X'' - (pi/Ly)^2 X) + X' = -1/Lx,   X = 0 at both coasts.
program test_ocean_gyre
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, earth_radius, seawater_density, seconds_per_day
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use ocean_mod, only: ocean_type, ocean_step
    use ocean_cases_mod, only: new_ocean
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    integer, parameter :: nlon = 82, nlat = 82
    real(dp), parameter :: beta = 2.0e-11_dp, tau0 = 0.1_dp, depth = 1000.0_dp, spacing = 0.5_dp
    type(comm_type) :: comm
    type(ocean_type) :: o
    type(status_type) :: status
    real(dp), dimension(nlon, nlat) :: stress, zero
    real(dp) :: psi(nlon), exact(nlon), x(nlon), lx, ly, sverdrup, h, delta
    integer :: mask(nlon, nlat), i

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    h = earth_radius*spacing*degree
    mask = 1
    mask(1, :) = 0
    mask(nlon, :) = 0
    zero = 0.0_dp
    ! The coasts run through the velocity points 1 and n - 1.
    lx = (nlon - 2)*h
    ly = (nlat - 2)*h
    x = [(real(i - 1, dp)*h, i=1, nlon)]
    sverdrup = pi*tau0*lx/(seawater_density*beta*ly)
    delta = 3.0_dp*h
    call spin_up("drag_coefficient = 0, viscosity", beta*delta**3, 2)
    call solve_munk(exact)
    call compare('gyre')
    ! The drag is quadratic with an unresolved speed of 10 m/s, beside which the current's own does not count:
    ! r = drag_coefficient 10/depth.
    call spin_up("viscosity = 0, drag_speed = 10, drag_coefficient", beta*delta*depth/10.0_dp, 1)
    ! Slipping along the coast, the water feels it half an interval away from the velocity points that are at rest.
    lx = lx - h
    ly = ly - h
    x = x - 0.5_dp*h
    call solve_stommel(exact)
    call compare('stommel_gyre')
    call MPI_Finalize()
    call finish()

contains

    !> Sixty days of wind; psi on the mid-latitude corners, the northward transport summed eastward from the western
    !! coast.
    subroutine spin_up(setting, value, nlev)
        character(len=*), intent(in) :: setting     !< friction as lines of the namelist, `value` follows
        real(dp), intent(in) :: value
        integer, intent(in) :: nlev
        character(len=500) :: settings
        real(dp) :: y(nlat)
        integer :: day, k, middle

        write (settings, '(3a, es22.15, a, i0)') &
            "initial_state = 'uniform', geometry = 'plane', plane_f0 = 1e-4, plane_beta = 2e-11, "// &
            "lat_south = -20.5, lat_north = 20.5, lon_extent = 41, max_depth = 1000, min_levels = 1, "// &
            "momentum_advection = f, ", setting, " = ", value, ", top_thickness = ", 1000/nlev
        call new_ocean(o, comm, 'test_ocean_gyre', trim(settings), nlon, nlat, nlev, 3600.0_dp, mask, zero + depth)
        y = earth_radius*(o%lat - o%lat_bounds(2))*degree
        stress = spread(-tau0*cos(pi*y/ly), 1, nlon)
        do day = 1, 60
            call ocean_step(o, stress, zero, zero, zero, seconds_per_day, status)
            if (status%failed()) error stop 'the gyre is unstable'
        end do
        middle = nlat/2
        psi = 0.0_dp
        do i = 2, nlon
            psi(i) = psi(i - 1) &
                + 0.5_dp*h*sum([(o%grid%dz(k)*(o%v(i, middle, k) + o%v(i - 1, middle, k)), k=1, nlev)])
        end do
    end subroutine spin_up

    subroutine compare(name)
        character(len=*), intent(in) :: name
        print '(3a, 3f12.4)', '# ', name, ': Sverdrup, largest transport, the closed form''s [1e6 m3/s]', &
            sverdrup*1.0e-6_dp, maxval(psi)*1.0e-6_dp, maxval(exact)*sverdrup*1.0e-6_dp
        call report(name//'_sverdrup_interior', psi(nlon/2)/sverdrup, exact(nlon/2), 0.05_dp)
        call report(name//'_western_maximum', maxval(psi)/sverdrup, maxval(exact), 0.05_dp)
        call report(name//'_profile_worst_error', maxval(abs(psi/sverdrup - exact)), 0.0_dp, 0.05_dp)
        call report_series(name//'_psi', 1.0e-3_dp*x, 1.0e-6_dp*psi, 1.0e-6_dp*exact*sverdrup, &
            spread(0.05e-6_dp*sverdrup, 1, nlon))
    end subroutine compare

    !> Closed form of X: [a e^(px) + b e^(qx) - 1] (-1)/(Lx delta l^2), p, q the roots of delta m^2 + m = delta l^2.
    subroutine solve_stommel(stommel)
        real(dp), intent(out) :: stommel(:)
        real(dp) :: l, root, p, q, a, b

        l = pi/ly
        root = sqrt(1.0_dp + (2.0_dp*delta*l)**2)
        p = (-1.0_dp + root)/(2.0_dp*delta)
        q = (-1.0_dp - root)/(2.0_dp*delta)
        a = (1.0_dp - exp(q*lx))/(exp(p*lx) - exp(q*lx))
        b = 1.0_dp - a
        stommel = merge((1.0_dp - a*exp(p*x) - b*exp(q*x))/(lx*delta*l*l), 0.0_dp, x > 0.0_dp .and. x < lx)
    end subroutine solve_stommel

    !> Closed form of X: a + b e^(-x/(2 delta)) [cos, sin](sqrt3 x/(2 delta)) + d e^((x - Lx)/delta) + (Lx - x)/Lx, with
    !! the four coefficients from X = X' = 0 at both coasts.
    subroutine solve_munk(munk)
        real(dp), intent(out) :: munk(:)
        real(dp) :: m(4, 5), s, q, e
        integer :: r, c

        s = 0.5_dp/delta
        q = sqrt(3.0_dp)*s
        e = exp(-s*lx)
        ! Columns: constant, e^(-sx) cos(qx), e^(-sx) sin(qx), e^((x - Lx)/delta); right-hand side.
        m(1, :) = [1.0_dp, 1.0_dp, 0.0_dp, exp(-lx/delta), -1.0_dp]
        m(2, :) = [0.0_dp, -s, q, exp(-lx/delta)/delta, 1.0_dp/lx]
        m(3, :) = [1.0_dp, e*cos(q*lx), e*sin(q*lx), 1.0_dp, 0.0_dp]
        m(4, :) = [0.0_dp, e*(-s*cos(q*lx) - q*sin(q*lx)), e*(-s*sin(q*lx) + q*cos(q*lx)), 1.0_dp/delta, 1.0_dp/lx]
        ! Gauss-Jordan; the order of the rows needs no pivoting.
        do c = 1, 4
            m(c, :) = m(c, :)/m(c, c)
            do r = 1, 4
                if (r /= c) m(r, :) = m(r, :) - m(r, c)*m(c, :)
            end do
        end do
        munk = m(1, 5) + exp(-s*x)*(m(2, 5)*cos(q*x) + m(3, 5)*sin(q*x)) + m(4, 5)*exp((x - lx)/delta) + (lx - x)/lx
        munk(nlon) = 0.0_dp
    end subroutine solve_munk
end program test_ocean_gyre
