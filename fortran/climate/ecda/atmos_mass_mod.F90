!> Mean surface pressure and the dry-mass fixer.
module atmos_mass_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_unstable
    use atmos_transform_mod, only: transform_type
    implicit none
    private

    public :: mean_surface_pressure, fix_mass

contains

    !> Global mean of exp(log_ps): row sums gathered and added in global order. Collective.
    real(dp) function mean_surface_pressure(transform, log_ps) result(mean)
        type(transform_type), intent(inout) :: transform
        real(dp), intent(in) :: log_ps(:, :)     !< (2, ns) coefficients of ln(ps/Pa)
        real(dp) :: grid(transform%nlon, 1, 2), own(transform%layout%nrows), gathered(transform%layout%nlat)
        real(dp) :: by_row(transform%layout%nlat)
        integer :: pair, j

        associate (layout => transform%layout)
            call transform%synthesize(1, reshape(log_ps, [1, 2, layout%ns]))
            do pair = 1, layout%npairs
                call transform%pair_to_grid(1, pair, grid)
                own(pair) = sum(exp(grid(:, 1, 1)))
                own(layout%nrows + 1 - pair) = sum(exp(grid(:, 1, 2)))
            end do
            call transform%comm%allgatherv(own, 2*layout%pair_count, gathered)
            by_row(layout%row_order) = gathered
            mean = 0.0_dp
            do j = 1, layout%nlat
                mean = mean + transform%weight(j)*by_row(j)
            end do
            mean = 0.5_dp*mean/real(transform%nlon, dp)
        end associate
    end function mean_surface_pressure

    !> Scale ps by one factor so that its mean is the target; fails alike on all ranks when the mean is no pressure.
    subroutine fix_mass(transform, target_mean, log_ps, status)
        type(transform_type), intent(inout) :: transform
        real(dp), intent(in) :: target_mean      !< [Pa]
        real(dp), intent(inout) :: log_ps(:, :)  !< (2, ns)
        type(status_type), intent(inout) :: status
        real(dp) :: mean

        mean = mean_surface_pressure(transform, log_ps)
        if (.not. abs(mean/target_mean - 1.0_dp) < 0.1_dp) then
            call status%set(status_unstable, 'atmosphere: the global mean of the surface pressure is no longer '// &
                'near its start; shorten atmos_dt or strengthen the diffusion')
        else if (transform%layout%m_owner(0) == transform%comm%rank) then
            log_ps(1, 1) = log_ps(1, 1) + log(target_mean/mean)
        end if
    end subroutine fix_mass
end module atmos_mass_mod
