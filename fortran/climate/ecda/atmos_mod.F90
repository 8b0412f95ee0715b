!> Spectral hydrostatic primitive-equation atmosphere on sigma levels: the public interface.
!!
!! Triangular truncation on a Gaussian grid (atmos_transform_mod), Simmons-Burridge levels (atmos_vertical_mod), the
!! SIL3 implicit-explicit Runge-Kutta step (atmos_sil3_mod, atmos_implicit_mod, atmos_dynamics_mod), Held-Suarez
!! forcing and the coupler's surface fluxes (atmos_physics_mod). One time level: state, restart and increments are the
!! spectral state x.
module atmos_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type
    use atmos_type_mod, only: atmos_type, atmos_init
    use atmos_fields_mod, only: atmos_surface, atmos_fields, atmos_set_fields, atmos_add_increment, &
        atmos_add_surface_increment
    use atmos_restart_mod, only: atmos_state_size, atmos_pack, atmos_unpack
    use atmos_mass_mod, only: fix_mass
    implicit none
    private

    public :: atmos_type, atmos_init, atmos_step, atmos_surface, atmos_fields, atmos_set_fields, atmos_add_increment, &
        atmos_add_surface_increment, atmos_state_size, atmos_pack, atmos_unpack

contains

    !> Advance by dt. Fields are (nlon, nrows) on the own rows. Collective; all ranks return the same status.
    subroutine atmos_step(self, stress_x, stress_y, sensible, status)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: stress_x(:, :), stress_y(:, :)   !< eastward, northward stress on the air [N/m2]
        real(dp), intent(in) :: sensible(:, :)                   !< heat into the air [W/m2]
        type(status_type), intent(inout) :: status
        integer :: k

        k = 3*self%nlev + 1
        call self%dynamics%physics%begin_step(self%seconds, stress_x, stress_y, sensible)
        call self%sil3%step(self%dynamics, self%implicit, self%dt, self%x, status)
        self%seconds = self%seconds + nint(self%dt, i8)
        call fix_mass(self%dynamics%transform, self%mean_ps, self%x(k, :, :), status)
        call self%comm%agree(status)
        if (status%failed()) call name_time(self%seconds, status)
    end subroutine atmos_step

    subroutine name_time(seconds, status)
        integer(i8), intent(in) :: seconds
        type(status_type), intent(inout) :: status
        character(len=60) :: when
        write (when, '(a,i0,a)') '; in the step to second ', seconds, ' since 2000-01-01'
        status%message = trim(status%message)//when
    end subroutine name_time
end module atmos_mod
