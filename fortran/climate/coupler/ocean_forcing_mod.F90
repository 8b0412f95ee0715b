!> The part of the ocean's surface budget that a dry atmosphere cannot give it, after Haney (1971):
!!     Q = lambda (T*(latitude, season) - SST)          [W/m2], for short wave, long wave and latent heat together;
!!     F = rho h/tau (S - S*(latitude))/S*               [kg/m2/s], for evaporation, rain and rivers together,
!! the freshwater less its global mean, so that the sea keeps its salt.
!!
!! Ice is not carried yet. In its place the sea closes as its surface nears freezing: every flux that would cool it, the
!! sensible heat given to the atmosphere included, is multiplied by
!!     open(SST) = min(1, max(0, (SST - T_f)/width)).
!! No heat is created: what the atmosphere does not get the ocean keeps. The surface then approaches T_f from above and
!! no surface flux takes it below.
module ocean_forcing_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: seawater_density, seconds_per_day
    use flux_config_mod, only: flux_config_type
    use ocean_initial_mod, only: initial_salinity
    implicit none
    private
    public :: open_water, restoring_heat, restoring_freshwater

contains

    !> Share of the sea's surface that can lose heat.
    elemental real(dp) function open_water(config, sst)
        type(flux_config_type), intent(in) :: config
        real(dp), intent(in) :: sst             !< [degC]
        open_water = min(1.0_dp, max(0.0_dp, (sst - config%freezing_temperature)/config%freezing_width))
    end function open_water

    !> Heat into the ocean [W/m2].
    elemental real(dp) function restoring_heat(config, latitude, clock, sst)
        type(flux_config_type), intent(in) :: config
        real(dp), intent(in) :: latitude        !< [degrees]
        integer(i8), intent(in) :: clock        !< [s]
        real(dp), intent(in) :: sst             !< [degC]
        restoring_heat = config%heat_restoring*(config%target_temperature%value(latitude, clock) - sst)
        if (restoring_heat < 0.0_dp) restoring_heat = restoring_heat*open_water(config, sst)
    end function restoring_heat

    !> Freshwater into the ocean [kg/m2/s], summing to zero over the wet cells; the same on every rank.
    pure subroutine restoring_freshwater(config, latitude, area, wet, sss, freshwater)
        type(flux_config_type), intent(in) :: config
        real(dp), intent(in) :: latitude(:)     !< of all rows [degrees]
        real(dp), intent(in) :: area(:)         !< of one cell of each row [m2]
        logical, intent(in) :: wet(:, :)        !< global
        real(dp), intent(in) :: sss(:, :)       !< global surface salinity [g/kg]
        real(dp), intent(out) :: freshwater(:, :)
        real(dp) :: rate, climatology, total, total_area
        integer :: i, j

        rate = seawater_density*config%salt_restoring_depth/(config%salt_restoring_days*seconds_per_day)
        total = 0.0_dp
        total_area = 0.0_dp
        freshwater = 0.0_dp
        do j = 1, size(latitude)
            climatology = initial_salinity(latitude(j), 0.0_dp)
            do i = 1, size(wet, 1)
                if (.not. wet(i, j)) cycle
                freshwater(i, j) = rate*(sss(i, j) - climatology)/climatology
                total = total + area(j)*freshwater(i, j)
                total_area = total_area + area(j)
            end do
        end do
        if (total_area > 0.0_dp) where (wet) freshwater = freshwater - total/total_area
    end subroutine restoring_freshwater
end module ocean_forcing_mod
