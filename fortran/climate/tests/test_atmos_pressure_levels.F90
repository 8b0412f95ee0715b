!> Pressure levels against analytic columns: isothermal air and air of constant lapse rate over a mountain.
!!
!! T = T_0 (p/p_0)^(R gamma/g) is the atmosphere z = (T_0 - T)/gamma. The model's levels are hydrostatic of second order
!! in the layers' thickness; the error must shrink so from 20 to 40 levels, and interpolation itself has none at a
!! level of an isothermal column.
program test_atmos_pressure_levels
    use kinds_mod, only: dp
    use constants_mod, only: gravity, dry_air_gas_constant
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_init, atmos_set_fields, atmos_pressure_levels, atmos_surface_height
    use atmos_pressure_levels_mod, only: column_to_pressure
    use report_mod, only: report, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    implicit none

    integer, parameter :: trunc = 21, nlon = 64, nlat = 32
    real(dp), parameter :: t_0 = 288.0_dp, p_0 = 1.0e5_dp, gamma = 0.0065_dp
    real(dp), parameter :: exponent = dry_air_gas_constant*gamma/gravity
    real(dp), parameter :: pressure(4) = [1.03e5_dp, 8.5e4_dp, 5.0e4_dp, 2.5e4_dp]
    character(len=*), parameter :: path = 'test_atmos_pressure_levels.nml'
    type(status_type) :: status
    type(comm_type) :: comm
    real(dp) :: coarse, fine
    integer :: unit

    call MPI_Init()
    call comm%init(MPI_COMM_WORLD%mpi_val)
    call isothermal_column()
    coarse = worst_height(20)
    fine = worst_height(40)
    call report('pressure_levels_height_40_levels_m', fine, 0.0_dp, 10.0_dp)
    call report('pressure_levels_order', log(coarse/fine)/log(2.0_dp), 2.0_dp, 0.3_dp)
    open (newunit=unit, file=path, status='old')
    close (unit, status='delete')
    call MPI_Finalize()
    call finish()

contains

    !> z and T exact between and above the levels; u, v, q linear in ln p.
    subroutine isothermal_column()
        integer, parameter :: n = 5
        real(dp), dimension(n) :: p, t, z, u
        real(dp), dimension(4) :: t_out, z_out, u_out, v_out, q_out
        real(dp), parameter :: wanted(4) = [5.0e3_dp, 2.0e4_dp, 3.3e4_dp, 9.0e4_dp]
        integer :: k

        p = [(1.0e5_dp*(k - 0.5_dp)/n, k=1, n)]
        t = 250.0_dp
        z = dry_air_gas_constant*250.0_dp/gravity*log(p_0/p)
        u = 10.0_dp - 5.0_dp*log(p/p_0)
        call column_to_pressure(p, t, z, u, 2.0_dp*u, 1.0e-4_dp*u, wanted, t_out, z_out, u_out, v_out, q_out)
        call report('pressure_levels_isothermal_z', &
            maxval(abs(z_out - dry_air_gas_constant*250.0_dp/gravity*log(p_0/wanted))), 0.0_dp, 1.0e-9_dp)
        call report('pressure_levels_log_linear_u', maxval(abs(u_out(2:) - (10.0_dp - 5.0_dp*log(wanted(2:)/p_0)))), &
            0.0_dp, 1.0e-12_dp)
        call report('pressure_levels_v_q', maxval(abs(v_out - 2.0_dp*u_out)) + maxval(abs(q_out - 1.0e-4_dp*u_out)), &
            0.0_dp, 1.0e-12_dp)
    end subroutine isothermal_column

    !> Largest error of z over the globe and the levels above the ground, a 2 km mountain under the analytic air [m].
    real(dp) function worst_height(nlev)
        integer, intent(in) :: nlev
        type(atmos_type) :: atmos
        real(dp), dimension(nlon, nlat, nlev) :: u, v, t
        real(dp), dimension(nlon, nlat, size(pressure)) :: u_out, v_out, t_out, q_out, z_out
        real(dp), dimension(nlon, nlat) :: mountain, ps, ground
        integer :: j, k

        open (newunit=unit, file=path)
        write (unit, '(a)') "&atmos_nml forcing = 'none' /"
        close (unit)
        do j = 1, nlat
            mountain(:, j) = 2000.0_dp*exp(-((j - 22)/4.0_dp)**2)
        end do
        call atmos_init(atmos, comm, path, trunc, nlon, nlat, nlev, 1800.0_dp, mountain, status)
        call atmos_surface_height(atmos, ground)
        ps = p_0*((t_0 - gamma*ground)/t_0)**(1.0_dp/exponent)
        do k = 1, nlev
            t(:, :, k) = t_0*(ps*atmos%sigma(k)/p_0)**exponent
        end do
        u = 0.0_dp
        v = 0.0_dp
        call atmos_set_fields(atmos, u, v, t, ps, status)
        if (status%failed()) error stop 'refused'
        call atmos_pressure_levels(atmos, pressure, u_out, v_out, t_out, q_out, z_out)
        worst_height = 0.0_dp
        do k = 1, size(pressure)
            associate (z => (t_0 - t_0*(pressure(k)/p_0)**exponent)/gamma)
                worst_height = max(worst_height, maxval(abs(z_out(:, :, k) - z)))
            end associate
        end do
        write (*, '(a,i0,a,f9.3)') '# levels ', nlev, ': largest error of z [m] ', worst_height
    end function worst_height
end program test_atmos_pressure_levels
