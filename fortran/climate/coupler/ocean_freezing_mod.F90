!> Water below the freezing point gives ice instead: the uppermost cell is brought back to T_f, and the heat that this
!! takes is that of the ice which forms from it.
module ocean_freezing_mod
    use kinds_mod, only: dp
    use constants_mod, only: seawater_density, seawater_cp
    use ocean_mod, only: ocean_type
    implicit none
    private
    public :: ocean_freezing_heat

contains

    !> Collective.
    subroutine ocean_freezing_heat(self, freezing_temperature, heat)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(in) :: freezing_temperature    !< T_f [degC]
        real(dp), intent(out) :: heat(:, :)             !< given to the water, own block [J/m2]
        real(dp) :: deficit
        integer :: i, j

        associate (g => self%grid)
            do j = 1, g%ny
                do i = 1, g%nx
                    deficit = g%mask_t(i, j, 1)*max(0.0_dp, freezing_temperature - self%t(i, j, 1))
                    heat(i, j) = seawater_density*seawater_cp*(g%dz(1) + self%eta(i, j))*deficit
                    if (deficit > 0.0_dp) self%t(i, j, 1) = freezing_temperature
                end do
            end do
            call self%halo%update(2, g%nk, self%t, self%s)
        end associate
    end subroutine ocean_freezing_heat
end module ocean_freezing_mod
