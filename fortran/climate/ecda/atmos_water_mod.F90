!> Keeping the water: holes of the spectral humidity are filled without creating any, and the total is held to the
!! budget.
module atmos_water_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_unstable
    use atmos_transform_mod, only: transform_type
    implicit none
    private

    public :: fill_holes, global_mean_of_rows, fix_mass_and_water

contains

    !> Where q < 0 on a latitude row, take the missing water from the rest of the circle, level by level; a level that
    !! has none to give takes from the level below. The row's sum of ps q ds stays; only where a whole column of the row
    !! would be dry does a deficit remain, in the lowest level.
    pure subroutine fill_holes(ds, ps, q)
        real(dp), intent(in), contiguous :: ds(:)           !< (nlev)
        real(dp), intent(in) :: ps(:)                       !< (nlon) [Pa]
        real(dp), intent(inout), contiguous :: q(:, :)      !< (nlon, nlev) [kg/kg]
        real(dp) :: stock, missing, keep
        integer :: i, k

        do k = 1, size(ds)
            stock = 0.0_dp
            missing = 0.0_dp
            do i = 1, size(ps)
                stock = stock + ps(i)*max(q(i, k), 0.0_dp)
                missing = missing - ps(i)*min(q(i, k), 0.0_dp)
            end do
            if (.not. missing > 0.0_dp) cycle
            if (stock > missing) then
                keep = (stock - missing)/stock
                do i = 1, size(ps)
                    q(i, k) = keep*max(q(i, k), 0.0_dp)
                end do
            else if (k < size(ds)) then
                q(:, k + 1) = q(:, k + 1) + q(:, k)*(ds(k)/ds(k + 1))
                q(:, k) = 0.0_dp
            end if
        end do
    end subroutine fill_holes

    !> Global mean of a field from its sums along the own rows, gathered and added in global order. Collective.
    real(dp) function global_mean_of_rows(transform, own) result(mean)
        type(transform_type), intent(in) :: transform
        real(dp), intent(in), contiguous :: own(:)          !< (nrows)
        real(dp) :: gathered(transform%layout%nlat), by_row(transform%layout%nlat)
        integer :: j

        associate (layout => transform%layout)
            call transform%comm%allgatherv(own, 2*layout%pair_count, gathered)
            by_row(layout%row_order) = gathered
            mean = 0.0_dp
            do j = 1, layout%nlat
                mean = mean + transform%weight(j)*by_row(j)
            end do
            mean = 0.5_dp*mean/real(transform%nlon, dp)
        end associate
    end function global_mean_of_rows

    !> Scale ps to its target mean, then q by one factor so that the mean of ps sum(q ds) is its target too. What the
    !! factor makes good is the error of truncation and of ln ps as a prognostic variable.
    subroutine fix_mass_and_water(transform, ds, target_ps, target_water, x, correction, status)
        type(transform_type), intent(inout) :: transform
        real(dp), intent(in) :: ds(:)               !< (nlev)
        real(dp), intent(in) :: target_ps           !< [Pa]
        real(dp), intent(in) :: target_water        !< mean of ps sum(q ds) [Pa]
        real(dp), intent(inout) :: x(:, :, :)       !< (1 + nlev, 2, ns) ln(ps/Pa) and q
        real(dp), intent(out) :: correction         !< water added over the water there was
        type(status_type), intent(inout) :: status
        real(dp) :: mean_ps, water
        logical :: holds_mean
        integer :: k

        call means(transform, ds, x, mean_ps, water)
        correction = 0.0_dp
        if (.not. abs(mean_ps/target_ps - 1.0_dp) < 0.1_dp) then
            call status%set(status_unstable, 'atmosphere: the global mean of the surface pressure is no longer '// &
                'near its start; shorten atmos_dt or strengthen the diffusion')
            return
        end if
        holds_mean = transform%layout%m_owner(0) == transform%comm%rank
        if (holds_mean) x(1, 1, 1) = x(1, 1, 1) + log(target_ps/mean_ps)
        water = water*(target_ps/mean_ps)
        if (water > 0.5_dp*target_water .and. water < 2.0_dp*target_water) then
            correction = target_water/water - 1.0_dp
            x(2:, :, :) = (target_water/water)*x(2:, :, :)
        else if (holds_mean) then  ! an atmosphere that starts dry has nothing to scale
            do k = 1, size(ds)
                x(1 + k, 1, 1) = x(1 + k, 1, 1) + (target_water - water)/target_ps
            end do
        end if
    end subroutine fix_mass_and_water

    !> Global means of ps and of ps sum(q ds). Collective.
    subroutine means(transform, ds, x, mean_ps, water)
        type(transform_type), intent(inout) :: transform
        real(dp), intent(in) :: ds(:), x(:, :, :)
        real(dp), intent(out) :: mean_ps, water     !< [Pa]
        real(dp) :: grid(transform%nlon, 1 + size(ds), 2), ps(transform%nlon)
        real(dp), dimension(transform%layout%nrows) :: row_ps, row_water
        integer :: pair, side, row, k

        call transform%synthesize(size(x, 1), x)
        do pair = 1, transform%layout%npairs
            call transform%pair_to_grid(size(x, 1), pair, grid)
            do side = 1, 2
                row = merge(pair, transform%layout%nrows + 1 - pair, side == 1)
                ps = exp(grid(:, 1, side))
                row_ps(row) = sum(ps)
                row_water(row) = 0.0_dp
                do k = 1, size(ds)
                    row_water(row) = row_water(row) + ds(k)*sum(ps*grid(:, 1 + k, side))
                end do
            end do
        end do
        mean_ps = global_mean_of_rows(transform, row_ps)
        water = global_mean_of_rows(transform, row_water)
    end subroutine means
end module atmos_water_mod
