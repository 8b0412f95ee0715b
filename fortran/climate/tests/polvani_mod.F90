!> The initial state of Polvani, Scott and Thomas (2004), Mon. Weather Rev. 132, 2539: a jet of the northern hemisphere
!! over flat ground under ps = 1000 hPa, the temperature that balances it, and a perturbation of 1 K.
!!
!! With z = H ln(p_0/p), mu = sin(lat) and f = 2 Omega mu:
!!   u = u_0 F(z) sin(pi mu^2)^3 north of the equator, 0 south of it; v = 0;
!!   F = 1/2 [1 - tanh((z - z_0)/dz_0)^3] sin(pi z/z_1);
!!   dT/dlat = -(H/R) (a f + 2 u tan(lat)) du/dz, the gradient wind differentiated in z;
!!   T' = 1 K sech(3 lon)^2 sech(6 (lat - pi/4))^2 at every level, lon in (-pi, pi].
!! The constant of T at each height makes its global mean the US standard atmosphere. The constants of the earth and the
!! air are the model's, that the balance be the model's too: gravity 9.80665 m/s2 (the case: 9.806), R 287.04 J/kg/K
!! (287), kappa 0.28571 (2/7); radius and rotation are the same.
module polvani_mod
    use kinds_mod, only: dp
    use constants_mod, only: pi, degree, earth_radius, earth_omega, dry_air_gas_constant
    use atmos_gauss_mod, only: gaussian_nodes
    use atmos_mod, only: atmos_type
    implicit none
    private

    public :: height, zonal_wind, wind_shear, temperature, standard_atmosphere, balanced_state, perturbation

    real(dp), parameter, public :: p_0 = 1.0e5_dp                    !< [Pa]
    real(dp), parameter :: scale_height = 7.34e3_dp                  !< H [m]
    real(dp), parameter :: u_0 = 50.0_dp                             !< [m/s]
    real(dp), parameter :: z_0 = 22.0e3_dp, dz_0 = 5.0e3_dp, z_1 = 30.0e3_dp    !< [m]
    !> US standard atmosphere [m, K/m] up to 32 km, higher than the uppermost of 20 layers, at 27.1 km.
    real(dp), parameter :: base(3) = [0.0_dp, 11.0e3_dp, 20.0e3_dp]
    real(dp), parameter :: lapse(3) = [-6.5e-3_dp, 0.0_dp, 1.0e-3_dp], ground = 288.15_dp

contains

    elemental real(dp) function height(sigma)
        real(dp), intent(in) :: sigma   !< p/p_0
        height = -scale_height*log(sigma)
    end function height

    !> u [m/s] at mu = sin(lat) and z [m].
    elemental real(dp) function zonal_wind(mu, z)
        real(dp), intent(in) :: mu, z
        zonal_wind = jet(mu)*0.5_dp*(1.0_dp - tanh((z - z_0)/dz_0)**3)*sin(pi*z/z_1)
    end function zonal_wind

    !> du/dz [1/s].
    elemental real(dp) function wind_shear(mu, z)
        real(dp), intent(in) :: mu, z
        real(dp) :: t
        t = tanh((z - z_0)/dz_0)
        wind_shear = jet(mu)*0.5_dp*(pi/z_1*(1.0_dp - t**3)*cos(pi*z/z_1) &
            - 3.0_dp/dz_0*t**2*(1.0_dp - t**2)*sin(pi*z/z_1))
    end function wind_shear

    !> u_0 sin(pi mu^2)^3 of the northern hemisphere [m/s].
    elemental real(dp) function jet(mu)
        real(dp), intent(in) :: mu
        jet = merge(u_0*sin(pi*mu**2)**3, 0.0_dp, mu > 0.0_dp)
    end function jet

    !> dT/dmu [K].
    elemental real(dp) function slope(mu, z)
        real(dp), intent(in) :: mu, z
        real(dp) :: cos2
        cos2 = 1.0_dp - mu**2
        slope = -scale_height/dry_air_gas_constant &
            *(2.0_dp*earth_radius*earth_omega*mu/sqrt(cos2) + 2.0_dp*zonal_wind(mu, z)*mu/cos2)*wind_shear(mu, z)
    end function slope

    elemental real(dp) function standard_atmosphere(z) result(t)
        real(dp), intent(in) :: z       !< below 32 km [m]
        t = ground + sum(lapse*max(0.0_dp, min(z, [base(2:), 32.0e3_dp]) - base))
    end function standard_atmosphere

    !> The balanced temperature [K]: I(mu) = int_0^mu dT/dmu less its global mean, which by parts is
    !! 1/2 int_0^1 (1 - mu) dT/dmu, and the standard atmosphere. Both integrals by Gauss's rule.
    subroutine temperature(mu, z, points, t)
        real(dp), intent(in) :: mu(:)       !< sine of latitude
        real(dp), intent(in) :: z           !< [m]
        integer, intent(in) :: points       !< of Gauss's rule, even
        real(dp), intent(out) :: t(:)
        real(dp) :: x(points), w(points)
        integer :: j

        call gaussian_nodes(x, w)
        x = 0.5_dp*(1.0_dp + x)             ! of the interval from 0 to 1, where the weights add up to 1
        w = 0.5_dp*w
        do j = 1, size(mu)
            t(j) = max(0.0_dp, mu(j))*sum(w*slope(max(0.0_dp, mu(j))*x, z))
        end do
        t = t - 0.5_dp*sum(w*(1.0_dp - x)*slope(x, z)) + standard_atmosphere(z)
    end subroutine temperature

    !> Fields of the grid on which atmos stands.
    subroutine balanced_state(atmos, u, v, t, ps)
        type(atmos_type), intent(in) :: atmos
        real(dp), intent(out) :: u(:, :, :), v(:, :, :), t(:, :, :)     !< (nlon, nlat, nlev) [m/s], [K]
        real(dp), intent(out) :: ps(:, :)                               !< (nlon, nlat) [Pa]
        integer, parameter :: points = 64
        real(dp) :: z, row(atmos%nlat)
        integer :: k

        ps = p_0
        v = 0.0_dp
        associate (mu => atmos%dynamics%transform%mu)
            do k = 1, atmos%nlev
                z = height(atmos%sigma(k))
                call temperature(mu, z, points, row)
                u(:, :, k) = spread(zonal_wind(mu, z), 1, atmos%nlon)
                t(:, :, k) = spread(row, 1, atmos%nlon)
            end do
        end associate
    end subroutine balanced_state

    !> What is added to T at every level [K].
    function perturbation(atmos) result(t)
        type(atmos_type), intent(in) :: atmos
        real(dp) :: t(atmos%nlon, atmos%nlat), lon(atmos%nlon)
        integer :: j
        lon = merge(atmos%lon, atmos%lon - 360.0_dp, atmos%lon <= 180.0_dp)*degree
        do j = 1, atmos%nlat
            t(:, j) = 1.0_dp/(cosh(3.0_dp*lon)*cosh(6.0_dp*(atmos%lat(j)*degree - 0.25_dp*pi)))**2
        end do
    end function perturbation
end module polvani_mod
