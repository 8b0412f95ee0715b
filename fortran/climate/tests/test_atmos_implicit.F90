!> Semi-implicit solve and vertical scheme: the residual of (I - c L) x = r, the energy identity of Simmons and
!! Burridge, hydrostatics of an isothermal column, and the speed of the external gravity wave.
program test_atmos_implicit
    use kinds_mod, only: dp
    use constants_mod, only: dry_air_gas_constant, kappa
    use status_mod, only: status_type
    use atmos_layout_mod, only: layout_type
    use atmos_vertical_mod, only: vertical_type
    use atmos_implicit_mod, only: implicit_type
    use atmos_noise_mod, only: uniform_noise
    use report_mod, only: report, finish
    implicit none

    integer, parameter :: trunc = 31, nlev = 8
    real(dp), parameter :: t_ref = 300.0_dp, c(2) = [600.0_dp, 1200.0_dp]
    type(layout_type) :: layout
    type(vertical_type) :: vertical
    type(implicit_type) :: implicit
    type(status_type) :: status
    integer :: k

    call layout%init(0, 1, trunc, 48, status)
    call vertical%init([(real(k, dp)/nlev, k=0, nlev)])
    call implicit%init(vertical, trunc, t_ref, 21600.0_dp, 3, c)
    call residual()
    call energy()
    call external_wave()
    call finish()

contains

    !> Round-off of a matrix whose condition grows with e_n c^2 g h; relative to the largest entry per variable.
    subroutine residual()
        real(dp), dimension(3*nlev + 1, 2, layout%ns) :: r, x, y
        real(dp) :: error
        integer :: i, s, part, v

        do s = 1, layout%ns
            do part = 1, 2
                do v = 1, 3*nlev + 1
                    r(v, part, s) = uniform_noise(3, [s, part, v])*merge(1.0e-5_dp, 1.0_dp, v <= 2*nlev)
                end do
            end do
            if (layout%n(s) > trunc) r(:, :, s) = 0.0_dp
        end do
        do i = 1, size(c)
            x = r
            call implicit%solve(layout, i, x)
            call implicit%linear(layout, x, y)
            y = x - c(i)*y - r
            error = max(maxval(abs(y(1:2*nlev, :, :)))/1.0e-5_dp, maxval(abs(y(2*nlev + 1:, :, :))))
            call report('implicit_residual', error, 0.0_dp, 1.0e-11_dp)
        end do
    end subroutine residual

    !> sum_k ds_k (Phi_k x_k - R T_k (C x)_k) = 0 for any x and T (Phi_s = 0), with C applied through mass_flux.
    subroutine energy()
        real(dp), dimension(4, nlev) :: u, v, d, t, heating, phi
        real(dp) :: px(4), py(4), sigma_dot(4, 0:nlev), pressure(4), work(4), vgp(4), scale
        integer :: i

        do k = 1, nlev
            do i = 1, 4
                u(i, k) = 20.0_dp*uniform_noise(1, [i, k, 1])
                v(i, k) = 20.0_dp*uniform_noise(1, [i, k, 2])
                d(i, k) = 1.0e-5_dp*uniform_noise(1, [i, k, 3])
                t(i, k) = 250.0_dp + 30.0_dp*uniform_noise(1, [i, k, 4])
            end do
        end do
        px = 1.0e-8_dp
        py = -2.0e-8_dp
        ! With T_ref = 0 the heating is the whole of kappa T omega/p.
        call vertical%mass_flux(0.0_dp, u, v, d, t, px, py, sigma_dot, heating, pressure)
        phi = transpose(matmul(vertical%geopotential, transpose(t)))
        work = 0.0_dp
        scale = 0.0_dp
        do k = 1, nlev
            vgp = u(:, k)*px + v(:, k)*py
            work = work + vertical%ds(k)*(phi(:, k)*(d(:, k) + vgp) &
                + dry_air_gas_constant*(heating(:, k)/kappa - t(:, k)*vgp))
            scale = scale + vertical%ds(k)*maxval(abs(phi(:, k)*d(:, k)))
        end do
        call report('energy_conversion_identity', maxval(abs(work))/scale, 0.0_dp, 1.0e-13_dp)
        call report('mass_flux_at_surface', maxval(abs(sigma_dot(:, nlev))), 0.0_dp, 0.0_dp)
    end subroutine energy

    !> The squared phase speeds are the eigenvalues of G H + R T_ref 1 ds; the largest, by power iteration, is that of
    !! the external (Lamb) mode, c^2 = R T_ref/(1 - kappa) for an isothermal atmosphere of many levels.
    subroutine external_wave()
        integer, parameter :: many = 80
        type(vertical_type) :: fine
        real(dp) :: matrix(many, many), x(many), speed
        integer :: i

        call fine%init([(real(i, dp)/many, i=0, many)])
        matrix = kappa*t_ref*matmul(fine%geopotential, fine%conversion) &
            + dry_air_gas_constant*t_ref*spread(fine%ds, 1, many)
        x = 1.0_dp
        do i = 1, 100
            x = matmul(matrix, x)
            speed = sqrt(maxval(x))
            x = x/maxval(x)
        end do
        call report('external_mode_speed', speed, sqrt(dry_air_gas_constant*t_ref/(1.0_dp - kappa)), 3.5_dp)
    end subroutine external_wave
end program test_atmos_implicit
