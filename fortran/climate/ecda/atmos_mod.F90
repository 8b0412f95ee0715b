!> Spectral hydrostatic primitive-equation atmosphere on sigma levels: the public interface.
!!
!! Triangular truncation on a Gaussian grid (atmos_transform_mod), Simmons-Burridge levels (atmos_vertical_mod), the
!! SIL3 implicit-explicit Runge-Kutta step (atmos_sil3_mod, atmos_implicit_mod, atmos_dynamics_mod), Held-Suarez
!! forcing and the coupler's surface fluxes (atmos_physics_mod) or the moist physics (atmos_moist_mod). One time level:
!! state, restart and increments are the spectral state x.
module atmos_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type, status_bad_input
    use atmos_type_mod, only: atmos_type, atmos_init
    use atmos_surface_mod, only: surface_air_type, surface_flux_type
    use atmos_fields_mod, only: atmos_surface, atmos_fields, atmos_set_fields, atmos_add_increment, &
        atmos_add_surface_increment, atmos_surface_height
    use atmos_pressure_levels_mod, only: atmos_pressure_levels
    use atmos_restart_mod, only: atmos_state_size, atmos_pack, atmos_unpack
    use atmos_mass_mod, only: fix_mass
    use atmos_water_mod, only: fix_mass_and_water, global_mean_of_rows
    implicit none
    private

    public :: atmos_type, atmos_init, atmos_step, atmos_surface, atmos_fields, atmos_set_fields, atmos_add_increment, &
        atmos_add_surface_increment, atmos_state_size, atmos_pack, atmos_unpack, &
        surface_air_type, surface_flux_type, atmos_surface_height, atmos_pressure_levels

    interface atmos_step
        module procedure step_dry, step_under_fluxes
    end interface atmos_step

contains

    !> Advance by dt under all the fluxes of the surface; a dry atmosphere takes the stresses and the sensible heat.
    !! Collective; all ranks return the same status.
    subroutine step_under_fluxes(self, flux, status)
        type(atmos_type), intent(inout) :: self
        type(surface_flux_type), intent(in) :: flux              !< (nlon, nrows) on the own rows
        type(status_type), intent(inout) :: status
        real(dp) :: water

        if (self%dynamics%nq == 0) then
            call step_dry(self, flux%stress_x, flux%stress_y, flux%sensible, status)
            return
        end if
        associate (moist => self%dynamics%moist, k => self%nlev)
            call moist%begin_step(self%seconds, flux)
            call self%sil3%step(self%dynamics, self%implicit, self%dt, self%x, status)
            self%seconds = self%seconds + nint(self%dt, i8)
            water = global_mean_of_rows(self%dynamics%transform, moist%water + moist%source)
            call fix_mass_and_water(self%dynamics%transform, self%dynamics%vertical%ds, self%mean_ps, water, &
                self%x(3*k + 1:, :, :), self%water_correction, status)
            self%precipitation = moist%precipitation
            self%toa_sw_net = moist%toa_sw_net
            self%olr = moist%olr
        end associate
        call self%comm%agree(status)
        if (status%failed()) call name_time(self%seconds, status)
    end subroutine step_under_fluxes

    !> Advance a dry atmosphere by dt. Fields are (nlon, nrows) on the own rows. Collective; all ranks return the same
    !! status.
    subroutine step_dry(self, stress_x, stress_y, sensible, status)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: stress_x(:, :), stress_y(:, :)   !< eastward, northward stress on the air [N/m2]
        real(dp), intent(in) :: sensible(:, :)                   !< heat into the air [W/m2]
        type(status_type), intent(inout) :: status
        integer :: k

        if (self%dynamics%nq > 0) then
            call status%set(status_bad_input, "atmosphere: forcing = 'moist' needs evaporation and radiation of "// &
                'the surface; this caller passes stress and sensible heat alone')
            return
        end if
        k = 3*self%nlev + 1
        call self%dynamics%physics%begin_step(self%seconds, stress_x, stress_y, sensible)
        call self%sil3%step(self%dynamics, self%implicit, self%dt, self%x, status)
        self%seconds = self%seconds + nint(self%dt, i8)
        call fix_mass(self%dynamics%transform, self%mean_ps, self%x(k, :, :), status)
        call self%comm%agree(status)
        if (status%failed()) call name_time(self%seconds, status)
    end subroutine step_dry

    subroutine name_time(seconds, status)
        integer(i8), intent(in) :: seconds
        type(status_type), intent(inout) :: status
        character(len=60) :: when
        write (when, '(a,i0,a)') '; in the step to second ', seconds, ' since 2000-01-01'
        status%message = trim(status%message)//when
    end subroutine name_time
end module atmos_mod
