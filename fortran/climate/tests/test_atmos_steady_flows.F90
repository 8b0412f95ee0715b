!> Zonal flows in balance that the primitive equations must hold: the solid-body rotation of Williamson et al. (1992),
!! case 2, and the unperturbed jet of Galewsky, Scott and Polvani (2004), both in isothermal air.
!!
!! In air of one temperature T a zonal wind u(lat) without shear is steady if R T d(ln ps)/d(lat) =
!! -u (2 Omega a sin(lat) + u tan(lat)): the balance of the shallow-water cases with R T ln ps for g h. For u =
!! u_0 cos(lat), ln ps = ln p_0 - (2 Omega a u_0 + u_0^2) sin^2(lat)/(2 R T), exact in the truncated space.
program test_atmos_steady_flows
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, earth_radius, earth_omega, dry_air_gas_constant, seconds_per_day
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_step, atmos_fields, atmos_set_fields
    use report_mod, only: report, report_series, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    character(len=*), parameter :: path = 'test_atmos_steady_flows.nml'
    integer, parameter :: days = 5
    type(status_type) :: status
    type(comm_type) :: comm
    integer :: unit

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    open (newunit=unit, file=path)
    write (unit, '(a)') "&atmos_nml forcing = 'none', diffusion_hours = 0.0 /"
    call flush(unit)
    call solid_body()
    call galewsky()
    close (unit, status='delete')
    call MPI_Finalize()
    call finish()

contains

    !> T21, 8 levels: the relative l2 error of ln ps and of u after five days.
    subroutine solid_body()
        integer, parameter :: nlon = 64, nlat = 32, nlev = 8
        real(dp), parameter :: u_0 = 2.0_dp*pi*earth_radius/(12.0_dp*seconds_per_day), t_0 = 300.0_dp
        type(atmos_type) :: atmos
        real(dp), allocatable, dimension(:, :, :) :: u, v, t, u_end
        real(dp), dimension(nlon, nlat) :: ps, ps_end, zero

        allocate(u(nlon, nlat, nlev), v(nlon, nlat, nlev), t(nlon, nlat, nlev), u_end(nlon, nlat, nlev))
        zero = 0.0_dp
        call atmos_init(atmos, comm, path, 21, nlon, nlat, nlev, 1800.0_dp, zero, status)
        u = spread(spread(u_0*cos(atmos%lat*degree), 1, nlon), 3, nlev)
        v = 0.0_dp
        t = t_0
        ps = spread(1.0e5_dp*exp(-(2.0_dp*earth_omega*earth_radius*u_0 + u_0**2)*sin(atmos%lat*degree)**2 &
            /(2.0_dp*dry_air_gas_constant*t_0)), 1, nlon)
        call atmos_set_fields(atmos, u, v, t, ps, status)
        call run(atmos, zero)
        call atmos_fields(atmos, u_end, v, t, ps_end)
        call report('williamson_2_isothermal_ps_l2', sqrt(sum((ps_end - ps)**2)/sum(ps**2)), 0.0_dp, 1.0e-10_dp)
        call report('williamson_2_isothermal_u_l2', sqrt(sum((u_end - u)**2)/sum(u**2)), 0.0_dp, 1.0e-10_dp)
        call report('williamson_2_isothermal_t_K', maxval(abs(t - t_0)), 0.0_dp, 1.0e-8_dp)
    end subroutine solid_body

    !> T42, one level of R T = g 10 km: after five days the flow is zonal still and its jet is where it was.
    subroutine galewsky()
        integer, parameter :: nlon = 128, nlat = 64
        real(dp), parameter :: t_0 = 98100.0_dp/dry_air_gas_constant
        type(atmos_type) :: atmos
        real(dp), dimension(nlon, nlat, 1) :: u, v, t, u_end
        real(dp) :: ps(nlon, nlat), zero(nlon, nlat), log_ps
        integer :: i, j
        integer, parameter :: slices = 40

        zero = 0.0_dp
        call atmos_init(atmos, comm, path, 42, nlon, nlat, 1, 900.0_dp, zero, status)
        log_ps = log(1.0e5_dp)
        do j = 1, nlat
            associate (lat => atmos%lat(j)*degree, south => atmos%lat(max(j - 1, 1))*degree)
                do i = 1, slices  ! midpoint rule from the row before
                    log_ps = log_ps + (lat - south)/slices*slope(south + (lat - south)*(i - 0.5_dp)/slices, t_0)
                end do
                u(:, j, 1) = jet(lat)
                ps(:, j) = exp(log_ps)
            end associate
        end do
        v = 0.0_dp
        t = t_0
        call atmos_set_fields(atmos, u, v, t, ps, status)
        call run(atmos, zero)
        call atmos_fields(atmos, u_end, v, t, ps)
        call report('galewsky_departure_from_zonal_m_s', max(maxval(abs(u_end - spread(sum(u_end, 1)/nlon, 1, nlon))), &
            maxval(abs(v - spread(sum(v, 1)/nlon, 1, nlon)))), 0.0_dp, 1.0e-6_dp)
        call report('galewsky_jet_m_s', maxval(u_end), maxval(u), 1.0_dp)
        call report('galewsky_jet_l2', sqrt(sum((u_end - u)**2)/sum(u**2)), 0.0_dp, 0.02_dp)
        call report_series('galewsky_u', pack(atmos%lat, atmos%lat > 15.0_dp), &
            pack(u_end(1, :, 1), atmos%lat > 15.0_dp), pack(u(1, :, 1), atmos%lat > 15.0_dp))
    end subroutine galewsky

    !> 80 m/s at 45N, 0 outside pi/7 < lat < pi/2 - pi/7.
    pure real(dp) function jet(lat)
        real(dp), intent(in) :: lat     !< [rad]
        real(dp), parameter :: south = pi/7.0_dp, north = 0.5_dp*pi - south
        jet = 0.0_dp
        if (lat > south .and. lat < north) jet = 80.0_dp*exp(1.0_dp/((lat - south)*(lat - north)) &
            + 4.0_dp/(north - south)**2)
    end function jet

    !> d(ln ps)/d(lat) in balance with the jet.
    pure real(dp) function slope(lat, t_0)
        real(dp), intent(in) :: lat, t_0
        slope = -jet(lat)*(2.0_dp*earth_omega*earth_radius*sin(lat) + jet(lat)*tan(lat))/(dry_air_gas_constant*t_0)
    end function slope

    subroutine run(atmos, zero)
        type(atmos_type), intent(inout) :: atmos
        real(dp), intent(in) :: zero(:, :)
        integer :: i
        do i = 1, nint(days*seconds_per_day/atmos%dt)
            call atmos_step(atmos, zero, zero, zero, status)
        end do
        if (status%failed()) error stop 'unstable'
    end subroutine run
end program test_atmos_steady_flows
