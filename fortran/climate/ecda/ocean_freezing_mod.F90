!> Water below its freezing point: brought back to it, the heat handed over for ice to form (frazil; the crystals rise,
!! so that all levels of a column give to the ice on it).
!!
!!     T_f(S) = T_f(35) - slope (S - 35),     Q = sum over levels of rho0 c_p h max(T_f - T, 0).
!! With slope 0.054 K kg/g this is close to the international formula at atmospheric pressure (Millero 1978); with
!! slope 0, the default, T_f is one number, as a zero-layer ice model uses it.
module ocean_freezing_mod
    use kinds_mod, only: dp
    use constants_mod, only: seawater_density, seawater_cp
    use ocean_config_mod, only: ocean_config_type
    use ocean_type_mod, only: ocean_type
    implicit none
    private
    public :: ocean_freezing_heat, ocean_freezing_point

contains

    !> Freezing point of sea water [degC].
    elemental real(dp) function ocean_freezing_point(config, s)
        type(ocean_config_type), intent(in) :: config
        real(dp), intent(in) :: s           !< salinity [g/kg]
        ocean_freezing_point = config%freezing_temperature - config%freezing_slope*(s - 35.0_dp)
    end function ocean_freezing_point

    !> Heat that brings the water below the freezing point back to it; the temperature is raised by it. 0 on land. The
    !! ocean gains what the ice gives up when it freezes: ice of mass heat/(latent heat of fusion). Collective.
    subroutine ocean_freezing_heat(self, heat)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(out) :: heat(:, :)         !< owned block (nx, ny) [J/m2]
        real(dp) :: h, deficit
        integer :: i, j, k

        heat = 0.0_dp
        associate (g => self%grid)
            do k = 1, g%nk
                do j = 1, g%ny
                    do i = 1, g%nx
                        deficit = g%mask_t(i, j, k)*(ocean_freezing_point(self%config, self%s(i, j, k)) &
                            - self%t(i, j, k))
                        if (.not. deficit > 0.0_dp) cycle
                        h = g%dz(k)
                        if (k == 1) h = h + self%eta(i, j)
                        heat(i, j) = heat(i, j) + seawater_density*seawater_cp*h*deficit
                        self%t(i, j, k) = ocean_freezing_point(self%config, self%s(i, j, k))
                    end do
                end do
            end do
            call self%halo%update(2, g%nk, self%t)
        end associate
    end subroutine ocean_freezing_heat
end module ocean_freezing_mod
