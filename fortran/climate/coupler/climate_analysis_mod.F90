!> The air-sea state as the analysis has it: as if the increments of the filter that still wait had all been added.
module climate_analysis_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type
    use atmos_mod, only: atmos_type
    use ocean_mod, only: ocean_type
    use climate_mod, only: climate_type
    use climate_state_mod, only: climate_get_atmos, climate_get_ocean
    use da_update_mod, only: add_to_atmos, add_to_ocean
    implicit none
    private

    public :: climate_get_analysed_atmos, climate_get_analysed_ocean

contains

    !> As climate_get_atmos. Collective; the model is left as it is.
    subroutine climate_get_analysed_atmos(self, x, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(inout) :: x(:, :, :)       !< (nlon, nlat, 4) on rank 0
        type(status_type), intent(inout) :: status
        type(atmos_type) :: kept

        if (self%atmos_pending%steps == 0) then
            call climate_get_atmos(self, x)
            return
        end if
        kept = self%atmos
        call add_to_atmos(self%atmos, self%atmos_pending%left, status)
        call climate_get_atmos(self, x)
        self%atmos = kept
    end subroutine climate_get_analysed_atmos

    !> As climate_get_ocean. Collective; the model is left as it is.
    subroutine climate_get_analysed_ocean(self, x, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(inout) :: x(:, :, :)       !< (nlon, nlat, 4) on rank 0
        type(status_type), intent(inout) :: status
        type(ocean_type) :: kept

        if (self%ocean_pending%steps == 0) then
            call climate_get_ocean(self, x)
            return
        end if
        kept = self%ocean
        call add_to_ocean(self%ocean, self%ocean_pending%left, status)
        call climate_get_ocean(self, x)
        self%ocean = kept
    end subroutine climate_get_analysed_ocean
end module climate_analysis_mod
