!> Cases 5 and 6 of Williamson et al. (1992), J. Comput. Phys. 102, 211: zonal flow over a conical mountain and the
!! Rossby-Haurwitz wave 4, in one layer of isothermal air, at T21, T42 and T85.
!!
!! One layer of temperature T obeys the shallow-water equations with R T ln ps for g h in the pressure force and ps for
!! h in continuity:
!!   dv/dt + (zeta + f) k x v = -grad(R T ln ps + Phi_s + v^2/2),    d ps/dt = -div(ps v).
!! T is g h_0/R, h_0 the paper's mean depth. So an initial flow that the paper balances by the surface height h is
!! balanced by R T ln(p/p_0) = g (h - h_0), where p = ps exp(Phi_s/(R T)) is the pressure at sea level, exact here.
!! Compression would heat the air: that is taken out of the operators, and T stays what it is, but for rounding.
!! Away from rest a layer of depth ps is not one of depth h, so published numbers do not apply; the truncations are held
!! against the finest: errors e(N) ~ N^-p fall by 2^p + 1 from T21 to T42 where T85 stands for the truth, by 3 if p = 1.
!! All take the same step. The mountain is not smoothed but truncated, and its flow has no diffusion; the wave draws out
!! filaments that no truncation holds for a week without, and has the model's usual diffusion of its truncation.
program test_atmos_mountain_long
    use kinds_mod, only: dp
    use constants_mod, only: degree, gravity, earth_radius, earth_omega, dry_air_gas_constant, seconds_per_day
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_set_fields, atmos_surface_height
    use atmos_sil3_mod, only: implicit_weight
    use atmos_mass_mod, only: mean_surface_pressure
    use truncation_mod, only: on_grid
    use report_mod, only: report, report_judged, report_series, report_field, expect_well, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer, parameter :: truncs(3) = [21, 42, 85], nlons(3) = [64, 128, 256]
    integer, parameter :: days(5:6) = [15, 7]
    real(dp), parameter :: dt = 900.0_dp, p_0 = 1.0e5_dp
    real(dp), parameter :: depth(5:6) = [5960.0_dp, 8000.0_dp]     !< h_0 [m]
    real(dp), parameter :: diffusion(5:6) = [0.0_dp, 6.0_dp]       !< e-folding time at the truncation [h]; 0: none
    real(dp), parameter :: energy_gate(5:6) = [1.0e-4_dp, 1.0e-2_dp]
    character(len=*), parameter :: path = 'test_atmos_mountain_long.nml'

    !> What a run is compared by: spectral coefficients (2, ns, 0:days).
    type :: run_type
        real(dp), allocatable :: log_p(:, :, :)      !< of ln(pressure at sea level/Pa)
        real(dp), allocatable :: vorticity(:, :, :)  !< [1/s]
    end type run_type

    type(run_type) :: runs(3)
    type(atmos_type) :: atmos
    type(status_type) :: status
    type(comm_type) :: comm
    real(dp), allocatable :: zero(:, :), ground(:, :), u(:, :, :), v(:, :, :), t(:, :, :), ps(:, :)
    real(dp) :: rt
    integer :: which, n
    character(len=13) :: name

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    do which = 5, 6
        write (name, '(a,i1,a)') 'williamson_', which, '_'
        rt = gravity*depth(which)
        do n = 1, 3
            call start(n)
            if (which == 6 .and. n == 1) call balance()
            call forecast(n)
        end do
        call convergence()
    end do
    call MPI_Finalize()
    call finish()

contains

    subroutine start(n)
        integer, intent(in) :: n
        real(dp), allocatable :: log_p(:, :)
        integer :: unit

        if (allocated(zero)) deallocate(zero, ground, u, v, t, ps)
        associate (nlon => nlons(n), nlat => nlons(n)/2)
            allocate(zero(nlon, nlat), ground(nlon, nlat), ps(nlon, nlat), log_p(nlon, nlat))
            allocate(u(nlon, nlat, 1), v(nlon, nlat, 1), t(nlon, nlat, 1))
            zero = 0.0_dp
            open (newunit=unit, file=path)
            write (unit, '(a, f0.10, a, f4.1, a)') "&atmos_nml forcing = 'none', topography_filter = 0.0, &
                &reference_temperature = ", rt/dry_air_gas_constant, ', diffusion_hours = ', diffusion(which), ' /'
            flush (unit)
            call atmos_init(atmos, comm, path, truncs(n), nlon, nlat, 1, dt, zero, status)
            if (which == 5) then
                ground = mountain()
                call atmos_init(atmos, comm, path, truncs(n), nlon, nlat, 1, dt, ground, status)
            end if
            close (unit, status='delete')
        end associate
        call expect_well(status)
        call keep_isothermal()
        if (which == 5) call solid_body(log_p)
        if (which == 6) call rossby_haurwitz(log_p)
        call atmos_surface_height(atmos, ground)
        t = atmos%dynamics%t_ref
        ps = exp(log_p - gravity*ground/rt)
        call atmos_set_fields(atmos, u, v, t, ps, status)
    end subroutine start

    !> No heating by compression: kappa [T omega/p + T_ref C D] and kappa T_ref C D vanish for alpha = 1 and C = 0.
    subroutine keep_isothermal()
        associate (vertical => atmos%dynamics%vertical, c => atmos%config)
            vertical%alpha = 1.0_dp
            vertical%conversion = 0.0_dp
            call atmos%implicit%init(vertical, atmos%trunc, c%reference_temperature, c%diffusion_hours*3600.0_dp, &
                c%diffusion_order, dt*implicit_weight)
        end associate
    end subroutine keep_isothermal

    !> The cone of 2000 m and radius pi/9 at 30N, 90W [m].
    function mountain() result(height)
        real(dp) :: height(atmos%nlon, atmos%nlat)
        integer :: j
        do j = 1, atmos%nlat
            height(:, j) = 2000.0_dp*(1.0_dp - min(1.0_dp, hypot(atmos%lon - 270.0_dp, atmos%lat(j) - 30.0_dp)/20.0_dp))
        end do
    end function mountain

    !> u = u_0 cos(lat), g (h - h_0) = -(a Omega u_0 + u_0^2/2) sin(lat)^2.
    subroutine solid_body(log_p)
        real(dp), intent(out) :: log_p(:, :)    !< ln of the pressure at sea level [Pa]
        real(dp), parameter :: u_0 = 20.0_dp
        u = spread(spread(u_0*cos(atmos%lat*degree), 1, atmos%nlon), 3, 1)
        v = 0.0_dp
        log_p = spread(log(p_0) - (earth_radius*earth_omega*u_0 + 0.5_dp*u_0**2)*sin(atmos%lat*degree)**2/rt, &
            1, atmos%nlon)
    end subroutine solid_body

    !> psi = a^2 (-w sin(lat) + K cos(lat)^R sin(lat) cos(R lon)), w = K = 7.848e-6/s, R = 4, and
    !! g (h - h_0) = a^2 [A + B cos(R lon) + C cos(2 R lon)], which lets the divergence rest.
    subroutine rossby_haurwitz(log_p)
        real(dp), intent(out) :: log_p(:, :)    !< ln of the pressure at sea level [Pa]
        integer, parameter :: r = 4
        real(dp), parameter :: k = 7.848e-6_dp, w = k, f = 2.0_dp*earth_omega
        real(dp) :: phase(atmos%nlon), a, b, c, y
        integer :: j

        phase = r*atmos%lon*degree
        do j = 1, atmos%nlat
            y = cos(atmos%lat(j)*degree)
            a = 0.5_dp*w*(f + w)*y**2 &
                + 0.25_dp*k**2*y**(2*r - 2)*((r + 1)*y**4 + (2*r**2 - r - 2)*y**2 - 2*r**2)
            b = (f + 2.0_dp*w)*k/((r + 1)*(r + 2))*y**r*((r**2 + 2*r + 2) - (r + 1)**2*y**2)
            c = 0.25_dp*k**2*y**(2*r)*((r + 1)*y**2 - (r + 2))
            log_p(:, j) = log(p_0) + earth_radius**2*(a + b*cos(phase) + c*cos(2.0_dp*phase))/rt
            u(:, j, 1) = earth_radius*y*(w + k*y**(r - 2)*(r*(1.0_dp - y**2) - y**2)*cos(phase))
            v(:, j, 1) = -earth_radius*k*r*y**(r - 1)*sin(atmos%lat(j)*degree)*sin(phase)
        end do
    end subroutine rossby_haurwitz

    !> The divergence of the balanced wave has no tendency, N + L, beside the linear part's.
    subroutine balance()
        real(dp), dimension(4, 2, size(atmos%x, 3)) :: nonlinear, linear
        call atmos%dynamics%physics%begin_step(atmos%seconds, zero, zero, zero)
        call atmos%dynamics%tendency(atmos%x, nonlinear, .true., status)
        call atmos%implicit%linear(atmos%dynamics%transform%layout, atmos%x, linear)
        call report(name//'divergence_tendency_relative', maxval(abs(nonlinear(2, :, :) + linear(2, :, :))) &
            /maxval(abs(linear(2, :, :))), 0.0_dp, 1.0e-11_dp)
    end subroutine balance

    !> All days; mass, energy and temperature at the end, and at T42 the map of the last day.
    subroutine forecast(n)
        integer, intent(in) :: n
        real(dp), allocatable :: start_x(:, :, :)
        real(dp) :: mass, energy_0
        integer :: day

        allocate(start_x, source=atmos%x)
        mass = mean_mass()
        energy_0 = energy()
        if (allocated(runs(n)%log_p)) deallocate(runs(n)%log_p, runs(n)%vorticity)
        allocate(runs(n)%log_p(2, size(start_x, 3), 0:days(which)))
        allocate(runs(n)%vorticity, mold=runs(n)%log_p)
        do day = 0, days(which)
            if (day > 0) call run_day()
            runs(n)%log_p(:, :, day) = atmos%x(4, :, :) + atmos%dynamics%phi_s/rt
            runs(n)%vorticity(:, :, day) = atmos%x(1, :, :)
        end do
        call report(name//'mass_drift'//label(n), mean_mass()/mass - 1.0_dp, 0.0_dp, 1.0e-13_dp)
        call report(name//'energy_drift'//label(n), energy()/energy_0 - 1.0_dp, 0.0_dp, energy_gate(which))
        call atmos_fields(atmos, u, v, t, ps)
        call report(name//'temperature_K'//label(n), maxval(abs(t - atmos%dynamics%t_ref)), 0.0_dp, 1.0e-10_dp)
        if (truncs(n) /= 42) return
        if (which == 5) call report_field(name//'height', atmos%lon(::2), atmos%lat(::2), &
            depth(which) + rt*log(ps(::2, ::2)/p_0)/gravity + ground(::2, ::2))
        atmos%x = start_x
        call free_mass(mass)
    end subroutine forecast

    subroutine run_day()
        integer :: i
        do i = 1, nint(seconds_per_day/dt)
            call atmos_step(atmos, zero, zero, zero, status)
        end do
        call expect_well(status)
    end subroutine run_day

    !> The drift of the mass without the fixer, whose factor on ps the flow does not feel.
    subroutine free_mass(mass)
        real(dp), intent(in) :: mass    !< at the start [Pa]
        integer :: i
        do i = 1, nint(days(which)*seconds_per_day/dt)
            call atmos%sil3%step(atmos%dynamics, atmos%implicit, dt, atmos%x, status)
        end do
        call expect_well(status)
        call report(name//'mass_drift_without_fixer_T42', mean_mass()/mass - 1.0_dp, 0.0_dp, 1.0e-6_dp)
    end subroutine free_mass

    real(dp) function mean_mass()
        mean_mass = mean_surface_pressure(atmos%dynamics%transform, atmos%x(4, :, :))
    end function mean_mass

    !> ps [v^2/2 + Phi_s + R T ln(ps/mean ps)], the mean of which the equations keep [Pa m2/s2].
    real(dp) function energy()
        call atmos_fields(atmos, u, v, t, ps)
        energy = mean(ps*(0.5_dp*(u(:, :, 1)**2 + v(:, :, 1)**2) + gravity*ground + rt*log(ps/mean(ps))))
    end function energy

    !> l2 of every day, relative, against the finest run, on whose grid atmos stands. First order is asked of the
    !! pressure; the vorticity has the kinks of the cone, or filaments, and is asked to fall.
    subroutine convergence()
        real(dp), dimension(days(which), 2) :: l2_p, l2_z
        real(dp), allocatable :: p(:, :), z(:, :)
        integer :: day, n

        do day = 1, days(which)
            p = exp(on_grid(atmos, truncs(3), runs(3)%log_p(:, :, day)))
            z = on_grid(atmos, truncs(3), runs(3)%vorticity(:, :, day))
            do n = 1, 2
                l2_p(day, n) = sqrt(mean((exp(on_grid(atmos, truncs(n), runs(n)%log_p(:, :, day))) - p)**2)/mean(p**2))
                l2_z(day, n) = sqrt(mean((on_grid(atmos, truncs(n), runs(n)%vorticity(:, :, day)) - z)**2)/mean(z**2))
            end do
        end do
        call judge('pressure', l2_p, 3.0_dp)
        call judge('vorticity', l2_z, 1.5_dp)
    end subroutine convergence

    subroutine judge(field, l2, least)
        character(len=*), intent(in) :: field
        real(dp), intent(in) :: l2(:, :)        !< (day, truncation)
        real(dp), intent(in) :: least           !< of the factors by which T42 is better than T21 on each day
        real(dp) :: fall
        integer :: n, day

        do n = 1, 2
            call report_series(name//field//'_l2'//label(n), [(real(day, dp), day=1, size(l2, 1))], l2(:, n))
        end do
        fall = minval(l2(:, 1)/l2(:, 2))
        call report_judged(name//field//'_fall_T21_T42_least_of_days', fall, least, fall > least)
    end subroutine judge

    real(dp) function mean(field)
        real(dp), intent(in) :: field(:, :)
        mean = dot_product(0.5_dp*atmos%dynamics%transform%weight, sum(field, 1)/atmos%nlon)
    end function mean

    character(len=4) function label(n)
        integer, intent(in) :: n
        write (label, '(a,i2)') '_T', truncs(n)
    end function label
end program test_atmos_mountain_long
